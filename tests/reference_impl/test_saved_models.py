"""SavedModels written and read here: what comes back, what is refused, what damage does."""

import json

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.activations import elu
from saveproof.reference_impl.layers.serialization import UnknownLayer
from saveproof.reference_impl.model import Revived
from saveproof.reference_impl.saving.errors import (
    MissingPart,
    NotReadHere,
    UnreadableFile,
    WrongChecksum,
    WrongPart,
)
from saveproof.reference_impl.saving.savedmodel.reader import read_saved_model

layers = keras.layers
RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(8, 4)).astype("float32")
Y = RANDOM.normal(size=(8, 3)).astype("float32")
X_SIX = RANDOM.normal(size=(8, 6)).astype("float32")
STEPS = RANDOM.normal(size=(4, 5, 4)).astype("float32")
SHORT = RANDOM.normal(size=(4, 3)).astype("float32")
REFUSALS = (UnreadableFile, MissingPart, WrongPart, WrongChecksum, NotReadHere)


class Written(keras.Model):
    """A model whose class nobody registered."""

    def __init__(self, units=3):
        super().__init__(name="written")
        self.units = units
        self.first = layers.Dense(4)
        self.blocks = [layers.BatchNormalization(), layers.Dropout(0.4)]
        self.named = {"inner": keras.Sequential([layers.Dense(units), layers.Dropout(0.2)])}
        self.scale = self.add_weight("scale", (units,), initializer="ones")

    def call(self, inputs, training=None):
        hidden = elu(self.first(inputs) * 2.0)
        for block in self.blocks:
            hidden = block(hidden, training=training)
        return self.named["inner"](hidden, training=training) * self.scale


def trained(model, x=X, y=Y, *, optimizer="adam", steps=3):
    model.compile(optimizer, "mse", metrics=["mae"])
    for _ in range(steps):
        model.train_on_batch(x, y, reset_metrics=False)
    return model


def chain():
    return keras.Sequential(
        [
            layers.Dense(6, activation="selu", kernel_regularizer="l2", input_shape=(4,)),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(3),
        ]
    )


def graph():
    given, shared = keras.Input((4,), name="given"), layers.Dense(4, name="shared")
    inner = keras.Sequential([layers.Dense(4), layers.LayerNormalization()], name="inner")
    tensor = layers.Add()([shared(given), inner(shared(inner(given)))])
    return keras.Model(given, layers.Dense(3)(layers.Dropout(0.2)(tensor)))


def recurrent():
    given = keras.Input((5, 4), batch_size=4)
    tensor = layers.LSTM(3, stateful=True, return_sequences=True, dropout=0.2)(given)
    return keras.Model(given, layers.GRU(3, stateful=True)(tensor))


MODELS = {"sequential": chain, "functional": graph, "subclassed": Written}


def resumed(model, again, x=X, y=Y):
    return [
        (
            model.train_on_batch(x, y, reset_metrics=False),
            again.train_on_batch(x, y, reset_metrics=False),
        )
        for _ in range(4)
    ]


@pytest.mark.parametrize("kind", MODELS)
def test_model_trains_on_as_the_one_that_was_saved(kind, tmp_path):
    model = trained(MODELS[kind]())
    model.save(tmp_path / "saved")

    again = keras.models.load_model(tmp_path / "saved")

    assert [left == right for left, right in resumed(model, again)] == [True] * 4


def test_states_of_stateful_layers_come_back(tmp_path):
    model = trained(recurrent(), STEPS, SHORT)
    model.save(tmp_path / "saved")

    again = keras.models.load_model(tmp_path / "saved")

    assert [left == right for left, right in resumed(model, again, STEPS, SHORT)] == [True] * 4


def test_optimizer_is_left_out_on_request(tmp_path):
    model = trained(chain())
    model.save(tmp_path / "saved", include_optimizer=False)

    assert keras.models.load_model(tmp_path / "saved").compiled is None
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "saved")(X), model(X))


def test_frozen_layers_come_back_frozen_with_the_slots_that_they_had(tmp_path):
    model = trained(chain())
    model.layers[0].trainable = False
    model.save(tmp_path / "saved")

    again = keras.models.load_model(tmp_path / "saved")

    assert [layer.trainable for layer in again.layers] == [False, True, True, True]
    assert [left == right for left, right in resumed(model, again)] == [True] * 4


