"""Atomic replacement of files: a new file is complete on the disk before it replaces the old one.

All formats write through this module, which reads the bytes back from the disk and compares them.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

import google_crc32c
import numpy as np

from saveproof.reference_impl.saving.extents import CHUNK, read_into
from saveproof.reference_impl.saving.temporaries import (
    open_new,
    put_on_disk,
    remove_left,
    temporary,
)

_ANYONES, _OWNERS = 0o666, 0o600
"""Permissions of a new file: those of the umask, or at first only the owner's."""


class WrittenWrong(OSError):
    """The bytes read back from the disk differ from those written."""


class NotAFile(OSError):
    """The target is a folder, a pipe, a device or a socket."""


class _Written(NamedTuple):
    """Written bytes: their number, and the file's CRC-32C before and after them."""

    size: int
    before: int
    after: int


class DurableFile(FileIO):
    """A new, unbuffered file whose bytes are read back from the disk and compared.

    Args:
        name: of the file, which must not exist.
        like: the status of an old file, whose permissions, and if possible owner and group, the new
            one gets once it is on the disk; by default those of the process.
    """

    def __init__(self, name: Path, *, like: os.stat_result | None = None) -> None:
        permissions = _ANYONES if like is None else _OWNERS
        super().__init__(name, "x+", opener=lambda file, _: open_new(Path(file), permissions))
        self._like = like
        self._written: dict[int, _Written] = {}

    def write(self, content: Any) -> int:
        """Write all bytes of the content and return their number.

        Raises:
            OSError: if the write fails.
        """
        data = np.frombuffer(content, np.uint8)
        self.extend(0, data)
        return data.size

    def extend(self, checksum: int, content: np.ndarray) -> int:
        """Write bytes (uint8) and return the CRC-32C extended by them.

        Raises:
            OSError: if the write fails.
        """
        at = self.tell()
        for start in range(0, content.size, CHUNK):
            chunk = content[start : start + CHUNK]
            before, checksum = checksum, google_crc32c.extend(checksum, chunk)
            self._written[at + start] = _Written(chunk.size, before, checksum)
            while chunk.size:
                chunk = chunk[os.write(self.fileno(), chunk.data) :]
        return checksum

    def to_disk(self) -> None:
        """Flush all bytes to the disk and compare them with those written.

        Raises:
            OSError: if the flush fails.
            WrittenWrong: if the disk has other bytes.
        """
        os.fsync(self.fileno())
        buffer = np.empty(CHUNK, np.uint8)
        with FileIO(self.name) as file:
            for at, expected in self._written.items():
                part = buffer[: expected.size]
                size, found = read_into(
                    part, file.fileno(), at, google_crc32c.extend, expected.before
                )
                if (size, found) != (expected.size, expected.after):
                    raise WrittenWrong(
                        errno.EIO,
                        f"the {expected.size} bytes on the disk from {at} on differ from those "
                        "written; the old file is unchanged",
                    )
        if self._like is not None:
            make_like(self.fileno(), self._like)


@contextmanager
def replacing(target: Path) -> Iterator[DurableFile]:
    """Yield a temporary file that replaces the target, on the disk, when the block ends.

    If the target is a link, the file that it points to is replaced. The new file gets the old one's
    permissions, and if possible its owner and group.

    Raises:
        NotAFile: if the target exists and is not a file.
        OSError: naming the target, which is unchanged.
    """
    target = target.resolve()
    with naming(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        old = status_of(target)
        remove_left(target)
        partial = temporary(target)
        with DurableFile(partial, like=old) as file:
            try:
                yield file
                file.to_disk()
                if os.name == "nt":  # Windows cannot rename an open file.
                    file.close()
                partial.replace(target)
                put_on_disk(target.parent)
            finally:
                partial.unlink(missing_ok=True)


@contextmanager
def naming(target: Path) -> Iterator[None]:
    """Make operating system errors name the target instead of the temporary file."""
    try:
        yield
    except OSError as error:
        if error.filename2 is not None:
            raise OSError(error.errno, error.strerror, str(target)) from error
        if error.errno is not None:
            error.filename = str(target)
        raise


def status_of(target: Path) -> os.stat_result | None:
    """Return the status of the target; None if it does not exist.

    Raises:
        NotAFile: if it is not a file.
    """
    try:
        status = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe, a device or a socket"
        raise NotAFile(
            errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL,
            f"expected a file or an unused name, found {kind}; choose another name",
            str(target),
        )
    return status


def make_like(descriptor: int, old: os.stat_result) -> None:
    """Set a file's or folder's permissions, and if possible its owner, to those of an old one."""
    if os.name == "nt":
        return
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with suppress(OSError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode) & 0o777)


def write_durably(target: Path, content: bytes) -> None:
    """Write a new file and return when it is on the disk."""
    with DurableFile(target) as file:
        file.write(content)
        file.to_disk()
