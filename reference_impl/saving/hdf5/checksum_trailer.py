"""The checksum trailer: checksums of all bytes of a file, behind the end that HDF5 gives it.

HDF5 knows where a file ends and ignores what follows; whoever opens it to write cuts it off.
"""

import struct
from collections.abc import Sequence
from pathlib import Path

import google_crc32c

from saveproof.reference_impl.saving.errors import WrongChecksum
from saveproof.reference_impl.saving.extents import LARGE, CheckedFile, Extent

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


def checked_file(source: Path) -> CheckedFile:
    """Return a file without its trailer, which tells what each byte must be; as it is without one.

    Raises:
        FileNotFoundError, UnreadableFile: if there is no regular file.
        WrongChecksum: if the trailer is damaged.
    """
    file = CheckedFile(source)
    end = file.size - _END.size - len(MARK)
    found = file.read(max(0, end), len(MARK) + _END.size)
    if end >= 0 and found.startswith(MARK):
        count, expected = _END.unpack_from(found, len(MARK))
        file.expect(_extents(file, source, end, count, expected))
    return file


def _extents(file: CheckedFile, source: Path, end: int, count: int, expected: int) -> list[Extent]:
    start = max(0, end - count * _EXTENT.size)
    # Every other extent is a large one: more of them than fit the file would take memory.
    listed = file.read(start, end - start) if count <= 2 * (start // LARGE) + 1 else b""
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
    return extents
