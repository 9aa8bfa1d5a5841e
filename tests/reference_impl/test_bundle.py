import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from saveproof.reference_impl.saving.checkpoint.bundle_reader import open_bundle
from saveproof.reference_impl.saving.checkpoint.bundle_table import (
    FOOTER_SIZE,
    decoded_table,
    encoded_table,
)
from saveproof.reference_impl.saving.checkpoint.bundle_writer import (
    data_file,
    index_file,
    write_bundle,
)
from saveproof.reference_impl.saving.checkpoint.protos import MESSAGES, decoded, encoded
from saveproof.reference_impl.saving.checkpoint.tensor_types import DTYPES
from saveproof.reference_impl.saving.errors import (
    MissingPart,
    NotReadHere,
    UnreadableFile,
    UnwritableName,
    WrongChecksum,
    WrongPart,
)
from saveproof.reference_impl.state import NamedArray

REFUSALS = (UnreadableFile, MissingPart, WrongPart, WrongChecksum, NotReadHere)


def strings(*elements):
    array = np.empty(len(elements), object)
    array[:] = elements
    return array


TENSORS = {
    "b/kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a/scalar": np.array(7, np.int64),
    "c/half": np.array([1.5, -2], ml_dtypes.bfloat16),
    "d/empty": np.zeros((0, 3), np.float32),
    "e/names": strings(b"", b"one", b"two" * 50),
    "f/flags": np.array([True, False]),
}


@pytest.fixture
def prefix(tmp_path):
    write_bundle(tmp_path / "ck", [NamedArray(*item) for item in TENSORS.items()])
    return tmp_path / "ck"


def read_all(prefix):
    bundle = open_bundle(prefix)
    return {key: bundle.read(key) for key in bundle.entries}


def same(one, other):
    return one.dtype == other.dtype and one.shape == other.shape and one.tolist() == other.tolist()


def test_what_is_written_is_read(prefix):
    found = read_all(prefix)

    assert list(found) == sorted(TENSORS)
    assert all(same(found[key], TENSORS[key]) for key in TENSORS)


def test_the_data_are_the_tensors_in_the_order_of_writing(tmp_path):
    write_bundle(
        tmp_path / "ck",
        [NamedArray("b", np.array([1, 2], "<i2")), NamedArray("a", np.array(3, ">i4"))],
    )

    assert data_file(tmp_path / "ck", 0, 1).read_bytes().hex() == "01000200" + "03000000"


def test_an_entry_of_the_index_is_these_bytes(tmp_path):
    write_bundle(tmp_path / "ck", [NamedArray("k", np.zeros((2, 1), np.float32))])
    records = decoded_table(index_file(tmp_path / "ck").read_bytes(), where="x")

    assert records[0] == (b"", bytes.fromhex("08 01 1a 02 08 01"))
    assert records[1][0] == b"k"
    assert records[1][1][:14].hex(" ") == "08 01 12 08 12 02 08 02 12 02 08 01 28 08"


@settings(deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([dtype for dtype in DTYPES.values() if dtype.kind in "fiubc"]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    )
)
def test_arrays_of_every_type_come_back_to_the_last_bit(tmp_path_factory, array):
    prefix = tmp_path_factory.mktemp("bundle") / "ck"
    write_bundle(prefix, [NamedArray("a", array)])
    found = open_bundle(prefix).read("a")

    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tobytes() == array.tobytes()


def test_an_array_that_is_not_contiguous_is_written_by_rows(tmp_path):
    array = np.arange(12.0).reshape(3, 4).T
    write_bundle(tmp_path / "ck", [NamedArray("a", array)])

    assert np.array_equal(open_bundle(tmp_path / "ck").read("a"), array)


@pytest.mark.parametrize("array", [np.array(["text"]), np.array([1], "M8[s]")])
def test_a_type_that_tensorflow_lacks_is_refused(tmp_path, array):
    with pytest.raises(UnwritableName, match="expected one of the dtypes"):
        write_bundle(tmp_path / "ck", [NamedArray("a", array)])

    assert list(tmp_path.iterdir()) == []


def test_a_key_that_comes_twice_is_refused_and_the_old_checkpoint_stays(prefix):
    with pytest.raises(UnwritableName, match="unique, non-empty keys, found 'a'"):
        write_bundle(prefix, [NamedArray("a", np.ones(1)), NamedArray("a", np.ones(1))])

    assert same(read_all(prefix)["b/kernel"], TENSORS["b/kernel"])


def test_saving_again_leaves_one_checkpoint(prefix):
    for value in range(3):
        write_bundle(prefix, [NamedArray("a", np.array(value))])
        names = sorted(file.name for file in prefix.parent.iterdir())

        assert read_all(prefix)["a"] == value
        assert len(names) == 2


