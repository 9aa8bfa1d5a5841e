"""Large files go to the disk while they are written; what goes wrong there is an error here."""

import os

import google_crc32c
import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.saving import atomic_file
from saveproof.reference_impl.saving.atomic_file import DurableFile, WrittenWrong
from saveproof.reference_impl.saving.extents import LARGE, side_by_side, taken_apart


def model():
    keras.backend.clear_session()
    return keras.Sequential([keras.Input((600,)), keras.layers.Dense(600)], name="large")


def save(target):
    if target.name == "checkpoint-of-weights":
        model().save_weights(target, save_format="tf")
    else:
        model().save(target)


NAMES = ("m.h5", "m.keras", "checkpoint-of-weights")


@pytest.fixture
def flushes(monkeypatch):
    """Flush every 100 kB, and count how often."""
    counted = []
    monkeypatch.setattr(atomic_file, "AT_ONCE", 100_000)

    def fsync(number, flush=os.fsync):
        counted.append(number)
        flush(number)

    monkeypatch.setattr(os, "fsync", fsync)
    return counted


def test_bytes_go_to_the_disk_while_more_are_written(tmp_path, flushes):
    content = np.random.default_rng(0).bytes(1_000_000)

    with DurableFile(tmp_path / "file") as file:
        for start in range(0, len(content), 1000):
            assert file.write(content[start : start + 1000]) == 1000
        before = len(flushes)
        file.to_disk()

    assert 1 <= before < len(flushes) <= 11
    assert (tmp_path / "file").read_bytes() == content


@pytest.mark.parametrize("name", NAMES)
def test_a_disk_that_fails_meanwhile_fails_the_save_and_leaves_the_old_file(
    tmp_path, monkeypatch, name
):
    save(tmp_path / name)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    monkeypatch.setattr(atomic_file, "AT_ONCE", 100_000)

    def fsync(_):
        raise OSError(5, "the disk is gone")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="the disk is gone"):
        save(tmp_path / name)

    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_all_is_written_where_the_system_takes_a_part_at_a_time(tmp_path, monkeypatch):
    def write(number, content, whole=os.write):
        return whole(number, content[:1000])

    monkeypatch.setattr(os, "write", write)
    content = np.random.default_rng(2).bytes(12_345)
    with DurableFile(tmp_path / "file") as file:
        assert file.write(content) == len(content)
        file.to_disk()

    assert (tmp_path / "file").read_bytes() == content


@pytest.mark.parametrize("name", NAMES)
def test_a_disk_that_takes_bytes_and_has_others_fails_the_save(tmp_path, monkeypatch, name):
    """No error comes from it; in small parts, in large arrays."""
    save(tmp_path / name)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    monkeypatch.setattr(atomic_file, "AT_ONCE", 100_000)
    for lost in (2, 3):
        written = []

        def write(number, content, written=written, lost=lost, whole=os.write):
            written.append(len(content))
            other = bytes(content[:-1]) + bytes([content[-1] ^ 1])
            return whole(number, other if len(written) == lost else content)

        with monkeypatch.context() as patched:
            patched.setattr(os, "write", write)
            with pytest.raises(WrittenWrong, match=f"has other bytes than.*{name}"):
                save(tmp_path / name)

        assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_bytes_that_are_written_again_are_compared_with_the_latter(tmp_path, flushes):
    """A zip file's header is written before its member and again behind it."""
    content = np.random.default_rng(3).bytes(300_000)
    with DurableFile(tmp_path / "file") as file:
        file.write(b"first")
        file.write(content)
        file.seek(0)
        file.write(b"again")
        file.to_disk()

    assert (tmp_path / "file").read_bytes() == b"again" + content
    assert len(flushes) == 2


def test_pieces_read_by_several_threads_are_in_their_order(tmp_path):
    content = np.random.default_rng(1).integers(0, 256, 3 * LARGE + 100, dtype=np.uint8)
    content.tofile(tmp_path / "file")
    sizes = [50, LARGE, 0, LARGE, 30, LARGE, 20]

    pieces = taken_apart(tmp_path / "file", content, sizes, google_crc32c.extend)

    assert [part.size for part, _ in pieces] == sizes
    assert b"".join(part.tobytes() for part, _ in pieces) == content.tobytes()
    for part, checksum in pieces:
        assert checksum == google_crc32c.value(part.tobytes())


def test_an_error_of_one_thread_is_the_error_of_all():
    def read(number):
        if number == 3:
            raise ValueError("piece 3")
        return number

    with pytest.raises(ValueError, match="piece 3"):
        side_by_side(read, range(8), size=LARGE)
