"""HDF5 put together in memory: what HDF5 itself writes, and between it the arrays, uncopied.

HDF5 never sees the disk. An error that it meets in a file's last bytes can end the process, and
one that passes it does not tell.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from io import FileIO
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from h5py import h5f, h5fd, h5p

from saveproof.reference_impl.saving.atomic_file import replacing
from saveproof.reference_impl.saving.extents import extents_of
from saveproof.reference_impl.saving.hdf5.checksum_trailer import trailer_of
from saveproof.reference_impl.saving.hdf5.writer_parts import GroupWriter, root_of

Write = Callable[[GroupWriter], None]
"""Writes below the root group of an HDF5 file."""


def write_file(target: Path, write: Write) -> None:
    """Write a file and its checksum trailer in the target's place, or leave it as it is."""
    parts = composed(write)
    with replacing(target) as file:
        file.write(trailer_of(extents_of(parts, file.extend)))


def composed(write: Write) -> list[np.ndarray]:
    """Return the bytes (uint8) of an HDF5 file in parts, every other of them an array's own."""
    arrays: dict[int, np.ndarray] = {}
    with _sparse_file() as memory:
        file = h5f.create(b"in memory", h5f.ACC_TRUNC, fapl=_access(memory))
        try:
            write(root_of(file, arrays))
        finally:
            file.close()
        return list(_parts(memory.fileno(), arrays))


def _sparse_file() -> FileIO:
    """Return a file in memory, which takes none for what is not written."""
    if sys.platform == "linux":
        return FileIO(os.memfd_create("hdf5"), "w+")
    return TemporaryFile(buffering=0)


def _access(memory: FileIO) -> h5p.PropFAID:
    access = h5p.create(h5p.FILE_ACCESS)
    # What an error left open would write on when it is let go of, after the file is closed.
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    access.set_fileobj_driver(h5fd.fileobj_driver, memory)
    return access


def _parts(memory: int, arrays: Mapping[int, np.ndarray]) -> Iterator[np.ndarray]:
    at = 0
    for place, array in sorted(arrays.items()):
        yield np.frombuffer(os.pread(memory, place - at, at), np.uint8)
        yield array
        at = place + array.size
    yield np.frombuffer(os.pread(memory, os.fstat(memory).st_size - at, at), np.uint8)
