"""Large arrays are pieces of a file: summed as they are written, copied once as they are read."""

import io

import google_crc32c
import h5py
import numpy as np
import pytest

import reference_impl as keras
from reference_impl.formats import hdf5_stream
from reference_impl.formats.archive import read_archive
from reference_impl.formats.errors import UnreadableFile, WrongChecksum
from reference_impl.formats.hdf5_read import read_model
from reference_impl.formats.hdf5_stream import write_hdf5
from reference_impl.formats.hdf5_write_parts import write_dataset
from reference_impl.formats.pieces import LARGE, Content, Piece, copied
from reference_impl.formats.seal import seal_of
from reference_impl.formats.weights_h5 import read_weights_tree

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


def written(folder, *, again=False):
    """Return the bytes of a file with a large dataset, written into `again`, and its pieces."""
    value = RANDOM.random(LARGE // 4, np.float32)

    def write(root):
        write_dataset(root, b"large", value)
        if again:
            h5py.Dataset(h5py.h5d.open(root, b"large"))[5] = 3

    with io.FileIO(folder / "part", "w+") as stream:
        stream.write(b"before")
        pieces = write_hdf5(stream, 6, write, google_crc32c.extend)
    return (folder / "part").read_bytes(), pieces


@pytest.mark.parametrize("again", [False, True])
def test_pieces_have_the_checksums_of_what_is_in_the_file(tmp_path, again):
    content, pieces = written(tmp_path, again=again)

    assert len(pieces) == (1 if again else 3)
    assert content[:6] == b"before"
    at = 6
    for size, checksum in pieces:
        assert google_crc32c.value(content[at : at + size]) == checksum
        at += size
    assert at == len(content)


@pytest.mark.parametrize("name", READERS)
def test_a_save_that_fails_at_any_write_leaves_the_old_file(tmp_path, monkeypatch, name):
    model, source = saved(tmp_path, name)
    save = model.save_weights if "weights" in name else model.save
    before = source.read_bytes()
    whole = hdf5_stream.written
    sizes = []

    def failing_at(number):
        def written(stream, content, extend):
            sizes.append(content.size)
            if len(sizes) > number:
                raise OSError("no space left")
            return whole(stream, content, extend)

        return written

    number, done = 0, False
    while not done:
        sizes.clear()
        monkeypatch.setattr(hdf5_stream, "written", failing_at(number))
        try:
            save(source)
        except OSError:
            assert source.read_bytes() == before
            assert [file.name for file in tmp_path.iterdir()] == [name]
            number += 1
        else:
            done = True

    assert len(sizes) == number, "a write that failed was not noticed"
    assert sum(size >= LARGE for size in sizes) == 2


def test_a_seal_of_more_pieces_than_a_file_has_is_refused(tmp_path):
    """Each is an array, however few bytes it has."""
    source = tmp_path / "m.h5"
    content = b"x" * 100
    pieces = [Piece(100, google_crc32c.value(content)), *([Piece(0, 0)] * 1000)]
    source.write_bytes(content + seal_of(pieces))

    with pytest.raises(WrongChecksum, match="seal"):
        read_model(source)
