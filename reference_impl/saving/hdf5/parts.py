"""The parts of an HDF5 file open for reading, each checked."""

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from h5py import h5a, h5d, h5f, h5fd, h5g, h5o, h5p

from saveproof.reference_impl.limits import check_expansion
from saveproof.reference_impl.saving.errors import (
    MissingPart,
    NotReadHere,
    UnreadableFile,
    WrongPart,
)
from saveproof.reference_impl.saving.hdf5.checksum_trailer import compare_with_trailer
from saveproof.reference_impl.saving.hdf5.links import is_link, kind_of, linked
from saveproof.reference_impl.saving.hdf5.storage import check_stored, read_dataset, values_of
from saveproof.reference_impl.saving.hdf5.writer_parts import type_of
from saveproof.reference_impl.saving.json_text import json_value
from saveproof.reference_impl.saving.sources import Section
from saveproof.reference_impl.state import Array, StoredArray, array_of

Content = Section | BytesIO
"""What h5py reads from."""

# What h5py raises, beside errors of ours, when it comes upon bytes that make no sense to it.
_NONSENSE = (OSError, RuntimeError, KeyError, TypeError, MemoryError, OverflowError, UnicodeError)


@dataclass(slots=True)
class _Source:
    """An open file.

    Attributes:
        content: what h5py reads from.
        name: for messages.
        size: in bytes.
        left: bytes that may be of arrays which were not read yet.
        arrays: those that were, by place, shape and dtype.
    """

    content: Content
    name: Path
    size: int
    left: int
    arrays: dict[tuple[int, tuple[int, ...], np.dtype], np.ndarray] = field(default_factory=dict)


@contextmanager
def opened(source: Path) -> Iterator["Part"]:
    """Give the root group of a file; every byte is found to be as it was written if that is known.

    Raises:
        FileNotFoundError: if there is no such file.
        UnreadableFile: if it is a folder or a special file, is not HDF5, or is cut short.
        WrongChecksum: if it is damaged: HDF5 then does not see it.
    """
    file = Section(source)
    compare_with_trailer(file.fileno(), source)
    with root_of(file, source) as root:
        yield root


@contextmanager
def root_of(content: Content, source: Path) -> Iterator["Part"]:
    """Give the root group of HDF5 content.

    Args:
        content: what h5py reads from.
        source: the file, for messages.

    Raises:
        UnreadableFile: if it is not HDF5 or is cut short, on entry or when a part is read.
    """
    size = content.seek(0, os.SEEK_END)
    try:
        file = h5f.open(os.fsencode(source), h5f.ACC_RDONLY, _access(content))
        root = h5g.open(file, b"/")
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise UnreadableFile(f"{source}: not an HDF5 file, or cut short: {error}") from error
    try:
        yield Part(root, "", _Source(content, source, size, left=size))
    except NotReadHere:
        raise
    except _NONSENSE as error:
        raise UnreadableFile(f"{source}: can't be read as HDF5: {error}") from error
    finally:
        file.close()


def _access(content: Content) -> h5p.PropFAID:
    access = h5p.create(h5p.FILE_ACCESS)
    # What an interrupted call has left open would keep the file open beyond the end of Python.
    access.set_fclose_degree(h5f.CLOSE_STRONG)
    access.set_fileobj_driver(h5fd.fileobj_driver, content)
    return access


