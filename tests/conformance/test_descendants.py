"""What a child process has started, daemons among it, ends with that process."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from saveproof.conformance.processes.endings import NoAnswer
from saveproof.conformance.processes.isolation import Child
from tests.conformance.test_isolation import all_end, lives

HERE = "tests.conformance.test_descendants"


def leave_a_daemon(message: bytes) -> bytes:
    """Start a daemon, in a session of its own and without a parent; end at the word."""
    reading, writing = os.pipe()
    if not os.fork():
        os.setsid()
        daemon = os.fork()
        if daemon:
            os.write(writing, b"%d" % daemon)
            os._exit(0)
        time.sleep(60)
        os._exit(0)
    told = os.read(reading, 20)
    if message:
        Path(message.decode()).write_bytes(told)
        os.abort()
    return b"%d %s" % (os.getpid(), told)


def leave_a_server(message: bytes) -> bytes:
    """Start a process that leads a session and has a folder of its own, in this one's; end."""
    with tempfile.TemporaryDirectory() as folder:
        variables = os.environ | {"TMPDIR": folder}
        left = subprocess.Popen(["sleep", "60"], env=variables, start_new_session=True)
        Path(message.decode()).write_text(str(left.pid))
        os.abort()


def hold_daemon() -> None:
    """Write the ids of a child and its daemon, and then do nothing for long: a program."""
    sys.stdout.write(Child(f"{HERE}:leave_a_daemon").call(b"", seconds=30).decode() + "\n")
    sys.stdout.flush()
    time.sleep(60)


linux = pytest.mark.skipif(sys.platform != "linux", reason="a daemon is adopted on Linux only")


@linux
def test_a_daemon_of_the_process_ends_with_it():
    with Child(f"{HERE}:leave_a_daemon") as child:
        processes = [int(word) for word in child.call(b"", seconds=30).split()]
        assert all(map(lives, processes))

    assert all_end(processes)


@linux
def test_a_daemon_of_a_process_that_has_crashed_ends_too(tmp_path):
    told = tmp_path / "daemon"
    with (
        Child(f"{HERE}:leave_a_daemon") as child,
        pytest.raises(NoAnswer, match="ended with"),
    ):
        child.call(str(told).encode(), seconds=30)

    assert all_end([int(told.read_text())])


@linux
def test_a_server_of_a_process_that_has_crashed_ends_too(tmp_path):
    told = tmp_path / "server"
    with (
        Child(f"{HERE}:leave_a_server") as child,
        pytest.raises(NoAnswer, match="ended with"),
    ):
        child.call(str(told).encode(), seconds=30)

    assert all_end([int(told.read_text())])


@linux
def test_a_daemon_ends_with_the_process_that_asked():
    program = f"from {HERE} import hold_daemon; hold_daemon()"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        processes = [int(word) for word in parent.stdout.readline().split()]
        parent.kill()

    assert len(processes) == 2
    assert all_end(processes)
