"""Why a child process may give no answer."""

import signal
import traceback
from collections.abc import Callable
from enum import StrEnum
from types import FrameType
from typing import TypeVar

import msgspec

from saveproof.conformance.model_state.subject import Unsupported
from saveproof.conformance.processes.memory import in_words

T = TypeVar("T")

OUT_OF_MEMORY = ("MemoryError", "std::bad_alloc", "memory allocation of ")
"""The last words of Python, C++ and Rust where they get no memory."""

FROM_OUTSIDE = frozenset(
    code
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGTERM)
    for code in (-number, 128 + number)
)
"""Exit codes of a process that another one ended; a sum is the code where its server was ended."""


ENDING = (KeyboardInterrupt, MemoryError, SystemExit)
"""Exceptions that end a subject's process; every other exception of a subject is a finding.

Not every exception is an `Exception`: torch's `CheckpointException` is none.
"""


class Fault(msgspec.Struct, frozen=True):
    """An exception of another process; `kind` is `module.Class`.

    It is `unsupported` where the subject says that it can't do what the case asks for. `function`
    is the framework's innermost function that raised, empty where none is known.
    """

    kind: str = "builtins.Exception"
    message: str = ""
    traceback: str = ""
    unsupported: bool = False
    function: str = ""


OURS = ("saveproof.conformance.", "saveproof.strategies.")
"""The beginnings of names of modules that call a framework, and are none."""


def fault_of(error: BaseException) -> Fault:
    """Return the exception's class, message, traceback and function."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    words = "".join(traceback.format_exception(error))[-6000:]
    return Fault(kind, str(error), words, isinstance(error, Unsupported), _function(error))


def _function(error: BaseException) -> str:
    """Return the innermost function of the package that our code called, as `module.function`.

    What that package calls in turn, such as h5py, raises the same error for many causes. The
    packages around the module are left out: releases move a module more often than they rename it.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    called = [(_module(one), one.f_code.co_qualname) for one in frames]
    foreign = [(module, name) for module, name in called if not module.startswith(OURS)]
    package = foreign[0][0].partition(".")[0] if foreign else ""
    inside = [(module, name) for module, name in foreign if module.partition(".")[0] == package]
    return ".".join((inside[-1][0].rpartition(".")[2], inside[-1][1])) if inside else ""


def _module(frame: FrameType) -> str:
    """Return the name of the frame's module, also of the one that runs as a program."""
    spec = frame.f_globals.get("__spec__")
    return str(spec.name if spec else frame.f_globals.get("__name__", ""))


class Ending(StrEnum):
    """Why a call of a child process gave no answer."""

    CRASHED = "Crashed"
    """The process ended during the call."""
    OUT_OF_MEMORY = "OutOfMemory"
    """The process reached its memory limit, and ended."""
    KILLED = "Killed"
    """Another process ended it by a signal, as the kernel does where memory is short."""
    TIMED_OUT = "TimedOut"
    """The process gave no answer in time, and was ended."""
    RAISED = "Raised"
    """The called function raised, and the process goes on."""


class NoAnswer(RuntimeError):
    """A call of a child process gave no answer, for the reason that `ending` names.

    `code` is the exit code, or minus the signal; `fault` is what the called function raised.
    """

    fault = Fault()

    def __init__(self, ending: Ending, words: str, code: int = 1) -> None:
        super().__init__(words)
        self.ending, self.code = ending, code

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self.ending is not Ending.RAISED

    @property
    def summary(self) -> str:
        """The line that says what happened: the last one of a traceback, else the first."""
        words = str(self)
        return words.partition("\n")[0] if self.ended else words.rstrip().rpartition("\n")[2]


def raised(fault: Fault) -> NoAnswer:
    """Return the error for an exception of the called function; it shows the child's traceback."""
    error = NoAnswer(Ending.RAISED, fault.traceback or fault.message)
    error.fault = fault
    return error


def crash(code: int, words: str, *, memory: float, called: str = "process") -> NoAnswer:
    """Return the error for the end of a process that had so many GiB."""
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    what, ending = f"the {called} ended with {how}", Ending.CRASHED
    if any(sign in words for sign in OUT_OF_MEMORY):
        what, ending = (
            f"the {called} reached its memory limit{in_words(memory)}",
            Ending.OUT_OF_MEMORY,
        )
    elif code in FROM_OUTSIDE:
        ending = Ending.KILLED
    return NoAnswer(ending, f"{what}\n{words}".rstrip(), code)


def asked_again(ask: Callable[[], T]) -> T:
    """Return the result of a child's call, made once more if another process ended the child.

    The kernel ends processes where a machine is short of memory, and so do people. A second such
    end says something of the request.
    """
    try:
        return ask()
    except NoAnswer as error:
        if error.ending is not Ending.KILLED:
            raise
    return ask()
