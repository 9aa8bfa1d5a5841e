"""How a child process may end instead of answering."""

import signal
import traceback
from collections.abc import Callable
from typing import TypeVar

import msgspec

from saveproof.conformance.model_state.subject import Unsupported
from saveproof.conformance.processes.memory import in_words

T = TypeVar("T")

OUT_OF_MEMORY = ("MemoryError", "std::bad_alloc", "memory allocation of ")
"""What Python, C++ and Rust say last where they get no memory."""

FROM_OUTSIDE = frozenset(
    code
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGTERM)
    for code in (-number, 128 + number)
)
"""How a process ends that another has ended; the sums are of one whose own server was."""


ENDING = (KeyboardInterrupt, MemoryError, SystemExit)
"""What a call of a subject may raise that ends its process; all else that it raises is a finding.

Not every exception is an `Exception`: torch's `CheckpointException` is none.
"""


class Fault(msgspec.Struct, frozen=True):
    """An exception as another process tells of it; `kind` is `module.Class`.

    It is `unsupported` where the subject says that it can't do what the case asks for.
    """

    kind: str = "builtins.Exception"
    message: str = ""
    traceback: str = ""
    unsupported: bool = False


def fault_of(error: BaseException) -> Fault:
    """Return what there is to tell of an exception."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    words = "".join(traceback.format_exception(error))[-6000:]
    return Fault(kind, str(error), words, isinstance(error, Unsupported))


class IsolationError(RuntimeError):
    """A call in a child process gave no answer."""


class Crashed(IsolationError):
    """The child process ended in the middle of a call, with that exit code, or minus a signal."""

    def __init__(self, words: str, code: int = 1) -> None:
        super().__init__(words)
        self.code = code


class OutOfMemory(Crashed):
    """The child process reached its memory limit, and ended."""


class Killed(Crashed):
    """The child process was ended by a signal that comes from outside, as one of the kernel's."""


class TimedOut(IsolationError):
    """The child process gave no answer in time, and was ended."""


class Failed(IsolationError):
    """The called function raised; the message is the child's traceback."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.traceback or fault.message)
        self.fault = fault


def crash(code: int, words: str, *, memory: float, called: str = "process") -> Crashed:
    """Return what there is to say of the end of a process that had so many GiB."""
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    told, kind = f"the {called} ended with {how}", Crashed
    if any(sign in words for sign in OUT_OF_MEMORY):
        told, kind = f"the {called} reached its memory limit{in_words(memory)}", OutOfMemory
    elif code in FROM_OUTSIDE:
        kind = Killed
    return kind(f"{told}\n{words}".rstrip(), code)


def asked_again(ask: Callable[[], T]) -> T:
    """Return what the call of a child returns; once more where that was ended from outside.

    The kernel ends processes where a machine is short of memory, and people do: that the second
    one ends so, too, tells of what it was asked for.
    """
    try:
        return ask()
    except Killed:
        return ask()
