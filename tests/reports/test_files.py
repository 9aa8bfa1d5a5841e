"""Files of a run: whole lines, whole files, and a folder that belongs to one run."""

import resource
import subprocess
import sys
from contextlib import contextmanager

import pytest

from saveproof.reports import store
from saveproof.reports.files import Claim, Claimed, NotWritten, append_line, write


@contextmanager
def room_for(size):
    """Have no file become longer than so many bytes, as on a disk that is full then."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_line_that_has_no_room_is_not_begun(tmp_path):
    file = tmp_path / "lines"
    append_line(file, b"one")

    with room_for(10), pytest.raises(NotWritten, match=r"lines: can't be written: File too large"):
        append_line(file, b"another, and longer")

    assert file.read_bytes() == b"one\n"
    append_line(file, b"two")
    assert file.read_bytes() == b"one\ntwo\n"


def test_half_a_line_of_another_process_is_ended_first(tmp_path):
    file = tmp_path / "lines"
    file.write_bytes(b"one\ntw")

    append_line(file, b"three")

    assert file.read_bytes() == b"one\ntw\nthree\n"


def test_a_file_that_has_no_room_leaves_the_earlier_one(tmp_path):
    file = tmp_path / "report.html"
    write(file, b"earlier")

    with room_for(10), pytest.raises(NotWritten, match="free some space, or name another folder"):
        write(file, b"later, and longer")

    assert file.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_belongs_to_one_run(tmp_path):
    claim = Claim(tmp_path / "out")

    with pytest.raises(Claimed, match=r"out.* is in use by another run"):
        Claim(tmp_path / "out")

    claim.release()
    Claim(tmp_path / "out").release()


def test_a_folder_is_free_once_the_process_of_its_run_has_ended(tmp_path):
    program = (
        "import os, sys; from pathlib import Path; from saveproof.reports.files import Claim\n"
        "claim = Claim(Path(sys.argv[1])); os._exit(7)"
    )

    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)

    assert done.returncode == 7
    Claim(tmp_path).release()


def test_a_folder_belongs_to_a_run_as_long_as_a_worker_of_its_lives(tmp_path):
    claim = Claim(tmp_path)
    worker = Claim(tmp_path, joins=True)
    claim.release()

    with pytest.raises(Claimed):
        Claim(tmp_path)

    worker.release()
    Claim(tmp_path).release()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(NotWritten, match="can't be written: Not a directory"):
        Claim(tmp_path / "file" / "out")


def test_what_stands_around_half_a_line_of_a_shard_is_read_and_the_run_is_incomplete(tmp_path, run):
    store.begin(tmp_path, run.header)
    shard = store.shard(tmp_path, "gw0")
    store.append(shard, run.results[0])
    with shard.open("ab") as stream:
        stream.write(b'{"record": "result", "sub')
    store.append(shard, run.results[1])

    assert sorted(r.slot for r in store.read(tmp_path).results) == sorted(
        r.slot for r in run.results[:2]
    )
    found = store.write_run(tmp_path, header=run.header, finished="then", seconds=3.0)
    assert len(found.results) == 2
    assert not found.complete


def test_a_shard_on_a_full_disk_stays_whole(tmp_path, run):
    store.begin(tmp_path, run.header)
    shard = store.shard(tmp_path, "gw0")
    store.append(shard, run.results[0])
    with room_for(shard.stat().st_size + 20), pytest.raises(NotWritten):
        store.append(shard, run.results[1])
    store.append(shard, run.results[2])

    found = store.write_run(tmp_path, header=run.header, finished="then", seconds=3.0)

    assert {r.slot for r in found.results} == {run.results[0].slot, run.results[2].slot}
    assert found.complete
