"""SavedModels that can't be written, and damaged ones that are not read."""

import shutil

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.engine.errors import UnbuiltModel
from saveproof.reference_impl.layers.serialization import UnknownLayer
from saveproof.reference_impl.saving.errors import (
    MissingPart,
    NotReadHere,
    UnreadableFile,
    WrongChecksum,
    WrongPart,
)
from saveproof.reference_impl.saving.savedmodel.graphs.symbol import UntraceableOperation
from saveproof.reference_impl.saving.savedmodel.reader import check_members, read_saved_model

layers = keras.layers
MEMBERS = ("saved_model.pb", "keras_metadata.pb", "fingerprint.pb")
REFUSALS = (UnreadableFile, MissingPart, WrongPart, WrongChecksum, NotReadHere)


class Peeking(keras.Model):
    """A model whose call depends on values."""

    def __init__(self):
        super().__init__(name="peeking")
        self.dense = layers.Dense(3)

    def call(self, inputs):
        return self.dense(inputs) if float(inputs.value.sum()) > 0 else self.dense(-inputs)


def called(model):
    model(np.ones((2, 4), "float32"))
    return model


def test_call_that_depends_on_values_is_refused_and_says_what_it_does(tmp_path):
    with pytest.raises(UntraceableOperation, match="asks for its 'sum'"):
        called(Peeking()).save(tmp_path / "saved")

    assert list(tmp_path.iterdir()) == []


def test_unbuilt_model_is_refused(tmp_path):
    with pytest.raises(UnbuiltModel, match="call the model on data"):
        Peeking().save(tmp_path / "saved")


def test_graph_around_a_layer_without_a_config_is_saved_and_says_why_it_does_not_come_back(
    tmp_path,
):
    class Scaled(layers.Layer):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def call(self, inputs):
            return inputs * self.factor

    given = keras.Input((2,))
    keras.Model(given, Scaled(2.0)(given)).save(tmp_path / "saved")

    with pytest.raises(UnknownLayer, match=r"Scaled takes the arguments \['factor'\]"):
        keras.models.load_model(tmp_path / "saved")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small") / "saved"
    keras.Sequential([layers.Dense(1, input_shape=(1,))]).save(folder)
    return folder


@pytest.mark.parametrize("name", MEMBERS)
def test_every_flipped_bit_and_every_missing_end_is_noticed(name, small):
    whole, index = (small / name).read_bytes(), read_saved_model(small).index
    damaged = [whole[:length] for length in range(len(whole))]
    for place in range(len(whole)):
        for bit in range(8):
            damaged.append(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])

    silent = 0
    for data in damaged:
        try:
            check_members({name: data}, index, small)
        except WrongChecksum:
            continue
        silent += 1

    assert len(damaged) == 9 * len(whole)
    assert silent == 0


@pytest.mark.parametrize("name", MEMBERS)
def test_flipped_bits_and_missing_ends_are_refused(name, small, tmp_path):
    folder = shutil.copytree(small, tmp_path / "saved")
    whole = (folder / name).read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 60)):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        for damaged in (flipped, whole[:place]):
            (folder / name).write_bytes(damaged)
            with pytest.raises(REFUSALS, match="saved"):
                read_saved_model(folder)


@pytest.mark.parametrize(
    ("missing", "error"),
    [
        ("saved_model.pb", MissingPart),
        ("keras_metadata.pb", MissingPart),
        ("fingerprint.pb", MissingPart),
        ("variables/variables.index", FileNotFoundError),
        ("variables/variables.data-00000-of-00001", MissingPart),
    ],
)
def test_missing_file_is_named(missing, error, small, tmp_path):
    folder = shutil.copytree(small, tmp_path / "saved")
    (folder / missing).unlink()

    with pytest.raises(error, match=missing.rpartition("/")[2]):
        keras.models.load_model(folder)


def test_other_encodings_of_the_graph_are_named(tmp_path):
    (tmp_path / "saved_model.pbtxt").write_text("")

    with pytest.raises(NotReadHere, match="pbtxt"):
        keras.models.load_model(tmp_path)


def test_variables_of_another_save_are_refused(small, tmp_path):
    folder = shutil.copytree(small, tmp_path / "saved")
    keras.Sequential([layers.Dense(2, input_shape=(1,))]).save(tmp_path / "other")
    shutil.rmtree(folder / "variables")
    shutil.copytree(tmp_path / "other" / "variables", folder / "variables")

    with pytest.raises(WrongChecksum):
        keras.models.load_model(folder)
