"""The bytes of a file in pieces: its large arrays, and what lies between them.

A piece is summed as it is copied, while a cache holds it: a pass over a gigabyte costs as much as
a third of reading it.
"""

import mmap
import os
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from saveproof.reference_impl.saving.sources import opened_source

LARGE = 1 << 20
"""Bytes from which on an array is a piece of its own."""

CHUNK = 1 << 20
"""Bytes that are written or read, and summed, at a time: as many as a cache holds."""

READERS = 4
"""Threads that read a large file together."""

Item = TypeVar("Item")
Found = TypeVar("Found")

Extend = Callable[[int, np.ndarray], int]
"""Continues a checksum over more bytes (uint8)."""


class Piece(NamedTuple):
    """The size of a piece in bytes, and its checksum."""

    size: int
    checksum: int


class Content:
    """The bytes of a file, every other piece of which was copied from it.

    What one asks for is a copy for oneself if it is such a piece, else a view, not to be written
    into, of what the file has or all have in common.
    """

    def __init__(self, pieces: Sequence[np.ndarray]) -> None:
        ends = list(accumulate(piece.size for piece in pieces))
        self._pieces = pieces
        self._starts = [0, *ends[:-1]]
        self.size = ends[-1]

    def part(self, start: int, size: int) -> np.ndarray:
        """Return that many bytes (uint8) from there on, fewer where the file ends before."""
        number = bisect_right(self._starts, start) - 1
        piece = self._pieces[number]
        offset = start - self._starts[number]
        if offset == 0 and piece.size == size:
            return piece
        found = piece[offset : offset + size]
        if offset + size > piece.size and number + 1 < len(self._pieces):
            rest = self.part(start + found.size, size - found.size)
            found = np.concatenate([found, rest])
        found.flags.writeable = False
        return found


def pieces_of(parts: Sequence[np.ndarray], extend: Extend) -> list[Piece]:
    """Return the pieces of a file of these parts (uint8), every other of which is an array.

    Each byte is summed once, in order: what sums them may write them, too.
    """
    pieces = [Piece(0, 0)]
    for number, part in enumerate(parts):
        if number % 2 and part.size >= LARGE:
            pieces += [Piece(part.size, summed(part, extend)), Piece(0, 0)]
        else:
            size, checksum = pieces[-1]
            pieces[-1] = Piece(size + part.size, summed(part, extend, checksum))
    return pieces


def copied(source: Path, start: int, size: int, extend: Extend) -> tuple[np.ndarray, int]:
    """Return that many bytes (uint8) of a file, fewer where it ends before, and their checksum."""
    copy = np.empty(size, np.uint8)
    done = checksum = 0
    with opened_source(source) as file:
        file.seek(start)
        while done < size and (count := file.readinto(copy.data[done : done + CHUNK])):
            checksum = extend(checksum, copy[done : done + count])
            done += count
    return copy if done == size else copy[:done], checksum


def mapped(source: Path) -> np.ndarray:
    """Return a file's bytes (uint8), in memory only where they are looked at."""
    with opened_source(source) as file:
        if not os.fstat(file.fileno()).st_size:
            return np.zeros(0, np.uint8)
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)


def summed(content: np.ndarray, extend: Extend, checksum: int = 0) -> int:
    """Return the checksum of bytes (uint8) that follow those of a checksum."""
    for start in range(0, content.size, CHUNK):
        checksum = extend(checksum, content[start : start + CHUNK])
    return checksum


def side_by_side(read: Callable[[Item], Found], items: Iterable[Item], *, size: int) -> list[Found]:
    """Return what is read of each item, in their order; of many bytes, several at a time."""
    if size < LARGE:
        return [read(item) for item in items]
    with ThreadPoolExecutor(READERS) as readers:
        return list(readers.map(read, items))


def taken_apart(
    source: Path, content: np.ndarray, sizes: Sequence[int], extend: Extend, *, start: int = 0
) -> list[tuple[np.ndarray, int]]:
    """Return the pieces of a file and their checksums: a view of the content, a copy, and so on.

    Args:
        source: the file.
        content: all its bytes (uint8), mapped; a system copies them faster than it maps them.
        sizes: of the pieces.
        extend: continues a checksum.
        start: where in the file the first piece is.
    """
    starts = [*accumulate(sizes, initial=start)]

    def taken(number: int) -> tuple[np.ndarray, int]:
        if number % 2:
            return copied(source, starts[number], sizes[number], extend)
        part = content[starts[number] : starts[number + 1]]
        return part, summed(part, extend)

    return side_by_side(taken, range(len(sizes)), size=sum(sizes))
