"""What is written is compared with what the disk has; what goes wrong there is an error here."""

import os
import subprocess
import sys

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.saving.atomic_file import DurableFile, WrittenWrong


def model():
    keras.backend.clear_session()
    return keras.Sequential([keras.Input((600,)), keras.layers.Dense(600)], name="large")


def save(target):
    if target.name == "checkpoint-of-weights":
        model().save_weights(target, save_format="tf")
    else:
        model().save(target)


NAMES = ("m.h5", "m.keras", "checkpoint-of-weights")


@pytest.mark.parametrize("name", NAMES)
def test_a_disk_that_fails_fails_the_save_and_leaves_the_old_file(tmp_path, monkeypatch, name):
    save(tmp_path / name)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

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
    for lost in (2, 3):
        written = []

        def write(number, content, written=written, lost=lost, whole=os.write):
            written.append(len(content))
            other = bytes(content[:-1]) + bytes([content[-1] ^ 1])
            return whole(number, other if len(written) == lost else content)

        with monkeypatch.context() as patched:
            patched.setattr(os, "write", write)
            with pytest.raises(WrittenWrong, match=f"on the disk .*differ.*{name}"):
                save(tmp_path / name)

        assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_bytes_that_are_written_again_are_compared_with_the_latter(tmp_path):
    """A zip file's header is written before its member and again behind it."""
    content = np.random.default_rng(3).bytes(300_000)
    with DurableFile(tmp_path / "file") as file:
        file.write(b"first")
        file.write(content)
        file.seek(0)
        file.write(b"again")
        file.to_disk()

    assert (tmp_path / "file").read_bytes() == b"again" + content


def test_interrupted_saves_and_loads_do_not_end_the_process(tmp_path):
    """An interrupt in the midst of a call of h5py leaves what it has opened open."""
    code = """if True:
        import random, signal, sys
        from saveproof import reference_impl as keras

        def interrupt(*_):
            raise KeyboardInterrupt

        signal.signal(signal.SIGALRM, interrupt)
        layers = [keras.layers.Dense(8) for _ in range(9)]
        model = keras.Sequential([keras.Input((8,)), *layers])
        model.save_weights(sys.argv[1])
        draw, interrupted = random.Random(0), 0
        for deed in 100 * [model.save_weights, model.load_weights]:
            try:
                signal.setitimer(signal.ITIMER_REAL, draw.uniform(0.0001, 0.003))
                deed(sys.argv[1])
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                interrupted += 1
            except RuntimeError as error:  # Python's own threading, of an interrupt in its locks
                if not isinstance(error.__context__, KeyboardInterrupt):
                    raise
                interrupted += 1
        model.load_weights(sys.argv[1])
        print("interrupted", interrupted > 20)
        """
    run = [sys.executable, "-c", code, str(tmp_path / "w.h5")]
    ended = subprocess.run(run, check=False, capture_output=True, text=True)

    assert (ended.returncode, ended.stdout) == (0, "interrupted True\n")
