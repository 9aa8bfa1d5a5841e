"""The bytes of a file in extents, each with a checksum: its large arrays, and what lies between.

A large array is summed as it is read into memory, so that no pass is made for its checksum alone.
"""

import os
from bisect import bisect_right
from collections.abc import Callable, Sequence
from io import BytesIO, FileIO
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import google_crc32c
import numpy as np

from saveproof.reference_impl.saving.errors import WrongChecksum
from saveproof.reference_impl.saving.sources import opened_source

LARGE = 1 << 20
"""Bytes from which on an array is an extent of its own."""

CHUNK = 1 << 20
"""Bytes that are written or read, and summed, at a time: as many as a cache holds."""

Extend = Callable[[int, np.ndarray], int]
"""Continues a checksum over more bytes (uint8)."""


class Extent(NamedTuple):
    """The size of an extent in bytes, and its checksum."""

    size: int
    checksum: int


def extents_of(parts: Sequence[np.ndarray], extend: Extend) -> list[Extent]:
    """Return the extents of a file of these parts (uint8), every other of which is an array.

    Each byte is summed once, in order: what sums them may write them, too.
    """
    extents = [Extent(0, 0)]
    for number, part in enumerate(parts):
        if number % 2 and part.size >= LARGE:
            extents += [Extent(part.size, extend(0, part)), Extent(0, 0)]
        else:
            size, checksum = extents[-1]
            extents[-1] = Extent(size + part.size, extend(checksum, part))
    return extents


def read_into(
    buffer: np.ndarray, file: FileIO, extend: Extend, checksum: int = 0
) -> tuple[int, int]:
    """Read from where a file is into the buffer (uint8) until it is full or the file ends.

    Returns:
        How many bytes were read, and the checksum of those that had the checksum and these.
    """
    done = 0
    while done < buffer.size and (count := file.readinto(buffer.data[done : done + CHUNK])):
        checksum = extend(checksum, buffer[done : done + count])
        done += count
    return done, checksum


class CheckedFile:
    """A regular file, or a part of one, from which h5py reads.

    No byte of an extent is given before the extent's checksum was compared.

    Args:
        source: the file.
        start: where the part starts.
        extend: continues the checksum.

    Raises:
        FileNotFoundError, UnreadableFile: if there is no regular file.
    """

    def __init__(
        self, source: Path, *, start: int = 0, extend: Extend = google_crc32c.extend
    ) -> None:
        self._file = opened_source(source)
        self._source = source
        self._start = start
        self._extend = extend
        self.size = self._file.seek(0, os.SEEK_END) - start
        self._at = 0
        self._extents: Sequence[Extent] = ()
        self._starts: list[int] = []
        self._left: set[int] = set()

    def __del__(self) -> None:
        """Close the file: an array that is read later keeps it open until then."""
        if hasattr(self, "_file"):
            self._file.close()

    def expect(self, extents: Sequence[Extent]) -> None:
        """Have these extents, one after the other, compared before they are read; end with them."""
        self._extents = extents
        self._starts = [0, *accumulate(extent.size for extent in extents)]
        self.size = self._starts.pop()
        self._left = set(range(len(extents)))

    def stream(self) -> "CheckedFile | BytesIO":
        """Return what h5py reads from: a small file in memory, which takes a third of the time."""
        if self.size > LARGE:
            return self
        self.compare_rest()
        return BytesIO(self.read(0, self.size))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the part."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def flush(self) -> None:
        """Do nothing: nothing is written."""

    def readinto(self, buffer: memoryview) -> int:
        """Read from the place on, and return how many bytes.

        Raises:
            WrongChecksum: if one of them lies in an extent that is not as it was written.
        """
        wanted = np.frombuffer(buffer, np.uint8)[: max(0, self.size - self._at)]
        left = self._uncompared(wanted.size) if self._left else []
        if [(self._starts[n], self._extents[n].size) for n in left] == [(self._at, wanted.size)]:
            self._compare(left[0], wanted)
        else:
            for number in left:
                self._compare(number)
            self._go(self._at)
            read_into(wanted, self._file, _unsummed)
        self._at += wanted.size
        return wanted.size

    def _uncompared(self, size: int) -> list[int]:
        """Return the extents, not compared yet, of as many bytes from the place on."""
        first = bisect_right(self._starts, self._at) - 1
        last = bisect_right(self._starts, self._at + size - 1)
        return [number for number in range(first, last) if number in self._left]

    def read(self, start: int, size: int) -> bytes:
        """Return bytes of the part, not compared with anything."""
        self._go(start)
        return self._file.read(size)

    def compare_rest(self) -> None:
        """Compare the extents that were not read.

        Raises:
            WrongChecksum: if one is not as it was written.
        """
        for number in sorted(self._left):
            self._compare(number)

    def _go(self, place: int) -> None:
        self._file.seek(self._start + place)

    def _compare(self, number: int, into: np.ndarray | None = None) -> None:
        """Compare an extent's checksum, reading it into an array of its size or nowhere."""
        size, expected = self._extents[number]
        self._go(self._starts[number])
        if into is not None:
            done, found = read_into(into, self._file, self._extend)
        else:
            done, found = self._summed(size)
        if (done, found) != (size, expected):
            raise WrongChecksum(
                f"{self._source}: damaged: {size} bytes at {self._starts[number]} were written "
                f"with checksum {expected:#010x}, {done} have {found:#010x}; take another copy"
            )
        self._left.remove(number)

    def _summed(self, size: int) -> tuple[int, int]:
        buffer = np.empty(min(size, CHUNK), np.uint8)
        done = checksum = 0
        while done < size:
            part = buffer[: size - done]
            count, checksum = read_into(part, self._file, self._extend, checksum)
            done += count
            if count < part.size:
                break
        return done, checksum


def _unsummed(checksum: int, _: np.ndarray) -> int:
    return checksum
