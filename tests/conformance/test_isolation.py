"""Child processes: answers, exceptions, crashes and hangs all come back to the caller."""

import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from saveproof.conformance.processes.endings import Ending, NoAnswer
from saveproof.conformance.processes.isolation import Child, Host, Launch

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


def fork(message: bytes) -> bytes:
    """Fork a process that sleeps on with every pipe; return its id, or hang or die at the word."""
    worker = os.fork()
    if not worker:
        time.sleep(60)
        os._exit(0)
    if message == b"die":
        os.abort()
    if message == b"hang":
        time.sleep(60)
    return b"%d %d" % (os.getpid(), worker)


def come_out_twice(message: bytes) -> bytes:
    """Fork at the word, and return in both processes; return the id and the message."""
    if message == b"fork" and (forked := os.fork()):
        os.waitpid(forked, 0)
    return b"%d %s" % (os.getpid(), message)


def speak_out_of_turn(message: bytes) -> bytes:
    """Write an answer of the number that the message says to the pipe, and then the true one."""
    frame: Any = sys._getframe()
    while "answers" not in frame.f_locals:  # those of `serve`, which has called this
        frame = frame.f_back
    frame.f_locals["answers"].write(struct.pack("<cQQ", b"A", int(message), 5) + b"wrong")
    return b"right"


def read_input(message: bytes) -> bytes:
    """Return what a subprocess reads of the standard input that it has by inheritance."""
    program = "import sys; sys.stdout.write(sys.stdin.read(1))"
    return (
        message
        + subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True).stdout
    )


def open_child(message: bytes) -> bytes:
    """Have a child of this process fork; return the ids of all three."""
    nested = Child(f"{HERE}:fork")
    return b"%d %s" % (os.getpid(), nested.call(message, seconds=30))


def hold_child(function: str, request: str) -> None:
    """Write the answer of a child's call, and then do nothing for long: a program."""
    child = Child(f"{HERE}:{function}")
    sys.stdout.write(child.call(request.encode(), seconds=30).decode() + "\n")
    sys.stdout.flush()
    time.sleep(60)


def lives(process: int) -> bool:
    """Say whether the process is there, and is no zombie."""
    with suppress(OSError):
        stat = Path(f"/proc/{process}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] not in "ZX"
    return False


def all_end(processes: list[int]) -> bool:
    """Say whether all of the processes end before long."""
    deadline = time.monotonic() + 10
    while any(map(lives, processes)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(lives, processes))


def test_answer_of_any_length_comes_back():
    message = bytes(range(256)) * 20_000

    with Child(f"{HERE}:echo") as child:
        assert child.call(message, seconds=30) == message
        assert child.call(b"", seconds=30) == b""


def test_exception_comes_back_with_its_traceback_and_the_process_lives():
    with Child(f"{HERE}:fail") as child:
        for word in (b"one", b"two"):
            with pytest.raises(NoAnswer, match=f"ValueError: {word.decode()}"):
                child.call(word, seconds=30)


def test_a_subprocess_reads_nothing_of_the_requests():
    with Child(f"{HERE}:read_input") as child:
        assert child.call(b"one", seconds=20) == b"one"
        assert child.call(b"two", seconds=20) == b"two"


def test_crash_tells_signal_and_last_words_and_the_next_call_starts_anew():
    with Child(f"{HERE}:die") as child:
        first = child.call(b"", seconds=30)
        with pytest.raises(NoAnswer, match=r"(?s)SIGABRT.*last words"):
            child.call(b"die", seconds=30)

        assert child.call(b"", seconds=30) != first


def test_hang_is_ended_in_time():
    started = time.monotonic()

    with Child(f"{HERE}:hang") as child:
        child.call(b"0", seconds=30)
        with pytest.raises(NoAnswer, match="no answer in time"):
            child.call(b"60", seconds=0.3)

    assert time.monotonic() - started < 30


def test_a_process_that_reads_nothing_is_ended_in_time():
    """More is sent than its pipe holds."""
    with Host(Launch(("sleep", "60"))) as host, pytest.raises(NoAnswer, match="no answer in time"):
        host.call(b"x" * 1_000_000, seconds=0.5)


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
            with pytest.raises(NoAnswer, match="process ended with"):
                child.call(last.encode(), seconds=30)

    assert list(tmp_path.iterdir()) == []


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")


@needs_proc
def test_what_the_process_has_forked_ends_with_it_and_holds_nothing_up():
    started = time.monotonic()
    with Child(f"{HERE}:fork") as child:
        forked = [int(word) for word in child.call(b"", seconds=30).split()]

    assert all_end(forked)
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(("word", "ending"), [("hang", Ending.TIMED_OUT), ("die", Ending.CRASHED)])
def test_crash_or_hang_is_told_in_time_where_a_forked_process_has_the_pipes(word, ending):
    with Child(f"{HERE}:fork") as child:
        child.call(b"", seconds=30)
        started = time.monotonic()
        with pytest.raises(NoAnswer) as raised:
            child.call(word.encode(), seconds=0.7 if word == "hang" else 30)

    assert raised.value.ending is ending
    assert time.monotonic() - started < 15


def test_a_fork_in_the_function_answers_once():
    with Child(f"{HERE}:come_out_twice") as child:
        process, _, _ = child.call(b"one", seconds=30).partition(b" ")
        answers = [child.call(word, seconds=30) for word in (b"fork", b"two", b"three")]

    assert answers == [process + b" " + word for word in (b"fork", b"two", b"three")]


def test_an_answer_to_an_earlier_request_is_dropped():
    with Child(f"{HERE}:speak_out_of_turn") as child:
        assert child.call(b"0", seconds=30) == b"right"
        assert child.call(b"1", seconds=30) == b"right"


def test_an_answer_to_a_request_that_was_not_made_is_a_crash():
    with Child(f"{HERE}:speak_out_of_turn") as child:
        with pytest.raises(NoAnswer, match="answered request 7 where 1 was asked"):
            child.call(b"7", seconds=30)

        assert child.call(b"1", seconds=30) == b"right"


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_the_one_that_started_it(number):
    """However that ends, and whatever it has started in turn."""
    program = f"from {HERE} import hold_child; hold_child('open_child', '')"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        children = [int(word) for word in parent.stdout.readline().split()]
        assert all(map(lives, children))
        parent.send_signal(number)
        parent.wait(10)

    assert len(children) == 3
    assert all_end(children)


@needs_proc
def test_a_busy_process_ends_with_the_one_that_started_it():
    program = f"from {HERE} import hold_child; hold_child('hang', '60')"
    with subprocess.Popen([sys.executable, "-c", program]) as parent:
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        while not (begun := children.read_text().split()):
            time.sleep(0.02)
        time.sleep(0.5)
        parent.kill()

    assert all_end([int(word) for word in begun])


def test_the_current_folder_hides_nothing_that_is_installed(tmp_path, monkeypatch):
    """A subject in it is found all the same; `python -m pytest` puts it first in this process."""
    (tmp_path / "typer.py").write_text("")
    (tmp_path / "mine_here.py").write_text(
        "import typer\n\n\ndef where(_):\n    return typer.__file__.encode()\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    with Child("mine_here:where") as child:
        told = Path(child.call(b"", seconds=30).decode())

    assert told.parts[-2:] == ("typer", "__init__.py")


def test_the_current_folder_comes_first_where_it_was_named(tmp_path, monkeypatch):
    (tmp_path / "typer.py").write_text("def where(_):\n    return b'here'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with Child("typer:where") as child:
        assert child.call(b"", seconds=30) == b"here"
