"""Counts the disk operations of a save, and injects a fault at one of them.

The reference changes a disk only through functions of `os` and one call that exchanges two
folders; a trace of the system calls of a save shows no other writes.
"""

import errno
import os
import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from unittest import mock

from saveproof.reference_impl.saving.savedmodel import writer

NAMES = (
    *("open", "write", "fsync", "replace", "rename"),
    *("unlink", "mkdir", "rmdir", "fchmod", "chmod"),
)
"""The functions of `os` that change a disk or flush changes to it."""

FREEING = ("unlink", "rmdir")
"""The functions that work on a full disk."""


class Kind(Enum):
    """The faults that can be injected."""

    KILL = "killed before"
    TORN = "killed within"
    NO_SPACE = "no space, once"
    FULL = "no space from there on"
    ERROR = "input/output error, once"
    BROKEN = "input/output errors from there on"
    LIMIT = "no file may be longer"


_ERRNO = {
    Kind.NO_SPACE: errno.ENOSPC,
    Kind.FULL: errno.ENOSPC,
    Kind.ERROR: errno.EIO,
    Kind.BROKEN: errno.EIO,
}
_LASTING = (Kind.FULL, Kind.BROKEN)


@dataclass
class Disk:
    """Counts operations, and makes one of them fail.

    Attributes:
        kind: the fault; None for no fault.
        number: the operation that fails, counted from 0; for `LIMIT`, the file size in bytes.
        seen: the names of the operations so far.
    """

    kind: Kind | None = None
    number: int = 0
    seen: list[str] = field(default_factory=list)

    def operation(self, name: str, do: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        """Perform an operation, or inject the fault."""
        number = len(self.seen)
        self.seen.append(name)
        if self.kind in _LASTING and number > self.number:
            if self.kind is Kind.FULL and name in FREEING:
                return do(*arguments)
            raise OSError(_ERRNO[self.kind], os.strerror(_ERRNO[self.kind]))
        if self.kind in (None, Kind.LIMIT) or number != self.number:
            return do(*arguments)
        if self.kind is Kind.TORN and name == "write":
            do(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
        if self.kind in (Kind.KILL, Kind.TORN):
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(_ERRNO[self.kind], os.strerror(_ERRNO[self.kind]))


@contextmanager
def watched(disk: Disk) -> Iterator[None]:
    """Route all disk operations of this process through `disk`."""

    def through(name: str, do: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments, **named: disk.operation(
            name, lambda *given: do(*given, **named), arguments
        )

    patches = [mock.patch.object(os, name, through(name, getattr(os, name))) for name in NAMES]
    exchange = writer._exchanged
    patches.append(mock.patch.object(writer, "_exchanged", through("exchange", exchange)))
    for patch in patches:
        patch.start()
    if disk.kind is Kind.LIMIT:  # a limit of the system, which lasts until the process ends
        resource.setrlimit(resource.RLIMIT_FSIZE, (disk.number, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()
