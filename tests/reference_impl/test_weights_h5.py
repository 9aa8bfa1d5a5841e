"""The layout of `.weights.h5`: where variables lie, what is read of it, and what is refused."""

import json

import h5py
import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.saving.dialects.dialect import Dialect
from saveproof.reference_impl.saving.errors import (
    LeadsOutside,
    MissingPart,
    UnreadableFile,
    WrongPart,
)
from saveproof.reference_impl.saving.format import FormatNotOffered
from saveproof.reference_impl.saving.hdf5.object_paths import places_of
from saveproof.reference_impl.saving.hdf5.weights_tree import DEEPEST, Group, read_weights_tree
from saveproof.reference_impl.saving.model_state.restore import WeightsMismatch

X = np.random.default_rng(1).normal(size=(6, 4)).astype("float32")
Y = np.random.default_rng(2).normal(size=(6, 2)).astype("float32")
layers = keras.layers


def chain():
    model = keras.Sequential(
        [layers.Dense(3, input_shape=(4,)), layers.BatchNormalization(), layers.Dense(2)]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def trained():
    model = chain()
    for _ in range(2):
        model.train_on_batch(X, Y)
    return model


class Sub(keras.Model):
    def __init__(self):
        super().__init__()
        self.alpha = layers.Dense(3)
        self.blocks = [layers.Dense(3), layers.Dense(3)]
        self.zed = layers.BatchNormalization()
        self.d = {"k": layers.Dense(3), "a": layers.Dense(3)}
        self.nest = [[layers.Dense(3)], layers.Dense(3)]
        self.st = keras.Sequential([layers.Dense(2)])
        self.gain = self.add_weight(name="gain", shape=(3,), initializer="ones")

    def call(self, inputs, training=None):
        x = self.alpha(inputs)
        for layer in (*self.blocks, *self.d.values(), self.nest[0][0], self.nest[1]):
            x = layer(x)
        return self.st(self.zed(x * self.gain, training=training))


def subclassed():
    model = Sub()
    model(X)
    return model


PLACES = {
    Dialect.KERAS: {
        "": "",
        "alpha": "alpha",
        "blocks/dense": "blocks.0",
        "blocks/dense_1": "blocks.1",
        "d/dense": "d.k",
        "d/dense_1": "d.a",
        "layers/batch_normalization": "zed",
        "layers/sequential": "st",
        "layers/sequential/layers/dense": "st.0",
    },
    Dialect.TF_KERAS: {
        "": "",
        "zed": "zed",
        "st": "st",
        "st/layers/dense": "st.0",
        "nest/dense": "nest.1",
        "layers/dense": "alpha",
        "layers/dense_1": "blocks.0",
        "layers/dense_2": "blocks.1",
    },
}
"""As Keras 3.15.1 and tf_keras 2.21.0 wrote the same class."""


@pytest.mark.parametrize("dialect", PLACES)
def test_a_subclassed_model_s_layers_lie_where_keras_has_them(dialect):
    model = subclassed()
    held = {
        "": model,
        "alpha": model.alpha,
        "blocks.0": model.blocks[0],
        "blocks.1": model.blocks[1],
        "d.k": model.d["k"],
        "d.a": model.d["a"],
        "nest.1": model.nest[1],
        "zed": model.zed,
        "st": model.st,
        "st.0": model.st.layers[0],
    }
    found = {place.path: place.name for place in places_of(model, dialect)}

    for path, name in PLACES[dialect].items():
        assert found[path] == held[name].name


@pytest.mark.parametrize("dialect", ["keras", "tf_keras"])
@pytest.mark.parametrize("make", [trained, subclassed])
def test_weights_come_back_from_either_dialect(tmp_path, make, dialect):
    model, other = make(), make()
    model.save_weights(tmp_path / "m.weights.h5", dialect=dialect)
    other.load_weights(tmp_path / "m.weights.h5")

    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("dialect", ["keras", "tf_keras"])
def test_training_goes_on_as_if_the_weights_had_never_been_saved(tmp_path, dialect):
    model, other = trained(), chain()
    model.save_weights(tmp_path / "m.weights.h5", dialect=dialect)
    other.load_weights(tmp_path / "m.weights.h5")

    for _ in range(3):
        assert other.train_on_batch(X, Y) == model.train_on_batch(X, Y)


def test_the_state_of_another_optimizer_is_left_and_said_to_be(tmp_path, caplog):
    trained().save_weights(tmp_path / "m.weights.h5")
    other = chain()
    other.compile("adadelta", "mse")
    other.train_on_batch(X, Y)
    before = [np.array(variable.value) for variable in other.optimizer.variables]
    other.load_weights(tmp_path / "m.weights.h5")

    assert "the state of the optimizer is not restored" in caplog.text
    for one, two in zip(before, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, two.value)


def test_other_metrics_leave_the_optimizer_its_state(tmp_path, caplog):
    model, other = chain(), chain()
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    model.train_on_batch(X, Y)
    model.save_weights(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")

    assert "the state of the metrics is not restored" in caplog.text
    for one, two in zip(model.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one.value, two.value)


def test_recurrent_layers_have_their_weights_in_a_cell(tmp_path):
    model = keras.Sequential([layers.LSTM(2, input_shape=(4, 3)), layers.GRU(2)][:1])
    model.save_weights(tmp_path / "m.weights.h5")

    with h5py.File(tmp_path / "m.weights.h5") as file:
        assert sorted(file["layers/lstm/cell/vars"]) == ["0", "1", "2"]
        assert list(file["layers/lstm/vars"]) == []
        assert file["layers/lstm/vars"].attrs["name"] == model.layers[0].name


def test_variables_are_taken_in_the_order_of_their_numbers():
    arrays = {str(number): np.array(number) for number in (10, 2, 0, 11, 1)}

    assert [int(array) for array in Group(arrays).numbered()] == [0, 1, 2, 10, 11]


def test_bfloat16_is_marked_for_keras_3_and_comes_back(tmp_path):
    model = keras.Sequential([layers.Dense(2, input_shape=(4,), dtype="bfloat16")])
    model.save_weights(tmp_path / "m.weights.h5")
    other = keras.Sequential([layers.Dense(2, input_shape=(4,), dtype="bfloat16")])
    other.load_weights(tmp_path / "m.weights.h5")

    with h5py.File(tmp_path / "m.weights.h5") as file:
        kernel = file["layers/dense/vars/0"]
        assert (kernel.dtype, kernel.attrs["dtype"]) == (np.dtype("V2"), "bfloat16")
    assert other.get_weights()[0].tobytes() == model.get_weights()[0].tobytes()


def test_layers_of_keras_2_12_are_found_under_their_old_name(tmp_path):
    model, other = trained(), chain()
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "r+") as file:
        file.move("layers", "_layer_checkpoint_dependencies")
    other.load_weights(tmp_path / "m.weights.h5")

    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])


