"""Division of a file into extents with checksums: its large arrays, and the bytes between them."""

import os
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np

from saveproof.reference_impl.saving.errors import WrongChecksum

LARGE = 1 << 20
"""The smallest size in bytes of an array with a separate extent."""

CHUNK = 1 << 20
"""Bytes per write, read and checksum step: as many as fit into a processor cache."""

Extend = Callable[[int, np.ndarray], int]
"""Extends a checksum by bytes (uint8)."""


class Extent(NamedTuple):
    """The size of an extent in bytes, and its checksum."""

    size: int
    checksum: int


def extents_of(parts: Sequence[np.ndarray], extend: Extend) -> list[Extent]:
    """Return the extents of a file's parts (uint8), of which every second one is an array.

    `extend` sees each byte once, in order, so it may also write the bytes.
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
    """Return contiguous extents, each with its offset in the file."""
    places = accumulate((extent.size for extent in extents), initial=start)
    return list(zip(places, extents, strict=False))


def read_into(
    buffer: np.ndarray, descriptor: int, place: int, extend: Extend, checksum: int = 0
) -> tuple[int, int]:
    """Read bytes of a file from an offset into the buffer (uint8).

    Returns:
        Their number, smaller than the buffer at the end of the file, and the extended checksum.
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
    """Compare extents of a file, given with their offsets, with their checksums.

    Raises:
        WrongChecksum: if a byte differs from that written.
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
                f"{source}: damaged: expected {size} bytes from {place} on with checksum "
                f"{expected:#010x}, found {done} with {found:#010x}; use another copy of the file"
            )
