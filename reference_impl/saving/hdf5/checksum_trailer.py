"""The checksum trailer: checksums of all bytes of a file, behind the end that HDF5 gives it.

HDF5 knows where a file ends and ignores what follows; whoever opens it to write cuts it off.
"""

import os
import struct
from collections.abc import Sequence
from pathlib import Path

import google_crc32c

from saveproof.reference_impl.saving.errors import WrongChecksum
from saveproof.reference_impl.saving.extents import LARGE, Extent, compare, placed

MARK = b"saveproof CRC-32C"
"""What stands in the trailer between the extents and their number."""

_EXTENT = struct.Struct("<QI")
"""An extent of the file: its size, and its checksum."""

_END = struct.Struct("<II")
"""The number of extents, and the checksum of all before it in the trailer but the mark."""

LENGTH = _EXTENT.size + len(MARK) + _END.size
"""Bytes of the trailer of a file in one extent."""


def trailer_of(extents: Sequence[Extent]) -> bytes:
    """Return the trailer of a file of these extents."""
    listed = b"".join(_EXTENT.pack(*extent) for extent in extents)
    return listed + MARK + _END.pack(len(extents), _checksum(listed, len(extents)))


def _checksum(listed: bytes, count: int) -> int:
    return int(google_crc32c.value(listed + struct.pack("<I", count)))


def compare_with_trailer(descriptor: int, source: Path) -> None:
    """Compare all bytes of an open file with its trailer, if it has one.

    Raises:
        WrongChecksum: if a byte is not as it was written.
    """
    compare(descriptor, _extents(descriptor, source), google_crc32c.extend, source=source)


def _extents(descriptor: int, source: Path) -> list[tuple[int, Extent]]:
    """Return the extents that the trailer lists, with their places; none if there is no trailer."""
    end = os.fstat(descriptor).st_size - len(MARK) - _END.size
    found = os.pread(descriptor, len(MARK) + _END.size, max(0, end))
    if not found.startswith(MARK) or end < 0:
        return []
    count, expected = _END.unpack_from(found, len(MARK))
    start = max(0, end - count * _EXTENT.size)
    # Every other extent is a large one: more of them than fit the file would take memory.
    listed = os.pread(descriptor, end - start, start) if count <= 2 * (start // LARGE) + 1 else b""
    if _checksum(listed, count) != expected or len(listed) != count * _EXTENT.size:
        raise WrongChecksum(
            f"{source}: damaged: its checksum trailer is not as it was; take another copy"
        )
    extents = [Extent(*found) for found in _EXTENT.iter_unpack(listed)]
    if sum(extent.size for extent in extents) != start:
        raise WrongChecksum(
            f"{source}: damaged: expected {sum(extent.size for extent in extents)} bytes before "
            f"the checksum trailer, found {start}; take another copy"
        )
    return placed(extents)
