"""Every flipped bit and every truncation of what is written is refused, or is no difference."""

import os

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.saving.archive.zip_archive import MAGIC, read_archive
from saveproof.reference_impl.saving.errors import UnreadableFile, WrongChecksum
from saveproof.reference_impl.saving.hdf5.checksum_trailer import LENGTH, compare_with_trailer
from saveproof.reference_impl.saving.hdf5.parts import opened
from saveproof.reference_impl.saving.hdf5.reader import read_model
from saveproof.reference_impl.saving.hdf5.weights_tree import read_weights_tree

RANDOM = np.random.default_rng(5)


def small():
    keras.backend.clear_session()
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,))], name="m")
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    model.train_on_batch(np.ones((2, 2), "float32"), np.ones((2, 1), "float32"))
    return model


def saved(folder, name):
    source = folder / name
    model = small()
    (model.save_weights if "weights" in name else model.save)(source)
    return source


def plain(value):
    """Return a state as nested tuples and bytes, for one comparison."""
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.shape, value.tobytes())
    if isinstance(value, dict):
        return tuple((key, plain(inner)) for key, inner in sorted(value.items()))
    if isinstance(value, list | tuple):
        return tuple(plain(inner) for inner in value)
    slots = getattr(type(value), "__slots__", None)
    if slots is None or isinstance(value, str | int | float):
        return value
    return tuple(
        plain(getattr(value, name)) for name in slots if name not in ("sources", "metadata")
    )


CHECKED = {"m.h5": read_model, "w.weights.h5": read_weights_tree}


def check(source):
    with source.open("rb") as file:
        compare_with_trailer(file.fileno(), source)


def flip(source, content, bit):
    """Flip a bit of the content, and of the file that has it."""
    content[bit >> 3] ^= 1 << (bit & 7)
    with source.open("r+b") as file:
        file.seek(bit >> 3)
        file.write(content[bit >> 3].tobytes())


@pytest.mark.parametrize("name", CHECKED)
def test_every_flipped_bit_of_a_file_with_a_trailer_is_refused_or_is_no_difference(tmp_path, name):
    source = saved(tmp_path, name)
    content = np.frombuffer(source.read_bytes(), np.uint8).copy()
    expected = plain(CHECKED[name](source))
    taken = []
    for bit in range(8 * content.size):
        flip(source, content, bit)
        try:
            check(source)
        except WrongChecksum:
            pass
        else:
            taken.append(bit)
            assert plain(CHECKED[name](source)) == expected
        flip(source, content, bit)

    assert min(taken) >= 8 * (content.size - LENGTH), "a flip before the trailer was not noticed"


@pytest.mark.parametrize("name", CHECKED)
def test_every_truncation_of_a_file_with_a_trailer_is_refused_or_is_no_difference(tmp_path, name):
    source = saved(tmp_path, name)
    content = source.read_bytes()
    expected = plain(CHECKED[name](source))
    for length in reversed(range(len(content))):
        os.truncate(source, length)
        if length >= len(content) - LENGTH:
            assert plain(CHECKED[name](source)) == expected
        else:
            with pytest.raises(UnreadableFile), opened(source):
                pass


def test_flipped_bits_of_a_large_file_are_refused(tmp_path):
    model = keras.Sequential([keras.layers.Dense(200, input_shape=(300,))])
    model.save(tmp_path / "m.h5")
    content = np.frombuffer((tmp_path / "m.h5").read_bytes(), np.uint8).copy()
    for place in RANDOM.integers(0, content.size - LENGTH, 2000):
        bit = 8 * int(place) + int(RANDOM.integers(8))
        flip(tmp_path / "m.h5", content, bit)
        with pytest.raises(WrongChecksum):
            check(tmp_path / "m.h5")
        flip(tmp_path / "m.h5", content, bit)


def archived(folder):
    source = saved(folder, "m.keras")
    return source, source.read_bytes(), plain(read_archive(source))


def outside_members(content):
    """Return the places of an archive's bytes that no member's checksum covers."""
    places, at = [], 0
    while content[at : at + 4] == MAGIC:
        name, extra = (int.from_bytes(content[at + i : at + i + 2], "little") for i in (26, 28))
        size = int.from_bytes(content[at + 18 : at + 22], "little")
        header = 30 + name + extra
        places += range(at, at + header)
        at += header + size
    return [*places, *range(at, len(content))]


def refusals(source, content, flips, expected):
    """Return how many flips are refused; those that are not must make no difference."""
    refused = 0
    for place, bit in flips:
        damaged = bytearray(content)
        damaged[place] ^= 1 << bit
        source.write_bytes(damaged)
        try:
            found = plain(read_archive(source))
        except ValueError:
            refused += 1
        else:
            assert found == expected, (place, bit)
    return refused


def test_every_flipped_bit_of_an_archive_s_structure_is_refused_or_is_no_difference(tmp_path):
    source, content, expected = archived(tmp_path)
    flips = [(place, bit) for place in outside_members(content) for bit in range(8)]

    assert refusals(source, content, flips, expected) > len(flips) / 3


def test_flipped_bits_of_an_archive_s_members_are_refused(tmp_path):
    source, content, expected = archived(tmp_path)
    covered = sorted(set(range(len(content))) - set(outside_members(content)))
    flips = [(place, place % 8) for place in covered[:: len(covered) // 2000 + 1]]

    assert refusals(source, content, flips, expected) == len(flips)


def test_every_truncation_of_an_archive_is_refused(tmp_path):
    source, content, _ = archived(tmp_path)
    for length in range(0, len(content), 7):
        source.write_bytes(content[:length])
        with pytest.raises(UnreadableFile):
            read_archive(source)


@pytest.mark.parametrize("name", ["m.h5", "m.keras"])
def test_a_model_that_a_damaged_file_was_to_change_is_as_it_was(tmp_path, name):
    source = saved(tmp_path, name)
    content = bytearray(source.read_bytes())
    content[len(content) // 2] ^= 1
    source.write_bytes(content)
    model = small()
    before = model.get_weights()

    with pytest.raises((WrongChecksum, UnreadableFile)):
        model.load_weights(source)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_program_that_writes_to_a_file_takes_the_trailer_off(tmp_path):
    h5py = pytest.importorskip("h5py")
    source = saved(tmp_path, "m.h5")
    with h5py.File(source, "r+") as file:
        file["model_weights/dense/dense/bias:0"][0] = 3

    assert keras.models.load_model(source).get_weights()[1] == 3
