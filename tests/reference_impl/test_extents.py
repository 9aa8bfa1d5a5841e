"""Large arrays are extents of a file: summed as they are written, and as they are read."""

import io
from io import FileIO

import google_crc32c
import h5py
import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.saving.archive.zip_archive import read_archive
from saveproof.reference_impl.saving.errors import UnreadableFile, WrongChecksum, WrongPart
from saveproof.reference_impl.saving.extents import (
    LARGE,
    Extent,
    compare,
    extents_of,
    placed,
    read_into,
)
from saveproof.reference_impl.saving.hdf5.checksum_trailer import trailer_of
from saveproof.reference_impl.saving.hdf5.memory import composed
from saveproof.reference_impl.saving.hdf5.parts import opened, root_of
from saveproof.reference_impl.saving.hdf5.reader import read_model
from saveproof.reference_impl.saving.hdf5.weights_tree import read_weights_tree
from saveproof.reference_impl.saving.hdf5.writer_parts import UNCOPIED
from saveproof.reference_impl.saving.sources import Section

RANDOM = np.random.default_rng(7)
READERS = {"m.h5": read_model, "w.weights.h5": read_weights_tree, "m.keras": read_archive}


def large():
    """Return a model with two kernels that are extents of their own, and a small one between."""
    keras.backend.clear_session()
    widths = [keras.layers.Dense(units) for units in (600, 2, 600, 600)]
    return keras.Sequential([keras.Input((600,)), *widths], name="large")


def saved(folder, name):
    model = large()
    (model.save_weights if "weights" in name else model.save)(folder / name)
    return model, folder / name


WHOLE = np.arange(12, dtype=np.uint8)
EXTENTS = [Extent(part.size, google_crc32c.value(part)) for part in np.split(WHOLE, [3, 3, 7, 9])]


def compared(source, content):
    """Compare a file with these bytes, which lie behind others, with the extents."""
    source.write_bytes(b"before" + content.tobytes())
    with FileIO(source) as file:
        compare(file.fileno(), placed(EXTENTS, start=6), google_crc32c.extend, source=source)


def test_a_file_is_compared_with_its_extents(tmp_path):
    compared(tmp_path / "file", WHOLE)
    for place in range(WHOLE.size):
        damaged = WHOLE.copy()
        damaged[place] ^= 1
        first = max(start for start in (0, 3, 7, 9) if start <= place)
        with pytest.raises(WrongChecksum, match=rf"damaged: expected \d bytes from {6 + first} on"):
            compared(tmp_path / "file", damaged)


def test_a_file_that_is_cut_short_is_damaged(tmp_path):
    with pytest.raises(WrongChecksum, match=r"damaged: expected 3 bytes from 15 on .* found 2"):
        compared(tmp_path / "file", WHOLE[:-1])


def test_what_is_read_beyond_the_end_of_a_file_is_left_out(tmp_path):
    (tmp_path / "part").write_bytes(b"0123456789")
    buffer = np.zeros(100, np.uint8)

    with FileIO(tmp_path / "part") as file:
        size, checksum = read_into(buffer, file.fileno(), 4, google_crc32c.extend)

    assert buffer[:size].tobytes() == b"456789"
    assert checksum == google_crc32c.value(b"456789")


def test_a_section_of_a_file_is_read_as_a_file(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["one"] = np.arange(5)
    content = (tmp_path / "m.h5").read_bytes()
    (tmp_path / "around").write_bytes(b"before" + content + b"behind")

    section = Section(tmp_path / "around", start=6, size=len(content))
    with root_of(section, tmp_path / "around") as root:
        assert root.array("one").tolist() == [0, 1, 2, 3, 4]


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
def test_flipped_bits_of_a_file_in_extents_are_refused(tmp_path, name):
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
def test_flipped_bits_behind_the_extents_are_refused_or_are_no_difference(tmp_path, name):
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


def test_a_file_in_extents_is_what_h5py_reads(tmp_path):
    model, source = saved(tmp_path, "m.h5")

    with h5py.File(source) as file:
        kernel = file["model_weights/dense/dense/kernel:0"][()]
    np.testing.assert_array_equal(kernel, model.get_weights()[0])


def test_an_array_that_is_linked_twice_is_two_variables_own(tmp_path):
    keras.backend.clear_session()
    layers = [keras.layers.Dense(2, use_bias=False, name=name) for name in ("a", "b")]
    model = keras.Sequential([keras.Input((2,)), *layers])
    model.save_weights(tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5", "a") as file:
        del file["b/b/kernel:0"]
        file["b/b/kernel:0"] = file["a/a/kernel:0"]

    model.load_weights(tmp_path / "w.h5")

    one, other = (weight.value for weight in model.weights)
    np.testing.assert_array_equal(one, other)
    assert not np.shares_memory(one, other)


def test_an_array_that_is_listed_often_is_read_once(tmp_path):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["listed"] = np.zeros((1000, 1000), np.float32)

    with opened(tmp_path / "w.h5") as root:
        arrays = [root.array("listed") for _ in range(1000)]

    assert all(np.shares_memory(arrays[0], array) for array in arrays)


def test_arrays_laid_over_each_other_are_refused_before_they_take_more_memory(tmp_path):
    values = np.zeros((1000, 1000), np.float32)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        first, second = (
            file.create_dataset(name, data=values).id.get_offset() for name in ("first", "second")
        )
        end = file.id.get_filesize()
    content = (tmp_path / "w.h5").read_bytes()[:second]
    for old, new in ((second, first - 8), (end, second)):
        content = content.replace(old.to_bytes(8, "little"), new.to_bytes(8, "little"))
    (tmp_path / "w.h5").write_bytes(content)

    with opened(tmp_path / "w.h5") as root:
        root.array("first")
        with pytest.raises(WrongPart, match="overlaps with other datasets"):
            root.array("second")


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


def test_extents_have_the_checksums_of_what_is_in_the_file():
    values = arrays()
    parts = composed(lambda root: [root.dataset(str(n), value) for n, value in enumerate(values)])

    extents = extents_of(parts, google_crc32c.extend)

    assert len(extents) == 5
    content, at = b"".join(part.tobytes() for part in parts), 0
    for size, checksum in extents:
        assert google_crc32c.value(content[at : at + size]) == checksum
        at += size
    assert at == len(content)


def test_a_trailer_of_more_extents_than_a_file_has_is_refused(tmp_path):
    """Each is an array, however few bytes it has."""
    source = tmp_path / "m.h5"
    content = b"x" * 100
    extents = [Extent(100, google_crc32c.value(content)), *([Extent(0, 0)] * 1000)]
    source.write_bytes(content + trailer_of(extents))

    with pytest.raises(WrongChecksum, match="checksum trailer"):
        read_model(source)
