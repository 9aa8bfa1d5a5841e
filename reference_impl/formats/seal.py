"""The seal of a file: a checksum of all its bytes, behind the end that its format gives it."""

import os
import struct
from pathlib import Path

import google_crc32c
import numpy as np

from reference_impl.formats.errors import WrongChecksum

MARK = b"saveproof CRC-32C"
"""What stands before the checksum (uint32, little endian) at the end of a sealed file."""

LENGTH = len(MARK) + 4
_CHUNK = 1 << 22


def seal(file: Path) -> None:
    """Append the seal, and have the file on the disk when this returns.

    HDF5 knows where a file ends and ignores what follows; whoever opens it to write cuts it off.
    """
    content = mapped(file)
    with file.open("r+b") as stream:
        stream.seek(0, os.SEEK_END)
        stream.write(MARK + struct.pack("<I", checksum(content)))
        stream.flush()
        os.fsync(stream.fileno())


def unsealed(content: np.ndarray, source: Path) -> np.ndarray:
    """Return the content without its seal, found to be as it was sealed; as it is without one.

    Raises:
        WrongChecksum: if a byte is not what it was.
    """
    if content[-LENGTH:-4].tobytes() != MARK:
        return content
    body = content[:-LENGTH]
    (expected,) = struct.unpack("<I", content[-4:].tobytes())
    found = checksum(body)
    if found != expected:
        raise WrongChecksum(
            f"{source}: damaged: its {body.size} bytes were written with CRC-32C {expected:#010x}, "
            f"and have {found:#010x}; take another copy"
        )
    return body


def checksum(content: np.ndarray) -> int:
    """Return the CRC-32C of bytes, a piece at a time."""
    value = 0
    for start in range(0, content.size, _CHUNK):
        value = google_crc32c.extend(value, content[start : start + _CHUNK])
    return value


def mapped(source: Path) -> np.ndarray:
    """Return a file's bytes (uint8), in memory only where they are looked at."""
    if source.stat().st_size == 0:
        return np.zeros(0, np.uint8)
    return np.memmap(source, np.uint8, mode="r").view(np.ndarray)
