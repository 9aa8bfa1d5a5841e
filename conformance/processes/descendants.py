"""The processes that a process has started, those among them that have left its session."""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
"""Where Linux lists processes; elsewhere a process can be ended with its session only."""

_SET_CHILD_SUBREAPER = 36
"""The option of `prctl(2)` that has a process adopt the orphans among its descendants."""

_ROUNDS = 100
"""How often to look again for what was started meanwhile."""


def keep_descendants() -> None:
    """Make all processes that this one starts remain its descendants, even daemons.

    A daemon is the child of a process that has ended, and has no known ancestor without this.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_descendants(process: int, mark: str = "") -> None:
    """Kill all processes that the process has started, in any session; not the process itself.

    If it has ended already, its orphans are found by `mark`, an entry of the environment that they
    have inherited: a folder, or one inside it for an orphan with a folder of its own.
    """
    for _ in range(_ROUNDS):
        found = list(_descendants(process, mark))
        for one in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(one, signal.SIGKILL)
        if not found:
            return


def _descendants(process: int, mark: str) -> Iterator[int]:
    """Yield the living ones, zombies apart, and neither the process nor this one."""
    parents = dict(_parents())
    for one in parents:
        if one in (process, os.getpid()):
            continue
        if process in _ancestors(one, parents) or (mark and _has(one, mark)):
            yield one


def _parents() -> Iterator[tuple[int, int]]:
    """Yield the id of each living process with its parent's."""
    for stat in PROC.glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            state, parent = stat.read_text(errors="replace").rpartition(")")[2].split()[:2]
            if state not in "ZX":
                yield int(stat.parent.name), int(parent)


def _ancestors(process: int, parents: Mapping[int, int]) -> Iterator[int]:
    while process in parents:
        process = parents[process]
        yield process


def _has(process: int, mark: str) -> bool:
    with suppress(OSError):  # it has ended, or is another user's
        entries = (PROC / str(process) / "environ").read_bytes().split(b"\0")
        own = mark.encode()
        return any(entry == own or entry.startswith(own + b"/") for entry in entries)
    return False
