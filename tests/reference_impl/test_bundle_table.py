import struct

import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saveproof.reference_impl.saving.checkpoint.bundle_table import (
    FOOTER_SIZE,
    MAGIC,
    Handle,
    decoded_table,
    encoded_table,
    masked,
    read_varint,
    varint,
)
from saveproof.reference_impl.saving.errors import (
    NotReadHere,
    UnreadableFile,
    WrongChecksum,
    WrongPart,
)


def read(data):
    return decoded_table(data, where="x.index")


def block(content, compression=0):
    checked = content + bytes([compression])
    return checked + struct.pack("<I", masked(google_crc32c.value(checked)))


EMPTY = block(struct.pack("<II", 0, 1))


def table(content, *, compression=0, bound=b"z"):
    """Return a table of one data block with this content, whatever it is."""
    data = block(content, compression)
    handle = Handle(0, len(content)).encoded()
    entry = varint(0) + varint(len(bound)) + varint(len(handle)) + bound + handle
    index = entry + struct.pack("<II", 0, 1)
    metaindex = Handle(len(data), len(EMPTY) - 5)
    handles = metaindex.encoded() + Handle(len(data) + len(EMPTY), len(index)).encoded()
    return data + EMPTY + block(index) + handles.ljust(FOOTER_SIZE - 8, b"\0") + MAGIC


def record(shared, key, value, *, size=None):
    return varint(shared) + varint(len(key)) + varint(size or len(value)) + key + value


RESTART = struct.pack("<II", 0, 1)


def test_a_table_of_one_record_is_these_bytes():
    data = encoded_table([(b"a", b"1")])

    assert data[:18].hex() == "000101" + "61" + "31" + "0000000001000000" + "00" + data[14:18].hex()
    assert data == table(record(0, b"a", b"1") + RESTART, bound=b"b")


@given(st.dictionaries(st.binary(max_size=6), st.binary(max_size=40), max_size=60))
def test_what_is_written_is_read(records):
    rising = sorted(records.items())

    assert read(encoded_table(rising)) == rising


def test_many_records_take_several_blocks():
    records = [(f"{number:05d}".encode(), bytes(200)) for number in range(4000)]
    data = encoded_table(records)

    assert read(data) == records
    assert len(data) > 3 * 262144


@given(st.integers(0, 2**64 - 1))
def test_varints_come_back(number):
    data = varint(number)

    assert read_varint(data, 0, where="x") == (number, len(data))


def test_a_compressed_block_is_refused():
    with pytest.raises(NotReadHere, match="Snappy"):
        read(table(record(0, b"a", b"1") + RESTART, compression=1))
    with pytest.raises(WrongPart, match="compression 0 or 1, found 7"):
        read(table(record(0, b"a", b"1") + RESTART, compression=7))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (record(0, b"b", b"1") + record(0, b"a", b"1") + RESTART, "ascending keys"),
        (record(0, b"a", b"1") + record(0, b"a", b"1") + RESTART, "ascending keys"),
        (record(3, b"a", b"1") + RESTART, "beyond its block"),
        (record(0, b"a", b"1", size=99) + RESTART, "beyond its block"),
        (record(0, b"zz", b"1") + RESTART, "keys up to"),
        (struct.pack("<I", 1000), "1000 restarts"),
        (b"\xff" * 11 + RESTART, "varint of up to 64 bits at byte 0"),
        (RESTART, "keys up to"),
    ],
)
def test_a_block_that_is_laid_out_wrongly_is_refused(content, words):
    with pytest.raises(WrongPart, match=words):
        read(table(content))


def test_a_changed_byte_is_refused():
    data = bytearray(encoded_table([(b"a", b"1"), (b"b", b"2")]))
    data[3] ^= 1

    with pytest.raises(WrongChecksum, match=r"x\.index: block at 0"):
        read(bytes(data))


@pytest.mark.parametrize("data", [b"", b"\x89HDF\r\n\x1a\n" + bytes(100), bytes(47) + MAGIC[1:]])
def test_what_is_no_table_is_refused(data):
    with pytest.raises(UnreadableFile, match="not the index of a TensorFlow checkpoint"):
        read(data)


def test_a_block_outside_the_file_is_refused():
    handles = Handle(10**6, 8).encoded() + Handle(0, 8).encoded()

    with pytest.raises(WrongPart, match="a block within 48 bytes"):
        read(handles.ljust(FOOTER_SIZE - 8, b"\0") + MAGIC)