def rewritten(prefix, change, key=b"b/kernel"):
    """Change an entry of the index, with checksums as they must be."""
    file = index_file(prefix)
    records = dict(decoded_table(file.read_bytes(), where="x"))
    kind = "BundleEntryProto" if key else "BundleHeaderProto"
    entry = decoded(kind, records[key], where="x")
    change(entry)
    records[key] = encoded(entry)
    file.write_bytes(encoded_table(sorted(records.items())))


def set_field(name, value):
    return lambda entry: setattr(entry, name, value)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (set_field("size", 20), WrongPart, "expected 24 bytes"),
        (set_field("dtype", 99), NotReadHere, "types"),
        (set_field("dtype", 2), WrongPart, "expected 48 bytes"),
        (set_field("offset", 10**6), UnreadableFile, "truncated"),
        (set_field("offset", -1), UnreadableFile, "truncated"),
        (set_field("offset", 4), WrongPart, "overlap from byte"),
        (set_field("shard_id", 1), WrongPart, "expected one of 1 files"),
        (lambda entry: entry.slices.add(), NotReadHere, "partitioned variables"),
        (set_field("crc32c", 1), WrongChecksum, "0x00000001"),
        (lambda entry: setattr(entry.shape.dim[0], "size", -2), WrongPart, "a shape"),
        (lambda entry: setattr(entry.shape, "unknown_rank", True), WrongPart, "a shape"),
    ],
)
def test_an_entry_that_cannot_be_is_refused(prefix, change, error, words):
    rewritten(prefix, change)

    with pytest.raises(error, match=words):
        read_all(prefix)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (set_field("endianness", 1), NotReadHere, "big-endian"),
        (set_field("num_shards", 0), WrongPart, "at least one data file"),
        (set_field("num_shards", 2), MissingPart, r"-of-00002: no such file"),
        (lambda header: setattr(header.version, "min_consumer", 2), NotReadHere, "version 2"),
    ],
)
def test_a_header_that_is_not_read_is_refused(prefix, change, error, words):
    rewritten(prefix, change, key=b"")

    with pytest.raises(error, match=words):
        read_all(prefix)


def test_parts_of_a_partitioned_variable_are_refused(prefix):
    records = decoded_table(index_file(prefix).read_bytes(), where="x")
    index_file(prefix).write_bytes(encoded_table(sorted([*records, (b"\0part", records[1][1])])))

    with pytest.raises(NotReadHere, match="partitioned"):
        open_bundle(prefix)


def test_an_index_without_header_is_refused(prefix):
    records = decoded_table(index_file(prefix).read_bytes(), where="x")
    index_file(prefix).write_bytes(encoded_table(records[1:]))

    with pytest.raises(MissingPart, match="no header"):
        open_bundle(prefix)


def test_a_missing_data_file_is_refused(prefix):
    data_file(prefix, 0, 1).unlink()

    with pytest.raises(MissingPart, match=r"ck\.data-00000-of-00001: no such file"):
        open_bundle(prefix)


def test_several_data_files_are_read(prefix):
    """As writers on several machines leave them, merged: a number of files, entries in each."""
    records = dict(decoded_table(index_file(prefix).read_bytes(), where="x"))
    header = MESSAGES["BundleHeaderProto"](num_shards=2)
    header.version.producer = 1
    for key in records:
        if key > b"c":
            entry = decoded("BundleEntryProto", records[key], where="x")
            entry.shard_id = 1
            records[key] = encoded(entry)
    index_file(prefix).write_bytes(encoded_table(sorted({**records, b"": encoded(header)}.items())))
    whole = data_file(prefix, 0, 1).rename(data_file(prefix, 0, 2))
    data_file(prefix, 1, 2).write_bytes(whole.read_bytes())
    found = read_all(prefix)

    assert all(same(found[key], TENSORS[key]) for key in TENSORS)


def outcome(prefix):
    """Return what is read, or None if it is refused."""
    try:
        return {key: (value.dtype, value.tolist()) for key, value in read_all(prefix).items()}
    except REFUSALS:
        return None


@pytest.mark.parametrize("which", ["index", "data"])
def test_no_flipped_bit_is_read_as_something_else(prefix, which):
    """Every bit of the file, one at a time."""
    file = index_file(prefix) if which == "index" else data_file(prefix, 0, 1)
    whole, expected = file.read_bytes(), outcome(prefix)
    refused = 0
    for position in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            file.write_bytes(damaged)
            found = outcome(prefix)
            refused += found is None

            assert found in (None, expected), (position, bit)

    # The padding of the footer holds nothing.
    assert refused >= 8 * (len(whole) - FOOTER_SIZE)


@pytest.mark.parametrize("which", ["index", "data"])
def test_no_truncated_file_is_read(prefix, which):
    """Every length that is less than the whole."""
    file = index_file(prefix) if which == "index" else data_file(prefix, 0, 1)
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])

        assert outcome(prefix) is None, length
