"""The checksum trailer: checksums of all bytes of an HDF5 file, appended to the file.

HDF5 stores the end of its data and ignores bytes after it; opening the file for writing removes
them.
"""

import os
import struct
from collections.abc import Sequence
from pathlib import Path

import google_crc32c

from saveproof.reference_impl.saving.errors import WrongChecksum
from saveproof.reference_impl.saving.extents import LARGE, Extent, compare, placed

MARK = b"saveproof CRC-32C"
"""The mark between the extents and their number in the trailer."""

_EXTENT = struct.Struct("<QI")
"""An extent of the file: its size, and its checksum."""

_END = struct.Struct("<II")
"""The number of extents, and the checksum of the trailer's extents and their number."""

LENGTH = _EXTENT.size + len(MARK) + _END.size
"""The size in bytes of the trailer of a file with one extent."""


def trailer_of(extents: Sequence[Extent]) -> bytes:
    """Return the trailer of a file with these extents."""
    listed = b"".join(_EXTENT.pack(*extent) for extent in extents)
    return listed + MARK + _END.pack(len(extents), _checksum(listed, len(extents)))


def _checksum(listed: bytes, count: int) -> int:
    return int(google_crc32c.value(listed + struct.pack("<I", count)))


def compare_with_trailer(descriptor: int, source: Path) -> None:
    """Compare all bytes of an open file with its trailer, if it has one.

    Raises:
        WrongChecksum: if a byte differs from that written.
    """
    compare(descriptor, _extents(descriptor, source), google_crc32c.extend, source=source)


def _extents(descriptor: int, source: Path) -> list[tuple[int, Extent]]:
    """Return the extents in the trailer with their offsets; none if there is no trailer."""
    end = os.fstat(descriptor).st_size - len(MARK) - _END.size
    found = os.pread(descriptor, len(MARK) + _END.size, max(0, end))
    if not found.startswith(MARK) or end < 0:
        return []
    count, expected = _END.unpack_from(found, len(MARK))
    start = max(0, end - count * _EXTENT.size)
    # Every second extent is large, so the size of the file limits their number.
    listed = os.pread(descriptor, end - start, start) if count <= 2 * (start // LARGE) + 1 else b""
    if _checksum(listed, count) != expected or len(listed) != count * _EXTENT.size:
        raise WrongChecksum(
            f"{source}: damaged: invalid checksum trailer; use another copy of the file"
        )
    extents = [Extent(*found) for found in _EXTENT.iter_unpack(listed)]
    if sum(extent.size for extent in extents) != start:
        raise WrongChecksum(
            f"{source}: damaged: expected {sum(extent.size for extent in extents)} bytes before "
            f"the checksum trailer, found {start}; use another copy of the file"
        )
    return placed(extents)
