"""Reading of a TensorBundle: the complete index is checked before a tensor is read.

All checksums are verified. Source: see `bundle_writer`.
"""

import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np

from saveproof.reference_impl.saving.checkpoint.bundle_table import (
    decoded_table,
    masked,
    read_varint,
)
from saveproof.reference_impl.saving.checkpoint.bundle_writer import (
    HEADER_KEY,
    data_file,
    fixed_lengths,
    index_file,
)
from saveproof.reference_impl.saving.checkpoint.protos import decoded
from saveproof.reference_impl.saving.checkpoint.tensor_types import dtype_of
from saveproof.reference_impl.saving.errors import (
    MissingPart,
    NotReadHere,
    UnreadableFile,
    WrongChecksum,
    WrongPart,
)
from saveproof.reference_impl.saving.extents import read_into
from saveproof.reference_impl.saving.sources import bytes_of, opened_source, size_of

PRODUCER = 1
"""The newest supported version of the format."""

MOST_STRINGS = 1 << 18
"""The largest number of strings in a tensor, since each takes at least fifty bytes in memory."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The index entry of a tensor: dtype, shape, checksum, and position of its bytes."""

    dtype: np.dtype
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc32c: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """The index of a checkpoint, sorted by key; `read` returns the tensors."""

    prefix: Path
    shards: int
    entries: Mapping[str, Entry]

    def read(self, key: str) -> np.ndarray:
        """Return a tensor; strings as an array of `bytes` objects.

        Raises:
            MissingPart: if there is no tensor with that key.
            WrongChecksum, WrongPart: if its bytes differ from those written.
        """
        if key not in self.entries:
            raise MissingPart(f"{self.prefix}: no tensor {key!r}")
        entry = self.entries[key]
        where = f"{self.prefix}: {key!r}"
        file = data_file(self.prefix, entry.shard, self.shards)
        raw = np.empty(entry.size, np.uint8)
        with opened_source(file) as data:
            _, crc = read_into(raw, data.fileno(), entry.offset, google_crc32c.extend)
        if entry.dtype.kind == "O":
            return _strings(raw.tobytes(), entry, where)
        _check(crc, entry, where)
        value = raw.view(entry.dtype) if entry.size else np.empty(0, entry.dtype)
        if entry.dtype.kind == "b" and entry.size and raw.max() > 1:
            raise WrongPart(f"{where}: expected booleans of 0 and 1, found {raw.max()}")
        return value.reshape(entry.shape)

    def read_all(self, keys: Iterable[str]) -> dict[str, np.ndarray]:
        """Return tensors by their keys.

        Raises:
            MissingPart, WrongChecksum, WrongPart: as for `read`.
        """
        return {key: self.read(key) for key in keys}


def open_bundle(prefix: Path) -> Bundle:
    """Return the checkpoint with that prefix after checking its index.

    Raises:
        FileNotFoundError: if the index does not exist.
        UnreadableFile, WrongChecksum, WrongPart, MissingPart, NotReadHere: if the index is invalid,
            incomplete, or does not match the data files; names the file and the key.
    """
    index = index_file(prefix)
    if not index.exists():
        raise FileNotFoundError(f"{index}: no such file: no TensorFlow checkpoint {str(prefix)!r}")
    records = decoded_table(bytes_of(index), where=str(index))
    if not records or records[0][0] != HEADER_KEY:
        raise MissingPart(f"{index}: no header: not the index of a TensorFlow checkpoint")
    shards = _shards(decoded("BundleHeaderProto", records[0][1], where=str(index)), index)
    entries = {}
    for key, value in records[1:]:
        name = _name(key, index)
        entries[name] = _entry(
            decoded("BundleEntryProto", value, where=f"{index}: {name!r}"), f"{index}: {name!r}"
        )
    _check_places(prefix, shards, entries)
    return Bundle(prefix, shards, entries)


def _shards(header: Any, index: Path) -> int:
    if header.endianness != 0:
        raise NotReadHere(f"{index}: written on a big-endian machine; only little-endian is read")
    if header.version.min_consumer > PRODUCER:
        raise NotReadHere(
            f"{index}: requires a reader of version {header.version.min_consumer}, this one has "
            f"{PRODUCER}"
        )
    if header.num_shards < 1:
        raise WrongPart(f"{index}: expected at least one data file, found {header.num_shards}")
    return int(header.num_shards)


