"""Opening of files for reading: only regular files, and never beyond their size."""

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
        FileNotFoundError: if the file does not exist.
        UnreadableFile: for a folder, a FIFO, a socket or a device, without blocking.
    """
    return FileIO(os.fspath(source), "rb", opener=open_regular)


class Section(FileIO):
    """A part of a regular file, as a file object for h5py.

    Args:
        source: the file.
        start: offset of the part.
        size: of the part in bytes; by default up to the end of the file.

    Raises:
        FileNotFoundError, UnreadableFile: as for `opened_source`.
    """

    def __init__(self, source: Path, *, start: int = 0, size: int | None = None) -> None:
        super().__init__(os.fspath(source), "rb", opener=open_regular)
        self._start = start
        self._end = os.fstat(self.fileno()).st_size if size is None else start + size

    def __del__(self) -> None:
        """Close the file, which must stay open while h5py may read from it."""
        self.close()

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to an offset from the part's start or end."""
        return super().seek((self._end if whence == os.SEEK_END else self._start) + offset)

    def tell(self) -> int:
        """Return the offset from the part's start."""
        return super().tell() - self._start


def open_regular(name: str, flags: int) -> int:
    """Open a regular file and return its descriptor: the `opener` for `open`.

    Raises:
        FileNotFoundError, UnreadableFile: as for `opened_source`.
    """
    # Opening a device may have side effects, so check the kind before opening too.
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
        raise UnreadableFile(f"{name}: expected a regular file, found {kind}")


def bytes_of(source: Path) -> bytes:
    """Return a file's content, up to the size in its status.

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
    """Return the size of a regular file in bytes.

    Raises:
        FileNotFoundError, UnreadableFile: as for `opened_source`.
    """
    with opened_source(source) as file:
        return os.fstat(file.fileno()).st_size


def member_of(folder: Path, name: str, *, index: Path) -> Path:
    """Return the file in a folder with a name from the folder's index.

    A link may point to the folder where the resolved index is: download caches store all files in
    one folder and link to them.

    Raises:
        LeadsOutside: if the name or a link points outside the folder.
    """
    if name not in ("", ".", "..") and Path(name).name == name and "\0" not in name:
        member = folder / name
        try:
            real = member.resolve()
        except RuntimeError:  # A cycle of links.
            real = Path()
        if any(real.is_relative_to(place) for place in (folder.resolve(), index.resolve().parent)):
            return member
    raise LeadsOutside(
        f"{index}: expected the name of a file in {str(folder)!r}, found {name!r}, which is "
        "outside; copy the file into the folder if it belongs to the model"
    )
