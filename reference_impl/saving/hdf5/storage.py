"""How HDF5 stores a dataset: not in another file, and not smaller than can be checked.

HDF5 itself inflates a chunk to whatever size it has.
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
"""Filters that are read."""

_SPARE = 4096
"""Bytes that a chunk may have beyond its numbers: of checksums, and of a compression in vain."""


def check_stored(item: h5d.DatasetID, *, source: Path, where: str) -> None:
    """Check that a dataset lies in the file itself, by filters that are known.

    Raises:
        LeadsOutside: for external storage or a virtual dataset.
        NotReadHere: for other filters.
    """
    made = item.get_create_plist()
    layout = made.get_layout()
    what = None
    if layout == h5d.VIRTUAL:
        name = made.get_virtual_filename(0) if made.get_virtual_count() else ""
        what = f"a virtual dataset, made of parts of others, the first in the file {name!r}"
    elif layout == h5d.CONTIGUOUS and made.get_external_count():
        name = made.get_external(0)[0].decode(errors="replace")
        what = f"a dataset whose data are stored in the file {name!r}"
    if what is not None:
        raise LeadsOutside(
            f"{source}: {where!r}: {what}: expected the data in the file itself; copy it (h5py: "
            "read it, `del` it, and create it anew), if you trust that file"
        )
    if layout == h5d.CHUNKED:
        filters = _filters(made)
        if not set(filters) <= set(FILTERS) or sum(map(COMPRESSING.__contains__, filters)) > 1:
            raise NotReadHere(
                f"{source}: {where!r}: expected the filters shuffle and fletcher32, and gzip or "
                f"lzf once, found those of HDF5's numbers {filters}; write the file anew without "
                "filters (h5repack -f NONE)"
            )


def _filters(made: h5p.PropDCID) -> list[int]:
    return [made.get_filter(number)[0] for number in range(made.get_nfilters())]


def read_dataset(item: h5d.DatasetID, *, source: Path, where: str) -> np.ndarray:
    """Return a dataset's values (of its dtype), whatever its byte order, chunks and filters.

    Raises:
        TooLarge: for chunks larger than they need to be.
        WrongPart: for a chunk that expands to more than it is declared to be.
    """
    if item.get_create_plist().get_layout() == h5d.CHUNKED:
        _check_chunks(item, source, where)
    return values_of(item, item.dtype)


def values_of(item: h5d.DatasetID, dtype: np.dtype) -> np.ndarray:
    """Return a dataset's values (of its dtype), which take no more memory than they may."""
    value = np.empty(item.shape, dtype)
    if value.size:
        item.read(h5s.ALL, h5s.ALL, value, type_of(dtype))
    return value


def _check_chunks(item: h5d.DatasetID, source: Path, where: str) -> None:
    """Check what each chunk expands to, before HDF5 does."""
    made = item.get_create_plist()
    size = math.prod(made.get_chunk()) * item.dtype.itemsize
    whole = math.prod(item.shape) * item.dtype.itemsize
    check_expansion(size, whole, where=f"{source}: {where!r}: a chunk of {whole} bytes")
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
    """Return how many bytes a chunk of gzip has, or one more than the most."""
    try:
        return len(zlib_ng.decompressobj().decompress(stored, most + 1))
    except zlib_ng.error:  # type: ignore[misc] # an exception, which its stubs do not say
        return 0  # HDF5 says of it what it says.


def _lzf_size(stored: bytes, most: int) -> int:
    """Return how many bytes a chunk of LZF has, or more than the most.

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
