"""The program of a child process of ours: serves one function until the other side closes.

The function is named `module:function`, as a user names a subject, and is imported by that name
here and nowhere else.
"""

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import IO

from saveproof.conformance.processes.descendants import end_descendants, keep_descendants
from saveproof.conformance.processes.endings import fault_of
from saveproof.conformance.processes.framing import FRAMES, Framing
from saveproof.conformance.processes.memory import limit_memory

Served = Callable[[bytes], bytes]
"""A function that a process serves: from a request to its result."""


def run(load: Callable[[], Served], framing: Framing, *, parent: int, memory: float = 0.0) -> None:
    """Serve on this process's pipes the function that `load` returns; 0 GiB are no limit.

    It ends with `parent`, the process that has started it.
    """
    limit_memory(memory)
    requests, answers = _own_pipes()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_descendants()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    serve(load(), framing, requests, answers)
    _end_here()


def serve(function: Served, framing: Framing, requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until the other side closes, each under its number.

    A process that the function has forked, and that returns from it too, ends without an answer.
    So does this process when it gets no memory: a framework is unreliable after that.
    """
    process = os.getpid()
    for number, request in framing.requests(requests):
        try:
            answer = framing.result(number, function(request))
        except MemoryError:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - the exception is the answer
            answer = framing.fault(number, fault_of(error))
        if os.getpid() != process:
            os._exit(0)
        answers.write(answer)
        answers.flush()


def named(function: str) -> Served:
    """Return the function of that name, `module:function`."""
    module, _, name = function.partition(":")
    found: Served = getattr(import_module(module), name)
    return found


def _own_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Return the original standard input and output, for the protocol alone.

    Prints go to standard error, and standard input is empty, here and in subprocesses.
    """
    requests = os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), sys.stdin.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return requests, answers


def _end_with(parent: int) -> None:
    """End this process at once when the one that has started it is gone.

    If it leads a session, the processes that it has started end with it.
    """
    while os.getppid() == parent:
        time.sleep(1.0)
    _end_here()


def _end_here() -> None:
    end_descendants(os.getpid())
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    function, memory, parent = sys.argv[1:]
    run(partial(named, function), FRAMES, parent=int(parent), memory=float(memory))