class Part:
    """A group: what it holds is asked for by name, and checked.

    Attributes:
        where: its path in the file, for messages.
    """

    def __init__(self, group: h5g.GroupID, where: str, file: _Source) -> None:
        self._group = group
        self._file = file
        self._above: dict[str, Any] = {"": group}
        self.where = where
        self.source = file.name

    def __contains__(self, name: str) -> bool:
        return self._linked(name) is not None

    def _linked(self, name: str) -> Any:
        """Return the object of that name, None if there is none; nothing outside of the file."""
        above, _, last = name.rpartition("/")
        if above not in self._above:
            self._above[above] = linked(self._group, above, source=self.source, where=self.where)
        return linked(
            *(self._above[above], last),
            source=self.source,
            where=f"{self.where}/{above}" if above else self.where,
        )

    def address(self) -> int:
        """Return where in the file the group is: the same for each link to it."""
        return int(h5o.get_info(self._group).addr)

    def groups(self) -> list[str]:
        """Return the names of the groups in it."""
        return [name for name in self._names() if self._is(name, h5g.GROUP, h5g.GroupID)]

    def datasets(self) -> list[str]:
        """Return the names of the datasets in it."""
        return [name for name in self._names() if self._is(name, h5g.DATASET, h5d.DatasetID)]

    def _names(self) -> list[str]:
        return [name.decode() for name in self._group]

    def _is(self, name: str, kind: int, opened: type) -> bool:
        found = kind_of(self._group, name.encode())
        return found == kind or (is_link(found) and isinstance(self._linked(name), opened))

    def group(self, name: str) -> "Part":
        """Return the group of that name.

        Raises:
            MissingPart, WrongPart: if there is none, or a dataset.
        """
        item = self._linked(name)
        if item is None:
            raise MissingPart(f"{self.source}: no group {self._path(name)!r}, which the file lists")
        if not isinstance(item, h5g.GroupID):
            raise WrongPart(f"{self.source}: {self._path(name)!r}: expected a group, not a dataset")
        return Part(item, self._path(name), self._file)

    def _path(self, name: str) -> str:
        return f"{self.where}/{name}".removeprefix("/")

    def array(self, name: str) -> Array:
        """Return a dataset of numbers.

        Where it does not lie in the file as it does in memory, it is read when it is asked for.

        Raises:
            MissingPart, WrongPart: if there is none, or it holds something else.
            LeadsOutside: if it is, or its data are, in another file.
            NotReadHere: if it is compressed in a way that is not read.
        """
        where = self._path(name)
        item = self._linked(name)
        if item is None:
            raise MissingPart(f"{self.source}: no dataset {where!r}")
        if not isinstance(item, h5d.DatasetID):
            raise WrongPart(f"{self.source}: {where!r}: expected a dataset, found a group")
        dtype = item.dtype
        if dtype.kind not in "fiubV" or dtype.names is not None or dtype.subdtype is not None:
            raise WrongPart(f"{self.source}: {where!r}: expected numbers, found dtype {dtype}")
        offset = item.get_offset()
        if offset is None:
            check_stored(item, source=self.source, where=where)
        if offset is None or item.get_type() != type_of(dtype):
            return StoredArray(item.shape, dtype, lambda: self._read(where))
        return self._contiguous(item, dtype, offset, where)

    def _contiguous(
        self, item: h5d.DatasetID, dtype: np.dtype, offset: int, where: str
    ) -> np.ndarray:
        """Return what lies in one piece in the file; it is read once however often it is linked."""
        key = (offset, item.shape, dtype)
        if key in self._file.arrays:
            again = self._file.arrays[key].view()
            again.flags.writeable = False
            return again
        size = dtype.itemsize * math.prod(item.shape)
        if offset + size > self._file.size:
            raise UnreadableFile(
                f"{self.source}: dataset {where!r}: expected {size} bytes at {offset}, "
                f"found {max(0, self._file.size - offset)}: cut short"
            )
        self._file.left -= size
        if self._file.left < 0:
            raise WrongPart(f"{self.source}: {where!r}: shares its bytes with other datasets")
        self._file.arrays[key] = found = values_of(item, dtype)
        return found

    def bytes_of(self, name: str) -> bytes:
        """Return the bytes of a dataset, which no variable is there to be compared with.

        Raises:
            TooLarge: if it takes far more memory than the file.
            MissingPart, WrongPart, LeadsOutside, NotReadHere: as for `array`.
        """
        found = self.array(name)
        check_expansion(found.nbytes, self._file.size, where=f"{self.source}: {self._path(name)!r}")
        return array_of(found).tobytes()

    def _read(self, where: str) -> np.ndarray:
        """Return the values of a dataset of the file, which is opened again."""
        with root_of(self._file.content, self.source) as root:
            return read_dataset(root._linked(where), source=self.source, where=where)

    def attribute(self, name: str) -> np.ndarray | None:
        """Return an attribute's value, or None."""
        if not h5a.exists(self._group, name.encode()):
            return None
        attribute = h5a.open(self._group, name.encode())
        value = np.empty(attribute.shape, attribute.dtype)
        if value.size:
            attribute.read(value)
        return value

    def has_names(self, name: str) -> bool:
        """Say whether there is such a list of names."""
        return any(h5a.exists(self._group, f"{name}{suffix}".encode()) for suffix in ("", "0"))

    def names(self, name: str) -> list[str] | None:
        """Return the names in an attribute, or in as many numbered ones as there are."""
        whole = self.attribute(name)
        parts: list[np.ndarray] = [] if whole is None else [whole]
        while whole is None and (part := self.attribute(f"{name}{len(parts)}")) is not None:
            parts.append(part)
        if not parts:
            return None
        return [self._decoded(item, name) for part in parts for item in part.ravel()]

    def text(self, name: str) -> str | None:
        """Return a text attribute, or None."""
        value = self.attribute(name)
        return None if value is None else self._decoded(value.item(), name)

    def _decoded(self, item: object, name: str) -> str:
        if isinstance(item, bytes):
            return item.decode()
        if isinstance(item, str):
            return item
        raise WrongPart(
            f"{self.source}: attribute {name!r}: expected text, found {type(item).__name__}"
        )

    def json(self, name: str) -> Mapping[str, Any] | None:
        """Return a JSON object from a text attribute, or None.

        Raises:
            WrongPart: if the text is something else.
        """
        text = self.text(name)
        if text is None:
            return None
        value = json_value(text, where=f"{self.source}: attribute {name!r}")
        if not isinstance(value, Mapping):
            raise WrongPart(f"{self.source}: attribute {name!r}: expected a JSON object")
        return value
