"""The bytes of a file in extents, each with a checksum: its large arrays, and what lies between."""

import os
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np

from saveproof.reference_impl.saving.errors import WrongChecksum

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


def placed(extents: Sequence[Extent], *, start: int = 0) -> list[tuple[int, Extent]]:
    """Return extents that lie one after the other, each with its place in the file."""
    places = accumulate((extent.size for extent in extents), initial=start)
    return list(zip(places, extents, strict=False))


def read_into(
    buffer: np.ndarray, descriptor: int, place: int, extend: Extend, checksum: int = 0
) -> tuple[int, int]:
    """Read bytes of a file from a place on into the buffer (uint8).

    Returns:
        How many they are, fewer where the file ends before, and the checksum of those that had the
        checksum and these.
    """
    done = 0
    while done < buffer.size:
        count = os.preadv(descriptor, [buffer.data[done : done + CHUNK]], place + done)
        if not count:
            break
        checksum = extend(checksum, buffer[done : done + count])
        done += count
    return done, checksum


def compare(
    descriptor: int, extents: Iterable[tuple[int, Extent]], extend: Extend, *, source: Path
) -> None:
    """Compare extents of a file, given with their places, with their checksums.

    Raises:
        WrongChecksum: if a byte is not as it was written.
    """
    buffer = np.empty(CHUNK, np.uint8)
    for place, (size, expected) in extents:
        done = found = 0
        for start in range(0, size, CHUNK):
            part = buffer[: size - start]
            count, found = read_into(part, descriptor, place + start, extend, found)
            done += count
        if (done, found) != (size, expected):
            raise WrongChecksum(
                f"{source}: damaged: {size} bytes from {place} on were written with checksum "
                f"{expected:#010x}, {done} have {found:#010x}; take another copy"
            )
