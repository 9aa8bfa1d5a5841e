"""Writing a TensorBundle: tensors one after the other in a data file, and an index of them.

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
    """Return the file with the index of the checkpoint of that name."""
    return prefix.with_name(f"{prefix.name}.index")


def data_file(prefix: Path, shard: int, count: int) -> Path:
    """Return one of the `count` files with the tensors."""
    return prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{count:05d}")


def write_bundle(prefix: Path, tensors: Iterable[NamedArray]) -> None:
    """Write the tensors, in their order, as the checkpoint of that name.

    An older one stays whole until the new one is, and so does one that another writer puts in its
    place meanwhile: data have a name that is nobody else's, and the index is replaced at once.

    Raises:
        UnwritableName: for a key that is empty or comes twice, or a dtype that TensorFlow lacks;
            the target is as before.
        OSError: naming the index; the target is as before.
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
        # The data are locked as theirs until the index names them.
        with data, replacing(index) as table:
            records = _write_tensors(data, tensors, count=count)
            data.to_disk()
            table.write(encoded_table(records))
        unused |= before | _lone_data(prefix)
    finally:
        _remove_unused(prefix, unused, before)


def _new_data(prefix: Path, before: set[Path]) -> tuple[DurableFile, int]:
    """Return a new data file, one of how many for TensorFlow: the first number that is free."""
    old = next((status for file in sorted(before) if (status := status_of(file))), None)
    for count in itertools.count(1):
        with suppress(FileExistsError):
            return DurableFile(data_file(prefix, 0, count), like=old), count
    raise AssertionError


def _lone_data(prefix: Path) -> set[Path]:
    """Return the data files that are the only one of how many they say: nobody else writes such."""
    names = re.compile(re.escape(prefix.name) + r"\.data-([0-9]{5})-of-([0-9]{5})")
    found = [match for file in prefix.parent.iterdir() if (match := names.fullmatch(file.name))]
    counts = Counter(match[2] for match in found)
    return {
        prefix.with_name(match[0])
        for match in found
        if match[1] == "00000" and counts[match[2]] == 1
    }


def _remove_unused(prefix: Path, files: set[Path], before: set[Path]) -> None:
    """Remove data files without a writer that the index does not name.

    Args:
        prefix: the checkpoint's.
        files: those that may be such.
        before: those that the index named, which may go even where the system has no locks.
    """
    for file in files:
        with suppress(OSError), abandoned(file, even_unlocked=file in before) as status:
            # Only now: a writer that was there a moment ago has put its index in place.
            if status is not None and file not in _data_of(index_file(prefix), prefix):
                file.unlink()


def _data_of(index: Path, prefix: Path) -> set[Path]:
    """Return the data files of the checkpoint that is there; none if there is no whole one.

    Raises:
        OSError: if the index is there and can't be read: its data files are not to be removed.
    """
    try:
        records = decoded_table(bytes_of(index), where=str(index))
        header = decoded("BundleHeaderProto", dict(records)[HEADER_KEY], where=str(index))
    except (FileNotFoundError, ValueError, KeyError, NotImplementedError):
        # No checkpoint that could be kept whole.
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


def _write_value(file: DurableFile, value: np.ndarray) -> tuple[int, int]:
    """Write one tensor; return its checksum and its size in bytes."""
    if value.dtype.kind == "O":
        return _write_strings(file, [bytes(element) for element in value.ravel()])
    little = value.dtype.newbyteorder("<") if value.dtype.kind != "V" else value.dtype
    # A view, not a copy, of an array that is as the file has it already.
    flat = np.ascontiguousarray(value, dtype=little).reshape(-1).view(np.uint8)
    return masked(file.extend(0, flat)), flat.size


def _write_strings(file: DurableFile, elements: list[bytes]) -> tuple[int, int]:
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
