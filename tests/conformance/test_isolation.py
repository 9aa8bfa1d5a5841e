"""Child processes: answers, exceptions, crashes and hangs all come back to the caller."""

import os
import sys
import tempfile
import time
from pathlib import Path

import pytest

from conformance.isolation import Child, Crashed, Failed, TimedOut

HERE = "tests.conformance.test_isolation"


def echo(message: bytes) -> bytes:
    """Return the message, and print something that must not disturb the pipe."""
    print("noise")  # noqa: T201 - what a framework prints
    return message


def fail(message: bytes) -> bytes:
    """Raise."""
    raise ValueError(message.decode())


def die(message: bytes) -> bytes:
    """End the process at the word."""
    if message == b"die":
        sys.stderr.write("last words\n")
        sys.stderr.flush()
        os.abort()
    return b"%d" % os.getpid()


def hang(message: bytes) -> bytes:
    """Sleep as many seconds as the message says."""
    time.sleep(float(message))
    return b"awake"


def leave_a_file(message: bytes) -> bytes:
    """Leave a temporary file behind; end the process at the word. Return its path."""
    handle, path = tempfile.mkstemp()
    os.close(handle)
    if message == b"die":
        os.abort()
    return path.encode()


def test_answer_of_any_length_comes_back():
    message = bytes(range(256)) * 20_000

    with Child(f"{HERE}:echo") as child:
        assert child.call(message, seconds=30) == message
        assert child.call(b"", seconds=30) == b""


def test_exception_comes_back_with_its_traceback_and_the_process_lives():
    with Child(f"{HERE}:fail") as child:
        for word in (b"one", b"two"):
            with pytest.raises(Failed, match=f"ValueError: {word.decode()}"):
                child.call(word, seconds=30)


def test_crash_tells_signal_and_last_words_and_the_next_call_starts_anew():
    with Child(f"{HERE}:die") as child:
        first = child.call(b"", seconds=30)
        with pytest.raises(Crashed, match=r"(?s)SIGABRT.*last words"):
            child.call(b"die", seconds=30)

        assert child.call(b"", seconds=30) != first


def test_hang_is_ended_in_time():
    started = time.monotonic()

    with Child(f"{HERE}:hang") as child:
        child.call(b"0", seconds=30)
        with pytest.raises(TimedOut):
            child.call(b"60", seconds=0.3)

    assert time.monotonic() - started < 30


def test_child_runs_in_another_process():
    with Child(f"{HERE}:die") as child:
        assert int(child.call(b"", seconds=30)) != os.getpid()


@pytest.mark.parametrize("last", ["", "die"])
def test_nothing_temporary_outlives_the_process(last, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Child(f"{HERE}:leave_a_file") as child:
        left = Path(child.call(b"", seconds=30).decode())
        assert left.exists()
        assert left.is_relative_to(tmp_path)
        if last:
            with pytest.raises(Crashed):
                child.call(last.encode(), seconds=30)

    assert list(tmp_path.iterdir()) == []
