"""HDF5 put together in memory: what HDF5 itself writes, and between it the arrays, uncopied.

HDF5 never sees the disk. An error that it meets in a file's last bytes can end the process, and
one that passes it does not tell.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from h5py import h5f, h5fd, h5p

from saveproof.reference_impl.saving.atomic_file import replacing
from saveproof.reference_impl.saving.extents import extents_of
from saveproof.reference_impl.saving.hdf5.checksum_trailer import trailer_of
from saveproof.reference_impl.saving.hdf5.writer_parts import GroupWriter, root_of

Write = Callable[[GroupWriter], None]
"""Writes below the root group of an HDF5 file."""

_PAGE = 1 << 12


def write_file(target: Path, write: Write) -> None:
    """Write a file and its checksum trailer in the target's place, or leave it as it is."""
    parts = composed(write)
    with replacing(target) as file:
        file.write(trailer_of(extents_of(parts, file.extend)))


def composed(write: Write) -> list[np.ndarray]:
    """Return the bytes (uint8) of an HDF5 file in parts, every other of them an array's own.

    HDF5 works in a thread, to which the system delivers no signal: an interrupt in the midst of a
    call from HDF5 would leave it in no state.
    """
    with ThreadPoolExecutor(1) as worker:
        return worker.submit(_composed, write).result()


def _composed(write: Write) -> list[np.ndarray]:
    memory = _Memory()
    access = h5p.create(h5p.FILE_ACCESS)
    # What an error left open would write on when it is let go of, after the file is closed.
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    access.set_fileobj_driver(h5fd.fileobj_driver, memory)
    file = h5f.create(b"in memory", h5f.ACC_TRUNC, fapl=access)
    arrays: dict[int, np.ndarray] = {}
    try:
        write(root_of(file, arrays))
    finally:
        file.close()
    return list(_parts(memory, arrays))


def _parts(memory: "_Memory", arrays: Mapping[int, np.ndarray]) -> Iterator[np.ndarray]:
    at = 0
    for place, array in sorted(arrays.items()):
        yield memory.between(at, place)
        yield array
        at = place + array.size
    yield memory.between(at, memory.size)


class _Memory:
    """Bytes as the kind of file that h5py writes to, only those kept that were written."""

    def __init__(self) -> None:
        self._pages: defaultdict[int, bytearray] = defaultdict(lambda: bytearray(_PAGE))
        self._at = 0
        self.size = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def write(self, content: memoryview) -> int:
        start, stop = self._at, self._at + len(content)
        for number, first, last in _in_pages(start, stop):
            offset = number * _PAGE
            self._pages[number][first:last] = content[
                offset + first - start : offset + last - start
            ]
        self._at = stop
        self.size = max(self.size, stop)
        return len(content)

    def readinto(self, buffer: memoryview) -> int:
        buffer[:] = self.between(self._at, self._at + len(buffer)).data
        self._at += len(buffer)
        return len(buffer)

    def truncate(self, size: int) -> int:
        self.size = size
        return size

    def flush(self) -> None:
        return

    def between(self, start: int, stop: int) -> np.ndarray:
        """Return the bytes from there to there; zeros where nothing was written."""
        pages = (self._pages[n][first:last] for n, first, last in _in_pages(start, stop))
        return np.frombuffer(b"".join(pages), np.uint8)


def _in_pages(start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Yield the pages that bytes lie in: their numbers, and from where to where."""
    while start < stop:
        number, first = divmod(start, _PAGE)
        last = min(_PAGE, first + stop - start)
        yield number, first, last
        start += last - first