def test_subclassed_model_comes_back_without_its_class(tmp_path):
    trained(Written()).save(tmp_path / "saved", save_format="tf")

    again = keras.models.load_model(tmp_path / "saved")

    assert isinstance(again, Revived)
    assert len(again.layers) == 4
    assert isinstance(again.blocks[1], layers.Dropout)
    assert again.named["inner"].layers[0].units == 3


def test_model_that_came_back_without_its_class_can_be_saved_again(tmp_path):
    model = trained(Written())
    model.save(tmp_path / "first")
    keras.models.load_model(tmp_path / "first").save(tmp_path / "second")

    again = keras.models.load_model(tmp_path / "second")

    assert [left == right for left, right in resumed(model, again)] == [True] * 4


def test_subclassed_model_in_a_subclassed_model_comes_back(tmp_path):
    class Outer(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner, self.last = Written(), layers.Dense(3)

        def call(self, inputs, training=None):
            return {"b": self.last(self.inner(inputs, training=training)), "a": [inputs, -inputs]}

    model = Outer()
    model(X)
    model.save(tmp_path / "saved")

    again = keras.models.load_model(tmp_path / "saved")

    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    np.testing.assert_array_equal(again(X)["b"], model(X)["b"])
    np.testing.assert_array_equal(again(X)["a"][1], -X)


def test_graph_of_an_unknown_class_comes_back_as_a_graph(tmp_path):
    class Named(keras.Model):
        def __init__(self):
            given = keras.Input((4,))
            super().__init__(given, layers.Dense(3)(given))

    model = trained(Named())
    model.save(tmp_path / "saved")

    again = keras.models.load_model(tmp_path / "saved")

    assert type(again) is keras.Model
    assert [left == right for left, right in resumed(model, again)] == [True] * 4


def test_name_with_a_dot_is_a_folder_all_the_same(tmp_path):
    trained(chain()).save(tmp_path / "model.v1")

    assert (tmp_path / "model.v1" / "saved_model.pb").exists()


def test_registered_class_comes_back_as_itself(tmp_path):
    class Registered(Written):
        def get_config(self):
            return {"units": self.units}

    model = trained(Registered(units=3))
    model.save(tmp_path / "saved")

    again = keras.models.load_model(tmp_path / "saved", custom_objects={"Registered": Registered})

    assert type(again) is Registered
    assert [left == right for left, right in resumed(model, again)] == [True] * 4


def values(model):
    states = [state for layer in model.flatten_layers() for state in layer.extra_state.values()]
    metrics = [variable for metric in model.metrics for variable in metric.variables]
    kept = [*model.weights, *model.optimizer.variables, *states, *metrics]
    return [np.array(variable.value) for variable in kept]


@pytest.mark.parametrize("kind", MODELS)
def test_saving_changes_nothing(kind, tmp_path):
    model = trained(MODELS[kind]())
    before = values(model)

    model.save(tmp_path / "saved")

    assert all(map(np.array_equal, before, values(model)))


def test_unknown_layer_inside_an_unknown_class_is_refused_by_name(tmp_path):
    class Doubling(layers.Layer):
        def call(self, inputs):
            return inputs * 2.0

    model = Written()
    model.blocks = [Doubling()]
    trained(model).save(tmp_path / "saved")

    with pytest.raises(UnknownLayer, match="Doubling"):
        keras.models.load_model(tmp_path / "saved")
    again = keras.models.load_model(tmp_path / "saved", custom_objects={"Doubling": Doubling})
    np.testing.assert_array_equal(again(X), model(X))


def test_layer_that_two_nested_models_share_comes_back_as_one(tmp_path):
    given, shared = keras.Input((4,)), layers.Dense(4, name="shared")
    one = keras.Model(given, shared(given))
    other = keras.Sequential([shared, layers.Dense(2)])
    model = trained(keras.Model(given, layers.Concatenate()([one(given), other(given)])), X, X_SIX)
    model.save(tmp_path / "saved")

    loaded = keras.models.load_model(tmp_path / "saved")

    assert loaded.layers[1].layers[1] is loaded.layers[2].layers[0]
    np.testing.assert_array_equal(loaded(X), model(X))
    assert loaded.train_on_batch(X, X_SIX) == model.train_on_batch(X, X_SIX)


def test_metadata_says_of_each_layer_what_tf_keras_asks_for(tmp_path):
    trained(graph()).save(tmp_path / "saved")

    found = read_saved_model(tmp_path / "saved").metadata

    assert found["class_name"] == "Functional"
    assert found["full_save_spec"] == [
        [{"shape": [None, 4], "dtype": "float32", "name": "given"}],
        {},
    ]
    assert json.dumps(found["training_config"])