def shards(folder, model):
    """Write a file of one shard, as Keras 3.15 does when the size of a shard is given."""
    model.save_weights(folder / "m_00000.weights.h5")
    tree = read_weights_tree(folder / "m_00000.weights.h5")
    index = {
        "metadata": {"total_size": 1.0},
        "weight_map": {f"/{path}/vars": ["m_00000.weights.h5"] for path in tree.groups if path},
    }
    (folder / "m.weights.json").write_text(json.dumps(index))
    return folder / "m.weights.json"


def test_shards_are_read_by_their_index(tmp_path):
    model, other = trained(), chain()
    other.load_weights(shards(tmp_path, model))

    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{", UnreadableFile),
        ("{}", MissingPart),
        ('{"weight_map": {"/layers/dense/vars": ["../m.h5"]}}', LeadsOutside),
        ('{"weight_map": {"/layers/dense/vars": ["gone.weights.h5"]}}', FileNotFoundError),
        ('{"weight_map": {"/layers/other/vars": ["m_00000.weights.h5"]}}', MissingPart),
    ],
)
def test_a_damaged_index_of_shards_is_refused(tmp_path, text, error):
    index = shards(tmp_path, trained())
    index.write_text(text)

    with pytest.raises(error):
        chain().load_weights(index)


def damaged(tmp_path, change):
    trained().save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "r+") as file:
        change(file)
    return tmp_path / "m.weights.h5"


def _no_variable(file):
    del file["layers/dense/vars/1"]


def _no_layer(file):
    del file["layers/dense_1"]


def _another_shape(file):
    del file["layers/dense_1/vars/1"]
    file["layers/dense_1/vars/1"] = np.zeros(7, "float32")


def _text(file):
    del file["layers/dense/vars/1"]
    file["layers/dense/vars/1"] = "text"


def _nothing(file):
    file.clear()


def _round(file):
    file["layers/dense/layers"] = file["layers"]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (_no_variable, WeightsMismatch, "expected 2 weights at 'layers/dense', found 1"),
        (_no_layer, WeightsMismatch, "expected 2 weights at 'layers/dense_1', found 0"),
        (_another_shape, WeightsMismatch, r"shape \(2,\), found .* \(7,\)"),
        (_text, WrongPart, "expected numbers"),
        (_nothing, MissingPart, "no layer_names"),
        (_round, WrongPart, f"a depth up to {DEEPEST}"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_and_changes_nothing(tmp_path, change, error, message):
    source = damaged(tmp_path, change)
    model = trained()
    before = model.get_weights()

    with pytest.raises(error, match=message):
        model.load_weights(source)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_groups_that_the_model_has_no_place_for_are_left(tmp_path):
    def more(file):
        file["layers/dense_2/vars/0"] = np.ones(3)

    chain().load_weights(damaged(tmp_path, more))


def test_layers_are_not_found_by_name_in_this_layout(tmp_path):
    trained().save_weights(tmp_path / "m.weights.h5")

    with pytest.raises(FormatNotOffered, match="by_name"):
        chain().load_weights(tmp_path / "m.weights.h5", by_name=True)
