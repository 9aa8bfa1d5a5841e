"""Writing of HDF5 groups, attributes and datasets, with the same bytes as h5py.

h5py's low-level interface takes 15 microseconds per object, its high-level one 100.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5p, h5s, h5t

from saveproof.reference_impl.saving.errors import UnwritableName

HEADER_LIMIT = 64512
"""The number of bytes of names that fit into one attribute."""

UNCOPIED = 1 << 12
"""The smallest size in bytes of an array for which HDF5 only allocates space."""

_BYTES = h5py.string_dtype("ascii")


@dataclass(frozen=True, slots=True)
class GroupWriter:
    """A group open for writing.

    Attributes:
        id: the group.
        where: its path, for messages.
        arrays: the bytes (uint8) of the file's large arrays, by offset.
    """

    id: h5g.GroupID
    where: str
    arrays: dict[int, np.ndarray]

    def group(self, name: str) -> "GroupWriter":
        """Return the group at a path, creating it if needed.

        Raises:
            UnwritableName: if the path is not valid for a group.
        """
        path = self._path(name)
        try:
            if path in self.id:
                found = h5g.open(self.id, path)
            else:
                found = h5g.create(self.id, path, lcpl=_links(ascii_only=path.isascii()))
        except (ValueError, KeyError) as error:
            raise self._taken(name) from error
        return GroupWriter(found, f"{self.where}/{name}", self.arrays)

    def dataset(self, name: str, value: np.ndarray, *, mark_bfloat16: bool = False) -> None:
        """Write a contiguous dataset; bfloat16 as two opaque bytes per number, as in tf_keras.

        `mark_bfloat16` adds Keras 3's attribute that identifies these bytes.

        Raises:
            UnwritableName: if the path is not valid for a dataset.
        """
        path = self._path(name)
        array = np.asarray(value, order="C")
        short = str(array.dtype) == "bfloat16"
        if array.dtype.kind == "V" or short:
            array = array.view("V2")
        kind, space = type_of(array.dtype), _space(array.shape)
        large = array.nbytes >= UNCOPIED
        links = _links(ascii_only=path.isascii())
        try:
            dataset = h5d.create(self.id, path, kind, space, _allocated() if large else None, links)
        except (ValueError, KeyError) as error:
            raise self._taken(name) from error
        if large:
            self.arrays[dataset.get_offset()] = array.reshape(-1).view(np.uint8)
        elif array.size:
            dataset.write(h5s.ALL, h5s.ALL, array, kind)
        if short and mark_bfloat16:
            _write_text(dataset, "dtype", "bfloat16", utf8=True)

    def text(self, name: str, value: str, *, utf8: bool = False) -> None:
        """Write a scalar string as UTF-8, which is declared ASCII without `utf8`."""
        _write_text(self.id, name, value, utf8=utf8)

    def names(self, name: str, values: Sequence[str]) -> None:
        """Write a list of names, in several attributes if it is too long for one.

        Raises:
            UnwritableName: if a name is too long, or not valid in HDF5.
        """
        if not values:
            h5a.create(self.id, name.encode(), h5t.IEEE_F64LE, _space((0,)))
            return
        encoded = [_encoded(value) for value in values]
        too_long = [value for value in encoded if len(value) > HEADER_LIMIT]
        if too_long:
            raise UnwritableName(
                f"HDF5: {name}: expected names of up to {HEADER_LIMIT} bytes, found "
                f"{len(too_long[0])}"
            )
        fixed = np.array(encoded)
        count = 1
        while any(part.nbytes > HEADER_LIMIT for part in np.array_split(fixed, count)):
            count += 1
        if count > 1:
            for number, part in enumerate(np.array_split(fixed, count)):
                kind = type_of(part.dtype)
                path = f"{name}{number}".encode()
                h5a.create(self.id, path, kind, _space(part.shape)).write(part)
            return
        attribute = h5a.create(
            self.id, name.encode(), _string_type(utf8=False), _space((len(encoded),))
        )
        attribute.write(np.array(encoded, dtype=_BYTES))

    def _path(self, name: str) -> bytes:
        if not name or name.startswith("/") or {"", "."} & set(name.split("/")):
            raise UnwritableName(
                f"HDF5: the name {name!r} is not a valid path of an object; rename the layer"
            )
        return _encoded(name)

    def _taken(self, name: str) -> UnwritableName:
        return UnwritableName(
            f"HDF5: the name {name!r} in {self.where or '/'!r} is already in use, or a part of it "
            "is a dataset; rename the layer, or the other layer with that name"
        )


def root_of(file: h5f.FileID, arrays: dict[int, np.ndarray]) -> GroupWriter:
    """Return the root group of a file.

    Args:
        file: the file.
        arrays: collects the large arrays, by offset in the file.
    """
    return GroupWriter(h5g.open(file, b"/"), "", arrays)


def _encoded(name: str) -> bytes:
    """Return a name as UTF-8 bytes.

    Raises:
        UnwritableName: if it contains a zero byte or a lone surrogate.
    """
    try:
        encoded = name.encode()
    except UnicodeEncodeError as error:
        raise UnwritableName(
            f"HDF5: invalid name {name!r}: {error.reason} at {error.start}; rename the layer"
        ) from error
    if b"\0" in encoded:
        raise UnwritableName(f"HDF5: invalid name {name!r}: contains a zero byte; rename the layer")
    return encoded


@lru_cache
def _links(*, ascii_only: bool) -> h5p.PropLCID:
    links = h5p.create(h5p.LINK_CREATE)
    links.set_create_intermediate_group(True)
    links.set_char_encoding(h5t.CSET_ASCII if ascii_only else h5t.CSET_UTF8)
    return links


@lru_cache
def _allocated() -> h5p.PropDCID:
    """Return creation properties that allocate a dataset's space without writing to it."""
    created = h5p.create(h5p.DATASET_CREATE)
    created.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    created.set_fill_time(h5d.FILL_TIME_NEVER)
    return created


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


def _write_text(item: h5g.GroupID | h5d.DatasetID, name: str, value: str, *, utf8: bool) -> None:
    attribute = h5a.create(item, name.encode(), _string_type(utf8=utf8), _space(()))
    attribute.write(np.array(_encoded(value), dtype=_BYTES))
