"""Child processes that may crash or hang: calls of bytes to bytes over two pipes.

A request is its number, a length and so many bytes; an answer is a kind, the number of its request,
a length and so many bytes.
"""

import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from saveproof.conformance.processes.descendants import end_descendants, keep_descendants
from saveproof.conformance.processes.endings import (
    Crashed,
    Failed,
    TimedOut,
    crash,
    ending_without_memory,
    limit_memory,
)

_REQUEST = struct.Struct("<QQ")
_REPLY = struct.Struct("<cQQ")
_ANSWER, _ERROR = b"A", b"E"
_TAIL = 4000
_GLANCE = 0.2
"""Seconds between two looks at whether a silent process is still there."""
_MARK = "TMPDIR"
"""The variable that every process which a child has started inherits, with a folder of its own."""
_PARTING = 10.0
"""Seconds that a process has to end once it has closed its pipe."""


class Child:
    """A process that serves one function, `module:function` of bytes to bytes, call after call.

    It starts with the first call, and anew with the first call after a crash or a time-out.
    It is the leader of a session of its own: what it has started is ended with it, and so is what
    has left the session (see `saveproof.conformance.processes.descendants`).
    Its temporary files lie in a folder of its own, which is removed however the process ends.
    It may have so many GiB of `memory`, and so may each process that it starts; 0 is as much as
    this process may have.
    """

    def __init__(self, function: str, *, memory: float = 0.0) -> None:
        self._function = function
        self._memory = memory
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._asked = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def call(self, request: bytes, *, seconds: float) -> bytes:
        """Return the function's answer.

        Raises:
            Crashed: the process ended, or answered what was not asked; the message has its exit
                code or signal and last words.
            TimedOut: `seconds` passed without an answer; the process was killed.
            Failed: the function raised.
        """
        process = self._running()
        deadline = time.monotonic() + seconds
        try:
            self._asked += 1
            _write(process.stdin, _REQUEST.pack(self._asked, len(request)), request)
            kind, answer = self._answer(process, deadline)
        except BrokenPipeError:
            raise self._crashed() from None
        except KeyboardInterrupt:
            self.close()
            raise
        if kind == _ERROR:
            raise Failed(answer.decode())
        return answer

    def _answer(self, process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bytes]:
        """Return the kind and the bytes of the answer to the last request.

        An answer to an earlier request is dropped: that one has been answered already.
        """
        number = 0
        while number != self._asked:
            kind, number, length = _REPLY.unpack(self._read(process, _REPLY.size, deadline))
            if number > self._asked or kind not in (_ANSWER, _ERROR):
                self.close()
                raise Crashed(
                    f"the process answered request {number} where {self._asked} was asked: "
                    "the subject writes to the pipe of the answers; the process was ended"
                )
            answer = self._read(process, length, deadline)
        return kind, answer

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            _end(self._process, _mark(self._folder))
        if self._errors is not None:
            self._errors.close()
        if self._folder is not None:
            self._folder.cleanup()
        self._process = self._errors = self._folder = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
            self._folder = tempfile.TemporaryDirectory(
                prefix="saveproof-", ignore_cleanup_errors=True
            )
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m"),
                    "saveproof.conformance.processes.isolation",
                    self._function,
                    str(self._memory),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=os.environ | {"PYTHONPATH": importable(), _MARK: self._folder.name},
                start_new_session=True,
            )
        return self._process

    def _read(self, process: subprocess.Popen[bytes], size: int, deadline: float) -> bytes:
        source = _opened(process.stdout).fileno()
        parts: list[bytes] = []
        while size:
            part = b""
            try:
                if speaks(process, source, deadline):
                    part = os.read(source, min(size, 1 << 20))
            except TimedOut:
                self.close()
                raise
            if not part:
                raise self._crashed()
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _crashed(self) -> Crashed:
        code = exit_code(self._process) if self._process is not None else 0
        words = ""
        if self._errors is not None:
            self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - _TAIL))
            words = self._errors.read().decode(errors="replace")
        self.close()
        return crash(code, words, memory=self._memory)


def importable() -> str:
    """Return what a process may import: what this one can, the current folder last.

    A checkout of a framework there must not hide the one that is installed; where `PYTHONPATH`
    names the folder, it stays where it is.
    """
    here = Path.cwd()
    named = [Path(p).absolute() for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    kept = [p for p in sys.path if p and (here in named or Path(p).absolute() != here)]
    return os.pathsep.join([*kept, str(here)])


def speaks(process: subprocess.Popen[bytes], source: int, deadline: float) -> bool:
    """Wait until there is something to read, or the process has ended; say which.

    That it has ended closes no pipe that another holds which it has forked.

    Raises:
        TimedOut: neither came before the deadline, which is of `time.monotonic`.
    """
    while True:
        ended = process.poll() is not None
        left = max(0.0, deadline - time.monotonic())
        if select.select([source], [], [], 0.0 if ended else min(left, _GLANCE))[0]:
            return True
        if ended:
            return False
        if not left:
            raise TimedOut("no answer in time: the process was ended")


def exit_code(process: subprocess.Popen[bytes]) -> int:
    """Return how a process ended that has closed its pipe; one that goes on is killed."""
    with suppress(subprocess.TimeoutExpired):
        return process.wait(_PARTING)
    process.kill()
    return process.wait()


def serve(function: Callable[[bytes], bytes], requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until the other side closes, each under its number.

    A process that the function has forked, and that comes out of it too, ends without an answer.
    """
    process = os.getpid()
    while head := requests.read(_REQUEST.size):
        number, length = _REQUEST.unpack(head)
        request = requests.read(length)
        try:
            kind, answer = _ANSWER, function(request)
        except Exception:  # noqa: BLE001 - whatever the function raised is the caller's answer
            kind, answer = _ERROR, traceback.format_exc().encode()
        if os.getpid() != process:
            os._exit(0)
        _write(answers, _REPLY.pack(kind, number, len(answer)), answer)


def main(function: str, memory: float) -> None:
    """Serve the named function on this process's pipes, with so many GiB; 0 is no limit."""
    limit_memory(memory)
    module, _, name = function.partition(":")
    requests, answers = own_pipes()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_descendants()
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    serve(ending_without_memory(getattr(import_module(module), name)), requests, answers)
    _end_here()


def own_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Return standard input and output, which nothing else reads or writes any more.

    What is printed goes to standard error, and there is nothing to read, here or in a subprocess.
    """
    requests = os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), sys.stdin.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return requests, answers


def end_with(parent: int) -> None:
    """End this process, whatever it is doing, when the one that asked for it is gone.

    What it has started ends with it where it leads a session.
    """
    while os.getppid() == parent:
        time.sleep(1.0)
    _end_here()


def _end_here() -> None:
    end_descendants(os.getpid())
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _mark(folder: tempfile.TemporaryDirectory[str] | None) -> str:
    """Return the entry that the environment of what a child has started has."""
    return "" if folder is None else f"{_MARK}={folder.name}"


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    """Kill the process and what it has started; wait for it alone, whoever else has its pipes."""
    if process.poll() is None:
        process.send_signal(signal.SIGSTOP)
    end_descendants(process.pid, mark)
    with suppress(ProcessLookupError, PermissionError):  # nobody is left of them, but zombies
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with suppress(BrokenPipeError):  # of what was not sent any more
            _opened(pipe).close()


def _write(target: IO[bytes] | None, head: bytes, message: bytes) -> None:
    pipe = _opened(target)
    pipe.write(head)
    pipe.write(message)
    pipe.flush()


def _opened(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise BrokenPipeError
    return pipe


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
