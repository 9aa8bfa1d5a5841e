"""Validation of a dataset's storage: in the file itself, and of limited size when decompressed.

HDF5 itself decompresses a chunk to any size.
"""

import math
from pathlib import Path

import numpy as np
from h5py import h5d, h5p, h5s, h5z
from zlib_ng import zlib_ng

from saveproof.reference_impl.limits import check_expansion
from saveproof.reference_impl.saving.errors import LeadsOutside, NotReadHere, WrongPart
from saveproof.reference_impl.saving.hdf5.writer_parts import type_of

COMPRESSING = (h5z.FILTER_DEFLATE, h5z.FILTER_LZF)
FILTERS = (*COMPRESSING, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32)
"""Supported filters."""

_SPARE = 4096
"""Bytes of a chunk beyond its numbers, for checksums and incompressible data."""


def check_stored(item: h5d.DatasetID, *, source: Path, where: str) -> None:
    """Check that a dataset is stored in the file itself with supported filters.

    Raises:
        LeadsOutside: for external storage or a virtual dataset.
        NotReadHere: for unsupported filters.
    """
    made = item.get_create_plist()
    layout = made.get_layout()
    what = None
    if layout == h5d.VIRTUAL:
        name = made.get_virtual_filename(0) if made.get_virtual_count() else ""
        what = f"a virtual dataset, whose first source is in the file {name!r}"
    elif layout == h5d.CONTIGUOUS and made.get_external_count():
        name = made.get_external(0)[0].decode(errors="replace")
        what = f"a dataset with its data in the file {name!r}"
    if what is not None:
        raise LeadsOutside(
            f"{source}: {where!r}: expected the data in the file itself, found {what}; if you "
            "trust that file, copy the data (h5py: read, `del` and recreate the dataset)"
        )
    if layout == h5d.CHUNKED:
        filters = _filters(made)
        if not set(filters) <= set(FILTERS) or sum(map(COMPRESSING.__contains__, filters)) > 1:
            raise NotReadHere(
                f"{source}: {where!r}: expected only the filters shuffle, fletcher32, and gzip or "
                f"lzf once, found HDF5's filter numbers {filters}; remove the filters (h5repack -f "
                "NONE)"
            )


def _filters(made: h5p.PropDCID) -> list[int]:
    return [made.get_filter(number)[0] for number in range(made.get_nfilters())]


def read_dataset(item: h5d.DatasetID, *, source: Path, where: str) -> np.ndarray:
    """Return a dataset's values in its dtype, for any byte order, chunks and filters.

    Raises:
        TooLarge: for chunks much larger than the dataset.
        WrongPart: for a chunk that expands to more than its declared size.
    """
    if item.get_create_plist().get_layout() == h5d.CHUNKED:
        _check_chunks(item, source, where)
    return values_of(item, item.dtype)


def values_of(item: h5d.DatasetID, dtype: np.dtype) -> np.ndarray:
    """Return a dataset's values in its dtype after checking the size."""
    value = np.empty(item.shape, dtype)
    if value.size:
        item.read(h5s.ALL, h5s.ALL, value, type_of(dtype))
    return value


def _check_chunks(item: h5d.DatasetID, source: Path, where: str) -> None:
    """Check the expanded size of each chunk before HDF5 expands it."""
    made = item.get_create_plist()
    size = math.prod(made.get_chunk()) * item.dtype.itemsize
    total = math.prod(item.shape) * item.dtype.itemsize
    check_expansion(size, total, where=f"{source}: {where!r}: a chunk of {total} bytes")
    filters = [(1 << bit, code) for bit, code in enumerate(_filters(made)) if code in COMPRESSING]

    def check(chunk: h5d.StoreInfo) -> None:
        if chunk.size > size + size // 8 + _SPARE:
            raise WrongPart(
                f"{source}: {where!r}: chunk at {tuple(chunk.chunk_offset)}: expected up to {size} "
                f"bytes, found {chunk.size}"
            )
        for left_out, code in filters:
            if not chunk.filter_mask & left_out:
                _, stored = item.read_direct_chunk(chunk.chunk_offset)
                measure = _inflated if code == h5z.FILTER_DEFLATE else _lzf_size
                if measure(stored, size + _SPARE) > size + _SPARE:
                    raise WrongPart(
                        f"{source}: {where!r}: chunk at {tuple(chunk.chunk_offset)}: expected "
                        f"{size} bytes, found {len(stored)} that expand to more"
                    )

    item.chunk_iter(check)


def _inflated(stored: bytes, most: int) -> int:
    """Return the expanded size of a gzip chunk, at most one more than `most`."""
    try:
        return len(zlib_ng.decompressobj().decompress(stored, most + 1))
    except zlib_ng.error:  # type: ignore[misc] # the stubs do not declare it as an exception
        return 0  # HDF5 raises the error.


def _lzf_size(stored: bytes, most: int) -> int:
    """Return the expanded size of an LZF chunk, or a number above `most`.

    Source: http://oldhome.schmorp.de/marc/liblzf.html: a literal run of up to 32 bytes, or a
    length and a distance back.
    """
    at = size = 0
    while at < len(stored) and size <= most:
        control = stored[at]
        if control < 32:
            at, size = at + control + 2, size + control + 1
            continue
        length = control >> 5
        if length == 7 and at + 1 < len(stored):
            length, at = length + stored[at + 1], at + 1
        at, size = at + 2, size + length + 2
    return size
