"""The sorted string table of a TensorBundle's index: keys and values in blocks.

Source: https://github.com/google/leveldb/blob/main/doc/table_format.md, with TensorFlow's magic
number and block size (tensorflow/tsl/lib/io/table_builder.cc).
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import google_crc32c

from saveproof.reference_impl.limits import check_expansion
from saveproof.reference_impl.saving.errors import (
    NotReadHere,
    UnreadableFile,
    WrongChecksum,
    WrongPart,
)

Record = tuple[bytes, bytes]
"""A key and its value."""

MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)
FOOTER_SIZE = 48
TRAILER_SIZE = 5
BLOCK_SIZE = 262144
RESTART_INTERVAL = 16
NOT_COMPRESSED, SNAPPY = 0, 1

MOST = 1 << 17
"""The largest number of records, since each takes a kilobyte in memory when decoded."""


@dataclass(frozen=True, slots=True)
class Handle:
    """The position of a block: its first byte, and its size without the trailer."""

    offset: int
    size: int

    def encoded(self) -> bytes:
        """Return offset and size as varints."""
        return varint(self.offset) + varint(self.size)


def masked(crc: int) -> int:
    """Return a CRC-32C as stored in files: masked, since files also contain plain checksums."""
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def varint(number: int) -> bytes:
    """Return a number as a varint: groups of seven bits, lowest first."""
    parts = bytearray()
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*parts, number))


def read_varint(data: bytes, start: int, *, where: str) -> tuple[int, int]:
    """Return the varint at an offset, and the offset after it.

    Raises:
        WrongPart: naming `where`, if it is incomplete or has more than 64 bits.
    """
    number = 0
    for position in range(start, min(start + 10, len(data))):
        number |= (data[position] & 0x7F) << 7 * (position - start)
        if data[position] < 0x80:
            return number, position + 1
    raise WrongPart(f"{where}: expected a varint of up to 64 bits at byte {start}, found none")


def encoded_table(records: Iterable[Record]) -> bytes:
    """Return the table of records, whose keys must be in ascending order."""
    file = bytearray()
    index: list[Record] = []
    for block, following in pairwise([*_split(records), []]):
        last = block[-1][0]
        key = _separator(last, following[0][0]) if following else _successor(last)
        index.append((key, _append(file, _block(block, RESTART_INTERVAL)).encoded()))
    metaindex = _append(file, _block([], RESTART_INTERVAL))
    handles = metaindex.encoded() + _append(file, _block(index, 1)).encoded()
    return bytes(file) + handles.ljust(FOOTER_SIZE - len(MAGIC), b"\0") + MAGIC


def _split(records: Iterable[Record]) -> Iterator[Sequence[Record]]:
    """Yield the records block by block; a block ends when it reaches the block size."""
    block: list[Record] = []
    size, last = 0, b""
    for key, value in records:
        restarts = len(block) % RESTART_INTERVAL == 0
        size += len(_entry(b"" if restarts else last, key, value)) + (4 if restarts else 0)
        block.append((key, value))
        last = key
        if size + 4 >= BLOCK_SIZE:
            yield block
            block, size = [], 0
    if block:
        yield block


def _entry(last: bytes, key: bytes, value: bytes) -> bytes:
    """Return a record with the part of its key that differs from the previous key."""
    shared = _common(last, key)
    sizes = varint(shared) + varint(len(key) - shared) + varint(len(value))
    return sizes + key[shared:] + value


def _common(one: bytes, other: bytes) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _block(records: Sequence[Record], interval: int) -> bytes:
    entries = bytearray()
    restarts = [] if records else [0]
    last = b""
    for number, (key, value) in enumerate(records):
        if number % interval == 0:
            restarts.append(len(entries))
            last = b""
        entries += _entry(last, key, value)
        last = key
    return bytes(entries) + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


def _append(file: bytearray, block: bytes) -> Handle:
    handle = Handle(len(file), len(block))
    checked = block + bytes([NOT_COMPRESSED])
    file += checked + struct.pack("<I", masked(google_crc32c.value(checked)))
    return handle


def _separator(last: bytes, following: bytes) -> bytes:
    """Return a short key >= `last` and < `following`."""
    shared = _common(last, following)
    if shared == len(last) or shared == len(following):
        return last
    if last[shared] < 0xFF and last[shared] + 1 < following[shared]:
        return last[:shared] + bytes([last[shared] + 1])
    return last


def _successor(key: bytes) -> bytes:
    """Return a short key >= `key`."""
    for position, byte in enumerate(key):
        if byte != 0xFF:
            return key[:position] + bytes([byte + 1])
    return key


def decoded_table(data: bytes, *, where: str) -> list[Record]:
    """Return the records of a table after verifying all checksums.

    Raises:
        UnreadableFile: naming `where`, if it is not such a table, or truncated.
        WrongChecksum: if a block is damaged.
        WrongPart: if a block is malformed, or keys are not in ascending order.
        NotReadHere: for a compressed block.
    """
    if len(data) < FOOTER_SIZE or data[-len(MAGIC) :] != MAGIC:
        raise UnreadableFile(
            f"{where}: not the index of a TensorFlow checkpoint, or truncated: expected "
            f"{MAGIC.hex()} at the end of its {len(data)} bytes"
        )
    footer = data[-FOOTER_SIZE:]
    metaindex, end = _handle(footer, 0, where=where)
    index, _ = _handle(footer, end, where=where)
    _decoded_block(data, metaindex, where=f"{where}: metaindex")
    records: list[Record] = []
    reached = 0
    for bound, value in _decoded_block(data, index, where=f"{where}: index block"):
        handle, _ = _handle(value, 0, where=f"{where}: index block")
        if handle.offset < reached:
            raise WrongPart(
                f"{where}: block at {handle.offset}: expected it after the previous block, at "
                f"{reached} or later"
            )
        reached = handle.offset + handle.size
        if len(records) > MOST:
            raise WrongPart(f"{where}: expected up to {MOST} records")
        records += _decoded_block(data, handle, where=f"{where}: block at {handle.offset}")
        if not records or records[-1][0] > bound:
            raise WrongPart(
                f"{where}: block at {handle.offset}: expected keys up to {bound!r}, "
                f"found {records[-1:]!r:.80}"
            )
    for (key, _), (following, _) in pairwise(records):
        if key >= following:
            raise WrongPart(f"{where}: expected ascending keys, found {key!r} before {following!r}")
    return records


def _handle(data: bytes, start: int, *, where: str) -> tuple[Handle, int]:
    offset, middle = read_varint(data, start, where=where)
    size, end = read_varint(data, middle, where=where)
    return Handle(offset, size), end


def _decoded_block(data: bytes, handle: Handle, *, where: str) -> list[Record]:
    end = handle.offset + handle.size
    if end + TRAILER_SIZE > len(data) - FOOTER_SIZE or handle.size < 4:
        raise WrongPart(
            f"{where}: expected a block within {len(data)} bytes, found bytes {handle.offset} to "
            f"{end}"
        )
    (stored,) = struct.unpack_from("<I", data, end + 1)
    if masked(google_crc32c.value(data[handle.offset : end + 1])) != stored:
        raise WrongChecksum(f"{where}: damaged: wrong checksum")
    if data[end] == SNAPPY:
        raise NotReadHere(
            f"{where}: Snappy compression, which TensorFlow does not write, is not supported; "
            "save the checkpoint again with TensorFlow"
        )
    if data[end] != NOT_COMPRESSED:
        raise WrongPart(f"{where}: expected compression 0 or 1, found {data[end]}")
    return _decoded_records(data[handle.offset : end], where=where)


def _decoded_records(block: bytes, *, where: str) -> list[Record]:
    (count,) = struct.unpack_from("<I", block, len(block) - 4)
    end = len(block) - 4 - 4 * count
    if end < 0:
        raise WrongPart(f"{where}: found {count} restarts in a block of only {len(block)} bytes")
    records: list[Record] = []
    key, position, size_of_keys = b"", 0, 0
    while position < end:
        shared, position = read_varint(block, position, where=where)
        unshared, position = read_varint(block, position, where=where)
        size, position = read_varint(block, position, where=where)
        if shared > len(key) or position + unshared + size > end:
            raise WrongPart(f"{where}: the record after key {key!r} ends beyond its block")
        key = key[:shared] + block[position : position + unshared]
        size_of_keys += len(key)
        # A record omits the prefix that its key shares with the previous key.
        check_expansion(size_of_keys, 2 * len(block), where=where)
        position += unshared
        records.append((key, block[position : position + size]))
        if len(records) > MOST:
            raise WrongPart(f"{where}: expected up to {MOST} records")
        position += size
    return records
