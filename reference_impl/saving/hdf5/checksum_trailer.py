"""The seal of a file: checksums of all its bytes, behind the end that its format gives it."""

import struct
from collections.abc import Sequence
from pathlib import Path

import google_crc32c
import numpy as np

from saveproof.reference_impl.saving.errors import WrongChecksum
from saveproof.reference_impl.saving.extents import LARGE, Content, Piece, taken_apart

MARK = b"saveproof CRC-32C"
"""What stands in the seal between the pieces and their number."""

_PIECE = struct.Struct("<QI")
"""A piece of the file: its size, and its checksum."""

_END = struct.Struct("<II")
"""The number of pieces, and the checksum of all before it in the seal but the mark."""

LENGTH = _PIECE.size + len(MARK) + _END.size
"""Bytes of the seal of a file in one piece."""


def seal_of(pieces: Sequence[Piece]) -> bytes:
    """Return what seals a file of these pieces, every other of which is read by itself.

    HDF5 knows where a file ends and ignores what follows; whoever opens it to write cuts it off.
    """
    listed = b"".join(_PIECE.pack(*piece) for piece in pieces)
    return listed + MARK + _END.pack(len(pieces), _checksum(listed, len(pieces)))


def _checksum(listed: bytes, count: int) -> int:
    return int(google_crc32c.value(listed + struct.pack("<I", count)))


def unsealed(content: np.ndarray, source: Path) -> Content:
    """Return a file's content without its seal, found to be as it was; as it is without one.

    Args:
        content: all bytes of the file (uint8), mapped.
        source: the file.

    Raises:
        WrongChecksum: if a byte is not what it was.
    """
    if content[-_END.size - len(MARK) : -_END.size].tobytes() != MARK:
        return Content([content])
    listed = _pieces(content, source)
    found = []
    for expected, (part, checksum) in zip(
        listed,
        taken_apart(source, content, [piece.size for piece in listed], google_crc32c.extend),
        strict=True,
    ):
        if checksum != expected.checksum:
            raise WrongChecksum(
                f"{source}: damaged: of its {content.size} bytes {expected.size} were written with "
                f"CRC-32C {expected.checksum:#010x}, and have {checksum:#010x}; take another copy"
            )
        found.append(part)
    return Content(found)


def _pieces(content: np.ndarray, source: Path) -> list[Piece]:
    count, expected = _END.unpack(content[-_END.size :].tobytes())
    end = content.size - _END.size - len(MARK)
    start = max(0, end - count * _PIECE.size)
    # Every other piece is a large one; an array for each of many small ones would take memory.
    listed = content[start:end].tobytes() if count <= 2 * (start // LARGE) + 1 else b""
    if _checksum(listed, count) != expected or len(listed) != count * _PIECE.size:
        raise WrongChecksum(f"{source}: damaged: its seal is not as it was; take another copy")
    pieces = [Piece(*found) for found in _PIECE.iter_unpack(listed)]
    if sum(piece.size for piece in pieces) != start:
        raise WrongChecksum(
            f"{source}: damaged: expected {sum(piece.size for piece in pieces)} bytes before the "
            f"seal, found {start}; take another copy"
        )
    return pieces
