"""Files opened for reading: regular ones only, and no more bytes than they have."""

import os
import stat
from io import FileIO
from pathlib import Path

from saveproof.reference_impl.saving.errors import LeadsOutside, UnreadableFile

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def opened_source(source: Path) -> FileIO:
    """Return a regular file open for reading.

    Raises:
        FileNotFoundError: if there is no such file.
        UnreadableFile: for a folder, a FIFO, a socket or a device, at once.
    """
    return FileIO(os.fspath(source), "rb", opener=open_regular)


class Section(FileIO):
    """A part of a regular file, as h5py reads it.

    Args:
        source: the file.
        start: where in it the part starts.
        size: of the part in bytes; by default it ends with the file.

    Raises:
        FileNotFoundError, UnreadableFile: as for `opened_source`.
    """

    def __init__(self, source: Path, *, start: int = 0, size: int | None = None) -> None:
        super().__init__(os.fspath(source), "rb", opener=open_regular)
        self._start = start
        self._end = os.fstat(self.fileno()).st_size if size is None else start + size

    def __del__(self) -> None:
        """Close the file: what h5py reads later keeps it open until then."""
        self.close()

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place, counted from the part's start, or its end."""
        return super().seek((self._end if whence == os.SEEK_END else self._start) + offset)

    def tell(self) -> int:
        """Return the place, counted from the part's start."""
        return super().tell() - self._start


def open_regular(name: str, flags: int) -> int:
    """Return the number of a regular file, opened: an `opener`.

    Raises:
        FileNotFoundError, UnreadableFile: as for `opened_source`.
    """
    # A device may do something when it is opened, so its kind is asked for before, too.
    try:
        _check_kind(os.stat(name).st_mode, name)  # noqa: PTH116 (a Path costs as much as the call)
    except FileNotFoundError:
        raise FileNotFoundError(f"{name}: no such file") from None
    number = os.open(name, flags | os.O_NONBLOCK)
    try:
        _check_kind(os.fstat(number).st_mode, name)
    except UnreadableFile:
        os.close(number)
        raise
    return number


def _check_kind(mode: int, name: str) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "a special file")
        raise UnreadableFile(f"{name}: {kind}; expected a regular file")


def bytes_of(source: Path) -> bytes:
    """Return a file's content: as many bytes as it says that it has.

    Raises:
        FileNotFoundError, UnreadableFile: as for `opened_source`.
    """
    with opened_source(source) as file:
        size = os.fstat(file.fileno()).st_size
        parts = []
        while size > 0 and (part := file.read(size)):
            parts.append(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def size_of(source: Path) -> int:
    """Return how many bytes a regular file has.

    Raises:
        FileNotFoundError, UnreadableFile: as for `opened_source`.
    """
    with opened_source(source) as file:
        return os.fstat(file.fileno()).st_size


def member_of(folder: Path, name: str, *, index: Path) -> Path:
    """Return the file of that name in a folder, as the folder's index names it.

    A link may lead to where the index itself lies: caches of downloads keep all files of a folder
    beside each other, and link to them.

    Raises:
        LeadsOutside: if the name or a link leads out of the folder.
    """
    if name not in ("", ".", "..") and Path(name).name == name and "\0" not in name:
        member = folder / name
        try:
            real = member.resolve()
        except RuntimeError:  # Links that go round.
            real = Path()
        if any(real.is_relative_to(place) for place in (folder.resolve(), index.resolve().parent)):
            return member
    raise LeadsOutside(
        f"{index}: names the file {name!r}: expected one that lies in {str(folder)!r} itself; "
        "only what is in the folder is read: copy it there if it belongs to the model"
    )
