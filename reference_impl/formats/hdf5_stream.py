"""HDF5 written into a file that holds more than it, its large arrays summed as they go by."""

import os
from collections.abc import Callable
from io import FileIO
from itertools import pairwise

import numpy as np
from h5py import h5f, h5fd, h5g, h5p

from reference_impl.formats.pieces import LARGE, Extend, Piece, read_back, written

Write = Callable[[h5g.GroupID], None]
"""Writes below the root group of an HDF5 file."""


def write_hdf5(stream: FileIO, start: int, write: Write, extend: Extend) -> list[Piece]:
    """Write HDF5 from a place in a file on; return its pieces, every other of them large.

    Raises:
        OSError: if it can't be written whole.
    """
    stream.truncate(start)
    window = _Window(stream, start, extend)
    access = h5p.create(h5p.FILE_ACCESS)
    # What an error left open would write on when it is let go of, into a stream that is closed.
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    access.set_fileobj_driver(h5fd.fileobj_driver, window)
    file = h5f.create(os.fsencode(stream.name), h5f.ACC_TRUNC, fapl=access)
    try:
        write(h5g.open(file, b"/"))
    finally:
        file.close()
    return window.pieces()


class _Window:
    """What follows a place in a file, as the kind of file that h5py writes to."""

    def __init__(self, stream: FileIO, start: int, extend: Extend) -> None:
        self._stream = stream
        self._start = start
        self._extend = extend
        self._writes: list[tuple[int, int, int | None]] = []
        self._error: OSError | None = None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        at = offset + self._start if whence == os.SEEK_SET else offset
        return self._stream.seek(at, whence) - self._start

    def tell(self) -> int:
        return self._stream.tell() - self._start

    def write(self, content: memoryview) -> int:
        """Write all; an error waits for `pieces`: h5py can't pass on one that comes at the end."""
        at, size = self.tell(), len(content)
        if self._error is not None:
            return size
        try:
            checksum = written(self._stream, np.frombuffer(content, np.uint8), self._extend)
        except OSError as error:
            self._error = error
            return size
        self._writes.append((at, at + size, checksum if size >= LARGE else None))
        return size

    def readinto(self, buffer: memoryview) -> int:
        return self._stream.readinto(buffer)

    def truncate(self, size: int) -> int:
        return self._stream.truncate(self._start + size)

    def flush(self) -> None:
        return

    def pieces(self) -> list[Piece]:
        """Return what was written as pieces; what is between large ones is read back for it.

        Raises:
            OSError: if something could not be written.
        """
        if self._error is not None:
            raise self._error
        pieces, at = [], 0
        for start, end, checksum in self._large():
            pieces += [self._read_back(at, start), Piece(end - start, checksum)]
            at = end
        return [*pieces, self._read_back(at, self.seek(0, os.SEEK_END))]

    def _large(self) -> list[tuple[int, int, int]]:
        """Return the large writes into which no other write went."""
        found, reached = [], 0
        ends = (1 << 64, 1 << 64, None)
        for (start, end, checksum), (following, *_) in pairwise([*sorted(self._writes), ends]):
            if checksum is not None and reached <= start and end <= following:
                found.append((start, end, checksum))
            reached = max(reached, end)
        return found

    def _read_back(self, start: int, end: int) -> Piece:
        self.seek(start)
        return read_back(self._stream, end - start, self._extend)
