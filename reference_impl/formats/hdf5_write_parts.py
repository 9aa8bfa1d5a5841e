"""The parts of an HDF5 file that is written: groups, attributes and datasets as h5py makes them.

h5py's low-level interface takes 15 microseconds an object, its high-level one 100.
"""

import os
from collections.abc import Sequence
from functools import lru_cache
from io import FileIO
from pathlib import Path

import google_crc32c
import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5p, h5s, h5t

from reference_impl.formats.durable import DurableFile, replacing
from reference_impl.formats.errors import UnwritableName
from reference_impl.formats.hdf5_stream import Write, write_hdf5
from reference_impl.formats.pieces import LARGE, Piece, read_back
from reference_impl.formats.seal import seal_of

HEADER_LIMIT = 64512
"""Bytes of names that fit in one attribute, beside what HDF5 itself puts in the header."""

_BYTES = h5py.string_dtype("ascii")


def write_file(target: Path, write: Write, *, size: int) -> None:
    """Write a sealed file in the target's place; the target is as before if writing fails.

    Args:
        target: the file.
        write: writes what is in it.
        size: of the arrays among that, in bytes.
    """
    with replacing(target) as partial, DurableFile(partial, "w+b") as stream:
        if size < LARGE:
            pieces = [_written_by_name(partial, stream, write)]
        else:
            pieces = write_hdf5(stream, 0, write, google_crc32c.extend)
        stream.seek(0, os.SEEK_END)
        stream.write(seal_of(pieces))
        stream.to_disk()


def _written_by_name(partial: Path, stream: FileIO, write: Write) -> Piece:
    """Let HDF5 write the file itself, which takes half the time where all its parts are small."""
    file = h5f.create(os.fsencode(partial), h5f.ACC_TRUNC)
    try:
        write(h5g.open(file, b"/"))
    finally:
        file.close()
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    return read_back(stream, size, google_crc32c.extend)


def path_of(name: str) -> bytes:
    """Return the name as a path below a group.

    Raises:
        UnwritableName: if it is none: empty, absolute, with empty parts, or '.'.
    """
    if not name or name.startswith("/") or "\0" in name or {"", "."} & set(name.split("/")):
        raise UnwritableName(
            f"HDF5: the name {name!r} can't be the path of a group or dataset; rename the layer"
        )
    return name.encode()


@lru_cache
def _links(*, ascii_only: bool) -> h5p.PropLCID:
    links = h5p.create(h5p.LINK_CREATE)
    links.set_create_intermediate_group(True)
    links.set_char_encoding(h5t.CSET_ASCII if ascii_only else h5t.CSET_UTF8)
    return links


def group_in(parent: h5g.GroupID, path: bytes) -> h5g.GroupID:
    """Return the group at that path, made if it is not there."""
    if path in parent:
        return h5g.open(parent, path)
    return h5g.create(parent, path, lcpl=_links(ascii_only=path.isascii()))


def write_dataset(
    group: h5g.GroupID, path: bytes, value: np.ndarray, *, mark_bfloat16: bool = False
) -> None:
    """Write a contiguous dataset; bfloat16 as two opaque bytes a number, as tf_keras does.

    Keras 3 says in an attribute what the bytes are: `mark_bfloat16`.
    """
    array = np.asarray(value, order="C")
    short = str(array.dtype) == "bfloat16"
    if array.dtype.kind == "V" or short:
        array = array.view("V2")
    kind, space = type_of(array.dtype), _space(array.shape)
    dataset = h5d.create(group, path, kind, space, lcpl=_links(ascii_only=path.isascii()))
    if array.size:
        dataset.write(h5s.ALL, h5s.ALL, array, kind)
    if short and mark_bfloat16:
        write_text(dataset, "dtype", "bfloat16", utf8=True)


@lru_cache
def type_of(dtype: np.dtype) -> h5t.TypeID:
    """Return HDF5's type of a NumPy dtype."""
    return h5t.py_create(dtype, logical=True)


@lru_cache
def _space(shape: tuple[int, ...]) -> h5s.SpaceID:
    return h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)


@lru_cache
def _string_type(*, utf8: bool) -> h5t.TypeStringID:
    kind = h5t.C_S1.copy()
    kind.set_size(h5t.VARIABLE)
    kind.set_cset(h5t.CSET_UTF8 if utf8 else h5t.CSET_ASCII)
    return kind


def write_text(
    item: h5g.GroupID | h5d.DatasetID, name: str, value: str, *, utf8: bool = False
) -> None:
    """Write a scalar text; without `utf8` it is declared ASCII and holds UTF-8 all the same."""
    attribute = h5a.create(item, name.encode(), _string_type(utf8=utf8), _space(()))
    attribute.write(np.array(value.encode(), dtype=_BYTES))


def write_names(group: h5g.GroupID, name: str, values: Sequence[str]) -> None:
    """Write a list of names, over several attributes if it is too long for one.

    Raises:
        UnwritableName: if a single name is too long.
    """
    if not values:
        h5a.create(group, name.encode(), h5t.IEEE_F64LE, _space((0,)))
        return
    encoded = [value.encode() for value in values]
    too_long = [value for value in encoded if len(value) > HEADER_LIMIT]
    if too_long:
        raise UnwritableName(
            f"HDF5: {name} can hold names of up to {HEADER_LIMIT} bytes, found {len(too_long[0])}"
        )
    fixed = np.array(encoded)
    count = 1
    while any(part.nbytes > HEADER_LIMIT for part in np.array_split(fixed, count)):
        count += 1
    if count > 1:
        for number, part in enumerate(np.array_split(fixed, count)):
            kind = type_of(part.dtype)
            path = f"{name}{number}".encode()
            h5a.create(group, path, kind, _space(part.shape)).write(part)
        return
    attribute = h5a.create(group, name.encode(), _string_type(utf8=False), _space((len(encoded),)))
    attribute.write(np.array(encoded, dtype=_BYTES))
