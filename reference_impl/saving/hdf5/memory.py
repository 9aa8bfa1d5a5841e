"""HDF5 files composed in memory from HDF5's own bytes and the large arrays, without a copy.

HDF5 never writes to the disk, since an error in its last writes can end the process, and it hides
errors that later disappear.
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
    """Write a file with its checksum trailer and replace the target atomically."""
    parts = composed(write)
    with replacing(target) as file:
        file.write(trailer_of(extents_of(parts, file.extend)))


def composed(write: Write) -> list[np.ndarray]:
    """Return the bytes (uint8) of an HDF5 file in parts, of which every second one is an array.

    HDF5 runs in a separate thread, which receives no signals: an interrupt in a callback would
    leave HDF5 in an undefined state.
    """
    with ThreadPoolExecutor(1) as worker:
        return worker.submit(_composed, write).result()


def _composed(write: Write) -> list[np.ndarray]:
    memory = _Memory()
    access = h5p.create(h5p.FILE_ACCESS)
    # Objects left open by an error would write when they are released, after the file is closed.
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
    """A sparse file object in memory for h5py, which stores only the pages that were written."""

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
        """Return the bytes from `start` to `stop`; unwritten ones are zeros."""
        pages = (self._pages[n][first:last] for n, first, last in _in_pages(start, stop))
        return np.frombuffer(b"".join(pages), np.uint8)


def _in_pages(start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Yield (page number, start, stop) for each page of a range of bytes."""
    while start < stop:
        number, first = divmod(start, _PAGE)
        last = min(_PAGE, first + stop - start)
        yield number, first, last
        start += last - first