def _name(key: bytes, index: Path) -> str:
    try:
        name = key.decode()
    except UnicodeDecodeError as error:
        raise WrongPart(f"{index}: key {key!r}: {error}") from error
    if name.startswith("\0"):
        raise NotReadHere(f"{index}: {name!r}: partitioned variables are not supported")
    return name


def _entry(found: Any, where: str) -> Entry:
    dtype = dtype_of(found.dtype, where=where)
    if found.slices:
        raise NotReadHere(f"{where}: partitioned variables are not supported")
    shape = tuple(dimension.size for dimension in found.shape.dim)
    if found.shape.unknown_rank or any(size < 0 for size in shape):
        raise WrongPart(f"{where}: expected a shape, found {shape}")
    expected = math.prod(shape) * (1 if dtype.kind == "O" else dtype.itemsize)
    fits = found.size >= expected if dtype.kind == "O" else found.size == expected
    if not fits:
        raise WrongPart(
            f"{where}: expected {expected} bytes for shape {shape} of {dtype}, found {found.size}"
        )
    return Entry(dtype, shape, found.shard_id, found.offset, found.size, found.crc32c)


def _check_places(prefix: Path, shards: int, entries: Mapping[str, Entry]) -> None:
    """Check that each tensor lies within its data file, and that no two share bytes."""
    sizes: dict[int, int] = {}
    for key, entry in entries.items():
        if not 0 <= entry.shard < shards:
            raise WrongPart(
                f"{prefix}: {key!r}: expected one of {shards} files, found number {entry.shard}"
            )
        file = data_file(prefix, entry.shard, shards)
        if entry.shard not in sizes:
            if not file.exists():
                raise MissingPart(f"{file}: no such file; the index names it for {key!r}")
            sizes[entry.shard] = size_of(file)
        if entry.offset < 0 or entry.offset + entry.size > sizes[entry.shard]:
            raise UnreadableFile(
                f"{file}: truncated: expected {key!r} at bytes {entry.offset} to "
                f"{entry.offset + entry.size}, found {sizes[entry.shard]} bytes"
            )
    by_place = sorted(
        (entry.shard, entry.offset, entry.size, key) for key, entry in entries.items() if entry.size
    )
    for (shard, offset, size, key), (next_shard, start, _, other) in pairwise(by_place):
        if shard == next_shard and offset + size > start:
            raise WrongPart(f"{prefix}: {key!r} and {other!r} overlap from byte {start} on")


def _check(crc: int, entry: Entry, where: str) -> None:
    if masked(crc) != entry.crc32c:
        raise WrongChecksum(
            f"{where}: damaged: expected {entry.size} bytes with checksum {entry.crc32c:#010x}, "
            f"found {masked(crc):#010x}"
        )


def _strings(raw: bytes, entry: Entry, where: str) -> np.ndarray:
    """Return the strings of a tensor: lengths, their checksum, and the bytes of all."""
    lengths, position = [], 0
    if math.prod(entry.shape) > MOST_STRINGS:
        raise NotReadHere(
            f"{where}: expected up to {MOST_STRINGS} strings, found shape {entry.shape}"
        )
    for _ in range(math.prod(entry.shape)):
        length, position = read_varint(raw, position, where=where)
        lengths.append(length)
    start = position + 4
    if start + sum(lengths) != len(raw):
        raise WrongPart(f"{where}: expected {start + sum(lengths)} bytes, found {len(raw)}")
    elements = []
    stored = raw[position:start]
    position = start
    for length in lengths:
        elements.append(raw[position : position + length])
        position += length
    crc = google_crc32c.value(fixed_lengths(elements))
    if stored != struct.pack("<I", masked(crc)):
        raise WrongChecksum(f"{where}: damaged: wrong checksum of the strings' lengths")
    crc = google_crc32c.extend(google_crc32c.extend(crc, stored), raw[start:])
    _check(crc, entry, where)
    value = np.empty(len(elements), object)
    value[:] = elements
    return value.reshape(entry.shape)
