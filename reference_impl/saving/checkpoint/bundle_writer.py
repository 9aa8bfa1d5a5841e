"""Writing of a TensorBundle: a data file of contiguous tensors, and their index.

Source: tensorflow/core/util/tensor_bundle/tensor_bundle.cc and tensorflow/core/protobuf/
tensor_bundle.proto. The bytes are TensorFlow's for the same tensors in the same order.
"""

import itertools
import re
import struct
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np

from saveproof.reference_impl.saving.atomic_file import DurableFile, naming, replacing, status_of
from saveproof.reference_impl.saving.checkpoint.bundle_table import (
    Record,
    decoded_table,
    encoded_table,
    masked,
    varint,
)
from saveproof.reference_impl.saving.checkpoint.protos import MESSAGES, decoded, encoded
from saveproof.reference_impl.saving.checkpoint.tensor_types import number_of
from saveproof.reference_impl.saving.errors import UnwritableName
from saveproof.reference_impl.saving.sources import bytes_of
from saveproof.reference_impl.saving.temporaries import abandoned
from saveproof.reference_impl.state import NamedArray

HEADER_KEY = b""


def index_file(prefix: Path) -> Path:
    """Return the index file of the checkpoint with that prefix."""
    return prefix.with_name(f"{prefix.name}.index")


def data_file(prefix: Path, shard: int, count: int) -> Path:
    """Return one of the `count` data files."""
    return prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{count:05d}")


def write_bundle(prefix: Path, tensors: Iterable[NamedArray]) -> None:
    """Write the tensors, in their order, as the checkpoint with that prefix.

    An existing checkpoint stays valid until the new one is complete, also with several writers:
    the data file gets an unused name, and the index is replaced atomically.

    Raises:
        UnwritableName: for an empty or repeated key, or a dtype that TensorFlow lacks; the target
            is unchanged.
        OSError: naming the index; the target is unchanged.
    """
    with naming(index_file(prefix)):
        prefix.parent.mkdir(parents=True, exist_ok=True)
        _write_bundle(prefix, tensors)


def _write_bundle(prefix: Path, tensors: Iterable[NamedArray]) -> None:
    index = index_file(prefix)
    before = set() if status_of(index) is None else _data_of(index, prefix)
    data, count = _new_data(prefix, before)
    unused = {Path(data.name)}
    try:
        # The writer holds a lock on the data file until the index names it.
        with data, replacing(index) as table:
            records = _write_tensors(data, tensors, count=count)
            data.to_disk()
            table.write(encoded_table(records))
        unused |= before | _lone_data(prefix)
    finally:
        _remove_unused(prefix, unused, before)


def _new_data(prefix: Path, before: set[Path]) -> tuple[DurableFile, int]:
    """Return a new data file and its number of shards: the first whose file name is unused."""
    old = next((status for file in sorted(before) if (status := status_of(file))), None)
    for count in itertools.count(1):
        with suppress(FileExistsError):
            return DurableFile(data_file(prefix, 0, count), like=old), count
    raise AssertionError


def _lone_data(prefix: Path) -> set[Path]:
    """Return data files whose other shards do not exist: only this module writes such files."""
    names = re.compile(re.escape(prefix.name) + r"\.data-([0-9]{5})-of-([0-9]{5})")
    found = [match for file in prefix.parent.iterdir() if (match := names.fullmatch(file.name))]
    counts = Counter(match[2] for match in found)
    return {
        prefix.with_name(match[0])
        for match in found
        if match[1] == "00000" and counts[match[2]] == 1
    }


def _remove_unused(prefix: Path, files: set[Path], before: set[Path]) -> None:
    """Remove data files that the index does not name and no writer has locked.

    Args:
        prefix: of the checkpoint.
        files: the candidates.
        before: those that the old index named, which are removed even on systems without locks.
    """
    for file in files:
        with suppress(OSError), abandoned(file, even_unlocked=file in before) as status:
            # Read the index after taking the lock: a writer may just have replaced it.
            if status is not None and file not in _data_of(index_file(prefix), prefix):
                file.unlink()


def _data_of(index: Path, prefix: Path) -> set[Path]:
    """Return the data files of an existing checkpoint; none if it does not exist or is invalid.

    Raises:
        OSError: if the index exists and can't be read, so that no data file is removed.
    """
    try:
        records = decoded_table(bytes_of(index), where=str(index))
        header = decoded("BundleHeaderProto", dict(records)[HEADER_KEY], where=str(index))
    except (FileNotFoundError, ValueError, KeyError, NotImplementedError):
        # There is no valid checkpoint to preserve.
        return set()
    return {
        data_file(prefix, shard, header.num_shards) for shard in range(min(header.num_shards, 100))
    }


def _write_tensors(file: DurableFile, tensors: Iterable[NamedArray], *, count: int) -> list[Record]:
    """Write the tensors' bytes; return the records of the index."""
    header = MESSAGES["BundleHeaderProto"](num_shards=count)
    header.version.producer = 1
    records = {HEADER_KEY: encoded(header)}
    offset = 0
    for tensor in tensors:
        key = tensor.name.encode()
        if key in records:
            raise UnwritableName(
                f"checkpoint: expected unique, non-empty keys, found {tensor.name!r}"
            )
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


def _write_value(file: DurableFile, value: np.ndarray) -> tuple[int, int]:
    """Write one tensor; return its checksum and its size in bytes."""
    if value.dtype.kind == "O":
        return _write_strings(file, [bytes(element) for element in value.ravel()])
    little = value.dtype.newbyteorder("<") if value.dtype.kind != "V" else value.dtype
    # A view instead of a copy if the array already has the layout of the file.
    flat = np.ascontiguousarray(value, dtype=little).reshape(-1).view(np.uint8)
    return masked(file.extend(0, flat)), flat.size


def _write_strings(file: DurableFile, elements: list[bytes]) -> tuple[int, int]:
    """Write the lengths, their checksum, and the bytes of all elements."""
    lengths = b"".join(varint(len(element)) for element in elements)
    crc = google_crc32c.value(fixed_lengths(elements))
    stored = struct.pack("<I", masked(crc))
    joined = b"".join(elements)
    file.write(lengths + stored + joined)
    crc = google_crc32c.extend(google_crc32c.extend(crc, stored), joined)
    return masked(crc), len(lengths) + len(stored) + len(joined)


def fixed_lengths(elements: list[bytes]) -> bytes:
    """Return the elements' lengths in the form of their checksum: four or eight bytes each."""
    sizes = [len(element) for element in elements]
    return b"".join(struct.pack("<I" if size < 1 << 32 else "<Q", size) for size in sizes)
