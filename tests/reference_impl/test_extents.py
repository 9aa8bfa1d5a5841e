"""Large arrays are pieces of a file: summed as they are written, copied once as they are read."""

import io

import google_crc32c
import h5py
import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.saving.archive.zip_archive import read_archive
from saveproof.reference_impl.saving.errors import UnreadableFile, WrongChecksum
from saveproof.reference_impl.saving.extents import LARGE, Content, Piece, copied, pieces_of
from saveproof.reference_impl.saving.hdf5.checksum_trailer import seal_of
from saveproof.reference_impl.saving.hdf5.memory import composed
from saveproof.reference_impl.saving.hdf5.reader import read_model
from saveproof.reference_impl.saving.hdf5.weights_tree import read_weights_tree
from saveproof.reference_impl.saving.hdf5.writer_parts import UNCOPIED

RANDOM = np.random.default_rng(7)
READERS = {"m.h5": read_model, "w.weights.h5": read_weights_tree, "m.keras": read_archive}


def large():
    """Return a model with two kernels that are pieces of their own, and a small one between."""
    keras.backend.clear_session()
    widths = [keras.layers.Dense(units) for units in (600, 2, 600, 600)]
    return keras.Sequential([keras.Input((600,)), *widths], name="large")


def saved(folder, name):
    model = large()
    (model.save_weights if "weights" in name else model.save)(folder / name)
    return model, folder / name


def test_any_part_of_the_content_is_as_in_the_whole():
    whole = np.arange(12, dtype=np.uint8)
    content = Content(np.split(whole, [3, 3, 7, 9]))

    for start in range(14):
        for size in range(14):
            assert content.part(start, size).tobytes() == whole[start : start + size].tobytes()


def test_a_part_that_is_not_a_piece_can_not_be_written_into():
    content = Content([np.zeros(3, np.uint8), np.zeros(5, np.uint8)])

    assert content.part(3, 5).flags.writeable
    assert not content.part(1, 2).flags.writeable
    assert not content.part(2, 4).flags.writeable


def test_what_is_read_beyond_the_end_of_a_file_is_left_out(tmp_path):
    (tmp_path / "part").write_bytes(b"0123456789")

    part, checksum = copied(tmp_path / "part", 4, 100, google_crc32c.extend)

    assert part.tobytes() == b"456789"
    assert checksum == google_crc32c.value(b"456789")


@pytest.mark.parametrize("name", READERS)
def test_large_weights_come_back_in_arrays_of_their_own(tmp_path, name):
    """A variable that kept a view of the file would keep the whole of it in memory."""
    model, source = saved(tmp_path, name)
    other = large()
    other.load_weights(source)

    for one, two in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(one.value, two.value)
        assert two.value.base is None or two.value.base.nbytes == two.value.nbytes


@pytest.mark.parametrize("name", READERS)
def test_flipped_bits_of_a_file_in_pieces_are_refused(tmp_path, name):
    _, source = saved(tmp_path, name)
    content = np.frombuffer(source.read_bytes(), np.uint8).copy()
    # What a zip file says behind its members is told of in `test_archives_damage`.
    for place in RANDOM.integers(200, content.size - 1000, 50):
        content[place] ^= 1 << (place & 7)
        content.tofile(source)
        with pytest.raises((WrongChecksum, UnreadableFile)):
            READERS[name](source)
        content[place] ^= 1 << (place & 7)


@pytest.mark.parametrize("name", READERS)
def test_flipped_bits_behind_the_pieces_are_refused_or_are_no_difference(tmp_path, name):
    model, source = saved(tmp_path, name)
    content = np.frombuffer(source.read_bytes(), np.uint8).copy()
    other = large()
    refused = 0
    for bit in range(8 * (content.size - 200), 8 * content.size, 13):
        content[bit >> 3] ^= 1 << (bit & 7)
        content.tofile(source)
        try:
            other.load_weights(source)
        except ValueError:
            refused += 1
        else:
            assert other.get_weights()[0].tobytes() == model.get_weights()[0].tobytes()
        content[bit >> 3] ^= 1 << (bit & 7)

    assert refused > 10


def test_a_file_in_pieces_is_what_h5py_reads(tmp_path):
    model, source = saved(tmp_path, "m.h5")

    with h5py.File(source) as file:
        kernel = file["model_weights/dense/dense/kernel:0"][()]
    np.testing.assert_array_equal(kernel, model.get_weights()[0])


SIZES = (LARGE, 100, UNCOPIED, LARGE + 4, 0, UNCOPIED - 4)
"""Of arrays in bytes, either side of each limit."""


def arrays():
    return [RANDOM.random(size // 4, np.float32) for size in SIZES]


def test_hdf5_that_was_put_together_in_memory_is_what_h5py_reads():
    values = arrays()

    def write(root):
        for number, value in enumerate(values):
            root.group(f"layer_{number}").dataset("deep/inside", value)

    file = h5py.File(io.BytesIO(b"".join(part.tobytes() for part in composed(write))))

    for number, value in enumerate(values):
        np.testing.assert_array_equal(file[f"layer_{number}/deep/inside"][()], value)


def test_large_arrays_are_parts_of_the_file_without_a_copy():
    values = arrays()

    parts = composed(lambda root: [root.dataset(str(n), value) for n, value in enumerate(values)])

    large = [value for value in values if value.nbytes >= UNCOPIED]
    assert [np.shares_memory(*pair) for pair in zip(parts[1::2], large, strict=True)] == [True] * 3
    assert sum(part.size for part in parts[::2]) < 20_000


def test_pieces_have_the_checksums_of_what_is_in_the_file():
    values = arrays()
    parts = composed(lambda root: [root.dataset(str(n), value) for n, value in enumerate(values)])

    pieces = pieces_of(parts, google_crc32c.extend)

    assert len(pieces) == 5
    content, at = b"".join(part.tobytes() for part in parts), 0
    for size, checksum in pieces:
        assert google_crc32c.value(content[at : at + size]) == checksum
        at += size
    assert at == len(content)


def test_a_seal_of_more_pieces_than_a_file_has_is_refused(tmp_path):
    """Each is an array, however few bytes it has."""
    source = tmp_path / "m.h5"
    content = b"x" * 100
    pieces = [Piece(100, google_crc32c.value(content)), *([Piece(0, 0)] * 1000)]
    source.write_bytes(content + seal_of(pieces))

    with pytest.raises(WrongChecksum, match="seal"):
        read_model(source)
