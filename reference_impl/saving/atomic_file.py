"""Files that are whole and on the disk before they take the place of older ones.

All bytes of all formats are written here, and each is compared with what the disk then has.
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
"""Who may read and write a new file: anyone whom the umask lets, or its owner alone at first."""


class WrittenWrong(OSError):
    """The disk took the bytes, and has others."""


class NotAFile(OSError):
    """What is in the target's place is no file: a folder, a pipe, a device or a socket."""


class _Written(NamedTuple):
    """Bytes that were written: how many, and a CRC-32C before them and after them."""

    size: int
    before: int
    after: int


class DurableFile(FileIO):
    """A new, unbuffered file, whose bytes are compared with what was to be written.

    Args:
        name: of the file, of which there is none yet.
        like: the status of an old file, the permissions of which it has once it is on the disk,
            and owner and group where the system lets them be given; by default the process's own.
    """

    def __init__(self, name: Path, *, like: os.stat_result | None = None) -> None:
        permissions = _ANYONES if like is None else _OWNERS
        super().__init__(name, "x+", opener=lambda file, _: open_new(Path(file), permissions))
        self._like = like
        self._written: dict[int, _Written] = {}

    def write(self, content: Any) -> int:
        """Write all bytes of the content, and return how many they are.

        Raises:
            OSError: if they can't be written.
        """
        whole = np.frombuffer(content, np.uint8)
        self.extend(0, whole)
        return whole.size

    def extend(self, checksum: int, content: np.ndarray) -> int:
        """Write bytes (uint8), and return the CRC-32C of those that had the checksum and these.

        Raises:
            OSError: if they can't be written.
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
        """Return when everything that was written is on the disk, as it was to be.

        Raises:
            OSError: if it can't be.
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
                        f"the disk has other bytes than the {expected.size} written at {at}; "
                        "what was there before is kept",
                    )
        if self._like is not None:
            make_like(self.fileno(), self._like)


@contextmanager
def replacing(target: Path) -> Iterator[DurableFile]:
    """Give a file beside the target that takes its place in the end, on the disk.

    A target that is a link stays one: what it leads to is replaced. The new file has the old one's
    permissions, and its owner and group where the system lets them be given.

    Raises:
        NotAFile: if something else than a file is in the target's place.
        OSError: naming the target; it is as before.
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
                if os.name == "nt":  # which renames no open file
                    file.close()
                partial.replace(target)
                put_on_disk(target.parent)
            finally:
                partial.unlink(missing_ok=True)


@contextmanager
def naming(target: Path) -> Iterator[None]:
    """Have an error of the system name the target, not what is written beside it."""
    try:
        yield
    except OSError as error:
        if error.filename2 is not None:
            raise OSError(error.errno, error.strerror, str(target)) from error
        if error.errno is not None:
            error.filename = str(target)
        raise


def status_of(target: Path) -> os.stat_result | None:
    """Return the status of the file in the target's place, None if there is nothing.

    Raises:
        NotAFile: if it is something else.
    """
    try:
        status = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe, a device or a socket"
        raise NotAFile(
            errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL,
            f"expected a file or nothing in its place, found {kind}; choose another name",
            str(target),
        )
    return status


def make_like(descriptor: int, old: os.stat_result) -> None:
    """Give a file or folder the permissions of an old one, and its owner as far as may be."""
    if os.name == "nt":
        return
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with suppress(OSError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode) & 0o777)


def write_durably(target: Path, content: bytes) -> None:
    """Write a new file; return when it is on the disk."""
    with DurableFile(target) as file:
        file.write(content)
        file.to_disk()
