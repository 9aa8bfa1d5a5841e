"""The parts of an HDF5 file open for reading, each checked; arrays without a copy."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
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
from saveproof.reference_impl.saving.extents import Content, mapped
from saveproof.reference_impl.saving.hdf5.checksum_trailer import unsealed
from saveproof.reference_impl.saving.hdf5.links import is_link, kind_of, linked
from saveproof.reference_impl.saving.hdf5.storage import check_stored, read_dataset
from saveproof.reference_impl.saving.hdf5.writer_parts import type_of
from saveproof.reference_impl.saving.json_text import json_value
from saveproof.reference_impl.state import Array, StoredArray, array_of

IN_MEMORY = 1 << 24
"""Bytes up to which HDF5 is handed the whole file, which is faster than asking for its parts."""

# What h5py raises, beside errors of ours, when it comes upon bytes that make no sense to it.
_NONSENSE = (OSError, RuntimeError, KeyError, TypeError, MemoryError, OverflowError, UnicodeError)


class Hdf5File:
    """An HDF5 file open for reading; `with` gives its root group.

    Args:
        content: its bytes, of which arrays are parts where they lie in one.
        source: the file, for messages.

    Raises:
        UnreadableFile: if it is not HDF5 or is cut short, on entry or when a part is read.
    """

    def __init__(self, content: Content, source: Path) -> None:
        self._content = content
        self._source = source

    def __enter__(self) -> "Part":
        try:
            self._file = self._opened()
            root = h5g.open(self._file, b"/")
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise UnreadableFile(
                f"{self._source}: not an HDF5 file, or cut short: {error}"
            ) from error
        return Part(root, "", self._content, self._source)

    def _opened(self) -> h5f.FileID:
        if self._content.size <= IN_MEMORY:
            return h5f.open_file_image(self._content.part(0, self._content.size).tobytes())
        access = h5p.create(h5p.FILE_ACCESS)
        access.set_fileobj_driver(h5fd.fileobj_driver, _Stream(self._content))
        return h5f.open(os.fsencode(self._source), h5f.ACC_RDONLY, access)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if isinstance(error, _NONSENSE) and not isinstance(error, NotReadHere):
            raise UnreadableFile(f"{self._source}: can't be read as HDF5: {error}") from error


class _Stream:
    """Bytes as the kind of file that h5py reads from."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self._at = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._content.size}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:
        found = self._content.part(self._at, len(buffer))
        buffer[: found.size] = found.data
        self._at += found.size
        return found.size

    def flush(self) -> None:
        return


class Part:
    """A group: what it holds is asked for by name, and checked.

    Attributes:
        where: its path in the file, for messages.
    """

    def __init__(self, group: h5g.GroupID, where: str, content: Content, source: Path) -> None:
        self._group = group
        self._content = content
        self._above: dict[str, Any] = {"": group}
        self.where = where
        self.source = source

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
        return Part(item, self._path(name), self._content, self.source)

    def _path(self, name: str) -> str:
        return f"{self.where}/{name}".removeprefix("/")

    def array(self, name: str) -> Array:
        """Return a dataset of numbers, not to be written into where it is not read by itself.

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
            return StoredArray(item.shape, dtype, lambda: self._read(item, where))
        size = dtype.itemsize * int(np.prod(item.shape, dtype=object))
        found = self._content.part(offset, size)
        if found.size != size:
            raise UnreadableFile(
                f"{self.source}: dataset {where!r}: expected {size} bytes at {offset}, "
                f"found {found.size}: cut short"
            )
        array: np.ndarray = found.view(dtype).reshape(item.shape)
        return array

    def bytes_of(self, name: str) -> bytes:
        """Return the bytes of a dataset, which no variable is there to be compared with.

        Raises:
            TooLarge: if it takes far more memory than the file.
            MissingPart, WrongPart, LeadsOutside, NotReadHere: as for `array`.
        """
        found = self.array(name)
        check_expansion(
            found.nbytes, self._content.size, where=f"{self.source}: {self._path(name)!r}"
        )
        return array_of(found).tobytes()

    def _read(self, item: h5d.DatasetID, where: str) -> np.ndarray:
        try:
            return read_dataset(item, source=self.source, where=where)
        except _NONSENSE as error:
            raise UnreadableFile(f"{self.source}: {where!r}: can't be read: {error}") from error

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


def opened(source: Path) -> Hdf5File:
    """Return the file, found to be as it was sealed if it was.

    Raises:
        FileNotFoundError: if there is no such file.
        UnreadableFile: if it is a folder or a special file.
        WrongChecksum: if it is damaged.
    """
    return Hdf5File(unsealed(mapped(source), source), source)
