"""Writing a TensorBundle: tensors one after the other in a data file, and an index of them.

Source: tensorflow/core/util/tensor_bundle/tensor_bundle.cc and tensorflow/core/protobuf/
tensor_bundle.proto. The bytes are TensorFlow's for the same tensors in the same order.
"""

import os
import struct
from collections.abc import Iterable
from io import FileIO
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np

from reference_impl.formats.bundle_table import (
    Record,
    decoded_table,
    encoded_table,
    masked,
    varint,
)
from reference_impl.formats.durable import DurableFile, write_durably
from reference_impl.formats.errors import UnwritableName
from reference_impl.formats.pieces import written
from reference_impl.formats.protos import MESSAGES, decoded, encoded
from reference_impl.formats.tensor_types import number_of
from reference_impl.state import NamedArray

HEADER_KEY = b""
FIRST_SHARD = (0, 1)
"""The number of a data file among how many: what TensorFlow gives to one writer."""
OTHER_SHARD = (0, 2)
"""What is written while the index of a checkpoint of the same name points to `FIRST_SHARD`."""


def index_file(prefix: Path) -> Path:
    """Return the file with the index of the checkpoint of that name."""
    return prefix.with_name(f"{prefix.name}.index")


def data_file(prefix: Path, shard: int, count: int) -> Path:
    """Return one of the `count` files with the tensors."""
    return prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{count:05d}")


def write_bundle(prefix: Path, tensors: Iterable[NamedArray]) -> None:
    """Write the tensors, in their order, as the checkpoint of that name.

    An older one stays whole until the new one is: the new data get another name than those to
    which the old index points, and the index is put in the old one's place at once.

    Raises:
        UnwritableName: for a key that is empty or comes twice, or a dtype that TensorFlow lacks;
            the target is as before.
    """
    prefix.parent.mkdir(parents=True, exist_ok=True)
    index = index_file(prefix)
    before = _data_of(index, prefix)
    shard = OTHER_SHARD if data_file(prefix, *FIRST_SHARD) in before else FIRST_SHARD
    data = data_file(prefix, *shard)
    partial = [file.with_name(f".{file.name}.{os.getpid()}.partial") for file in (data, index)]
    try:
        with DurableFile(partial[0], "wb") as file:
            table = encoded_table(_write_tensors(file, tensors, count=shard[1]))
            file.to_disk()
        write_durably(partial[1], table)
        partial[0].replace(data)
        partial[1].replace(index)
    finally:
        for file_left in partial:
            file_left.unlink(missing_ok=True)
    for old in before - {data}:
        old.unlink(missing_ok=True)
    _folder_to_disk(prefix.parent)


def _data_of(index: Path, prefix: Path) -> set[Path]:
    """Return the data files of the checkpoint that is there, as far as its index can be read."""
    try:
        records = decoded_table(index.read_bytes(), where=str(index))
        header = decoded("BundleHeaderProto", dict(records)[HEADER_KEY], where=str(index))
    except (OSError, ValueError, KeyError, NotImplementedError):
        # No checkpoint that could be kept whole.
        return set()
    return {
        data_file(prefix, shard, header.num_shards) for shard in range(min(header.num_shards, 100))
    }


def _folder_to_disk(folder: Path) -> None:
    """Make the new names in a folder last, where the system can open folders."""
    try:
        number = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _write_tensors(file: FileIO, tensors: Iterable[NamedArray], *, count: int) -> list[Record]:
    """Write the tensors' bytes; return the records of the index."""
    header = MESSAGES["BundleHeaderProto"](num_shards=count)
    header.version.producer = 1
    records = {HEADER_KEY: encoded(header)}
    offset = 0
    for tensor in tensors:
        key = tensor.name.encode()
        if key in records:
            raise UnwritableName(f"checkpoint: the key {tensor.name!r} is empty or comes twice")
        entry = _entry(tensor, offset)
        entry.crc32c, entry.size = _write_value(file, tensor.value)
        offset += entry.size
        records[key] = encoded(entry)
    return sorted(records.items())


def _entry(tensor: NamedArray, offset: int) -> Any:
    number = number_of(tensor.value.dtype, where=f"checkpoint: {tensor.name!r}")
    entry = MESSAGES["BundleEntryProto"](dtype=number, offset=offset)
    entry.shape.SetInParent()
    for size in tensor.value.shape:
        entry.shape.dim.add(size=size)
    return entry


def _write_value(file: FileIO, value: np.ndarray) -> tuple[int, int]:
    """Write one tensor; return its checksum and its size in bytes."""
    if value.dtype.kind == "O":
        return _write_strings(file, [bytes(element) for element in value.ravel()])
    little = value.dtype.newbyteorder("<") if value.dtype.kind != "V" else value.dtype
    # A view, not a copy, of an array that is as the file has it already.
    flat = np.ascontiguousarray(value, dtype=little).reshape(-1).view(np.uint8)
    return masked(written(file, flat, google_crc32c.extend)), flat.size


def _write_strings(file: FileIO, elements: list[bytes]) -> tuple[int, int]:
    """Write the lengths, a checksum of them, and the bytes of all elements."""
    lengths = b"".join(varint(len(element)) for element in elements)
    crc = google_crc32c.value(fixed_lengths(elements))
    stored = struct.pack("<I", masked(crc))
    joined = b"".join(elements)
    file.write(lengths + stored + joined)
    crc = google_crc32c.extend(google_crc32c.extend(crc, stored), joined)
    return masked(crc), len(lengths) + len(stored) + len(joined)


def fixed_lengths(elements: list[bytes]) -> bytes:
    """Return the elements' lengths as their checksum is computed over: four bytes, or eight."""
    sizes = [len(element) for element in elements]
    return b"".join(struct.pack("<I" if size < 1 << 32 else "<Q", size) for size in sizes)
