"""Child processes that may crash or hang, started with the first request."""

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from saveproof.conformance.model_state.subject import UnusableSubject
from saveproof.conformance.processes import serving
from saveproof.conformance.processes.descendants import end_descendants
from saveproof.conformance.processes.endings import Ending, NoAnswer, crash
from saveproof.conformance.processes.framing import FRAMES, LINES, Framing

_TAIL = 4000
_PIPE = 1 << 16
"""Bytes that a pipe holds on Linux."""
_POLL = 0.2
"""Seconds between two checks that a silent process still runs."""
_MARK = "TMPDIR"
"""The variable that all processes of a child inherit; its value is the child's folder."""
_GRACE = 10.0
"""Seconds that a process that has closed its pipe has to end by itself."""


@dataclass(frozen=True)
class Launch:
    """The start of a process: command, added environment variables, framing of its pipes."""

    command: tuple[str, ...]
    added: tuple[tuple[str, str], ...] = ()
    framing: Framing = LINES


class Host:
    """A process that answers requests, one after the other, on its standard input and output.

    It starts with the first request, and anew with the first after a crash or a time-out.
    It leads a session of its own. All processes that it has started end with it, also those that
    have left the session (see `saveproof.conformance.processes.descendants`).
    Its temporary files are in a folder of its own, which is removed at any end of the process.
    Errors name the process as `called`, and its `memory` in GiB.
    """

    def __init__(self, launch: Launch, *, called: str = "process", memory: float = 0.0) -> None:
        self._launch = launch
        self._called = called
        self._memory = memory
        self._running: _Running | None = None
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
        """Return the result of a request.

        Raises:
            UnusableSubject: the command can't be run.
            NoAnswer: the process ended (the message has its exit code or signal and last words),
                answered another request, was killed after `seconds`, or its function raised.
        """
        running = self._started()
        deadline = time.monotonic() + seconds
        self._asked += 1
        try:
            running.send(self._launch.framing.request(self._asked, request), deadline)
            return running.result(self._asked, deadline)
        except BrokenPipeError:
            raise self._crashed(running) from None
        except (NoAnswer, KeyboardInterrupt) as error:
            if not isinstance(error, NoAnswer) or error.ended:
                self.close()
            raise

    def close(self) -> None:
        """End the process, if there is one."""
        if self._running is not None:
            self._running.end()
        self._running = None

    def _started(self) -> "_Running":
        if self._running is None:
            self._running = _Running(self._launch)
        return self._running

    def _crashed(self, running: "_Running") -> NoAnswer:
        code, words = running.exit_code(), running.last_words()
        self.close()
        return crash(code, words, memory=self._memory, called=self._called)


class Child(Host):
    """A process of ours that serves one function, `module:function` of bytes to bytes.

    It may have so many GiB of `memory`, and so may each process that it starts; 0 is as much as
    this process may have.
    """

    def __init__(self, function: str, *, memory: float = 0.0) -> None:
        program = (sys.executable, "-P", "-m", serving.__name__)
        variables = (("PYTHONPATH", importable()),)
        arguments = (function, str(memory), str(os.getpid()))
        super().__init__(Launch((*program, *arguments), variables, FRAMES), memory=memory)


class _Running:
    """A process that was started, with its pipes, its errors and its folder."""

    def __init__(self, launch: Launch) -> None:
        self._framing = launch.framing
        self._received = bytearray()
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed at its end
        self._folder = tempfile.TemporaryDirectory(prefix="saveproof-", ignore_cleanup_errors=True)
        try:
            self._process = subprocess.Popen(
                launch.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env={**os.environ, **dict(launch.added), _MARK: self._folder.name},
                start_new_session=True,
            )
        except OSError as error:
            self._forget()
            raise UnusableSubject(f"{launch.command[0]!r} did not start: {error}") from error
        self._requests = _opened(self._process.stdin)
        self._answers = _opened(self._process.stdout)
        os.set_blocking(self._requests.fileno(), False)

    def send(self, message: bytes, deadline: float) -> None:
        """Write the message.

        Raises:
            BrokenPipeError, NoAnswer: the process has ended, or did not read it in time.
        """
        left = memoryview(message)
        while left:
            try:
                left = left[os.write(self._requests.fileno(), left) :]
            except BlockingIOError:
                self._wait([], [self._requests], deadline)

    def result(self, number: int, deadline: float) -> bytes:
        """Read the result of that request.

        Raises:
            BrokenPipeError, NoAnswer: the process has ended, or did not answer in time.
            NoAnswer, ProtocolError: as the framing says.
        """
        while (message := self._framing.answer(self._received, number)) is None:
            self._wait([self._answers], [], deadline)
            part = os.read(self._answers.fileno(), _PIPE)
            if not part:
                raise BrokenPipeError
            self._received += part
        return message

    def exit_code(self) -> int:
        """Return the exit code of a process that has closed its pipe; kill it if it goes on."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(_GRACE)
        self._process.kill()
        return self._process.wait()

    def last_words(self) -> str:
        """Return the end of its standard error."""
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - _TAIL))
        return self._errors.read().decode(errors="replace")

    def end(self) -> None:
        """Kill it and all that it has started; wait for it alone, as others may hold its pipes."""
        process = self._process
        if process.poll() is None:
            process.send_signal(signal.SIGSTOP)
        end_descendants(process.pid, f"{_MARK}={self._folder.name}")
        with suppress(ProcessLookupError, PermissionError):  # nobody is left of them, but zombies
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._requests.close()
        self._answers.close()
        self._forget()

    def _wait(self, readable: list[IO[bytes]], writable: list[IO[bytes]], deadline: float) -> None:
        """Wait until a pipe is ready.

        An end of the process does not close a pipe that a forked process holds.

        Raises:
            BrokenPipeError: the process has ended.
            NoAnswer: neither came before the deadline, which is of `time.monotonic`.
        """
        while True:
            ended = self._process.poll() is not None
            left = max(0.0, deadline - time.monotonic())
            if any(select.select(readable, writable, [], 0.0 if ended else min(left, _POLL))):
                return
            if ended:
                raise BrokenPipeError
            if not left:
                raise NoAnswer(Ending.TIMED_OUT, "no answer in time: the process was ended")

    def _forget(self) -> None:
        self._errors.close()
        self._folder.cleanup()


def importable() -> str:
    """Return the import path of a process: this one's, with the current folder last.

    A checkout of a framework in that folder must not hide the installed one. If `PYTHONPATH` names
    the folder, it keeps its place.
    """
    here = Path.cwd()
    named = [Path(p).absolute() for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    kept = [p for p in sys.path if p and (here in named or Path(p).absolute() != here)]
    return os.pathsep.join([*kept, str(here)])


def _opened(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise BrokenPipeError
    return pipe
