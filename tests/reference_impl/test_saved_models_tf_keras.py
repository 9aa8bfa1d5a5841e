"""SavedModels that tf_keras wrote and the reference reads, and the other way round."""

import numpy as np
import pytest

from saveproof import reference_impl as reference

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

RANDOM = np.random.default_rng(7)
X = RANDOM.normal(size=(4, 4)).astype("float32")
STEPS = RANDOM.normal(size=(4, 5, 4)).astype("float32")
Y = RANDOM.normal(size=(4, 3)).astype("float32")
CLOSE = {"rtol": 1e-6, "atol": 1e-6}


@pytest.fixture(scope="module")
def tf_keras():
    return pytest.importorskip("tf_keras")


def chain(keras):
    dense = keras.layers.Dense(5, activation="selu", kernel_regularizer="l2", input_shape=(4,))
    return keras.Sequential([dense, keras.layers.BatchNormalization(), keras.layers.Dense(3)])


def graph(keras):
    given, shared = keras.Input((4,), name="given"), keras.layers.Dense(4, name="shared")
    stack = [keras.layers.Dense(4), keras.layers.LayerNormalization()]
    inner = keras.Sequential(stack, name="inner")
    inner.trainable = False
    tensor = keras.layers.Add()([shared(given), inner(shared(inner(given)))])
    return keras.Model(given, keras.layers.Dense(3)(tensor))


def subclass(keras):
    class Written(keras.Model):
        """A model with a configuration, whose class a loader must be told of."""

        def __init__(self, units=3, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.first = keras.layers.Dense(4, name="first")
            last = keras.layers.Dense(units, name="last")
            self.blocks = [keras.layers.BatchNormalization(name="norm"), last]

        def call(self, inputs, training=None):
            return self.blocks[1](self.blocks[0](self.first(inputs), training=training))

        def get_config(self):
            return {"units": self.units, "name": self.name}

    return Written


def written(keras):
    return subclass(keras)()


def recurrent(keras):
    given = keras.Input((5, 4), batch_size=4)
    tensor = keras.layers.LSTM(3, stateful=True, return_sequences=True)(given)
    return keras.Model(given, keras.layers.GRU(3, stateful=True)(tensor))


def trained(model, x):
    model.compile("adam", "mse", metrics=["mae"])
    for _ in range(3):
        model.train_on_batch(x, Y)
    return model


def sharing(keras):
    """Return two nested models that hold one layer."""
    given, shared = keras.Input((4,)), keras.layers.Dense(4, name="shared")
    one = keras.Model(given, keras.layers.Dense(3)(shared(given)))
    other = keras.Sequential([shared, keras.layers.Dense(3)])
    return keras.Model(given, keras.layers.Add()([one(given), other(given)]))


MODELS = {
    "sequential": chain,
    "functional": graph,
    "subclassed": written,
    "stateful": recurrent,
    "sharing": sharing,
}


def inputs_of(kind):
    return STEPS if kind == "stateful" else X


def custom(keras, kind):
    return {"Written": subclass(keras)} if kind == "subclassed" else None


@pytest.mark.parametrize("kind", MODELS)
def test_tf_keras_revives_what_the_reference_wrote(kind, tf_keras, tmp_path):
    """The optimizer starts afresh: tf_keras brings none back from its own SavedModels either."""
    x = inputs_of(kind)
    model = trained(MODELS[kind](reference), x)
    model.save(tmp_path / "saved", save_format="tf")

    again = tf_keras.models.load_model(tmp_path / "saved", custom_objects=custom(tf_keras, kind))

    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert again.count_params() == sum(weight.value.size for weight in model.weights)
    expected = [state.value for layer in model.layers for state in getattr(layer, "states", ())]
    states = [state.numpy() for layer in again.layers for state in getattr(layer, "states", ())]
    assert all(map(np.array_equal, states, expected))
    np.testing.assert_allclose(again(x, training=False), model(x, training=False), **CLOSE)
    assert again.optimizer.get_config()["name"] == "Adam"
    assert again.evaluate(x, Y, verbose=0)[0] > 0


@pytest.mark.parametrize("kind", MODELS)
def test_reference_resumes_what_tf_keras_wrote(kind, tf_keras, tmp_path):
    x = inputs_of(kind)
    model = trained(MODELS[kind](tf_keras), x)
    model.save(tmp_path / "saved", save_format="tf")

    again = reference.models.load_model(tmp_path / "saved", custom_objects=custom(reference, kind))

    totals = [variable.value for metric in again.metrics for variable in metric.variables]
    expected = [variable.numpy() for metric in model.metrics for variable in metric.variables]
    assert all(map(np.array_equal, totals, expected))
    assert again.optimizer.iterations.value == 3
    for _ in range(3):
        found, wanted = again.train_on_batch(x, Y), model.train_on_batch(x, Y)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_flags_of_nested_models_come_back(tf_keras, tmp_path):
    trained(graph(tf_keras), X).save(tmp_path / "saved", save_format="tf")

    again = reference.models.load_model(tmp_path / "saved")

    flags = {layer.name: layer.trainable for layer in again.layers}
    assert flags.pop("inner") is False
    assert all(flags.values())


def test_slots_of_a_legacy_optimizer_come_back(tf_keras, tmp_path):
    model = chain(tf_keras)
    model.compile(tf_keras.optimizers.legacy.Adam(0.01), "mse")
    for _ in range(3):
        model.train_on_batch(X, Y)
    model.save(tmp_path / "saved", save_format="tf")

    again = reference.models.load_model(tmp_path / "saved")

    assert again.optimizer.iterations.value == 3
    found = [again.train_on_batch(X, Y) for _ in range(3)]
    np.testing.assert_allclose(found, [model.train_on_batch(X, Y) for _ in range(3)], rtol=1e-5)


@pytest.mark.parametrize(
    "penalty", [None, reference.regularizers.L1L2(0.1, 0.2), reference.regularizers.L1(0.3)]
)
def test_tf_keras_revives_a_class_that_it_does_not_know(penalty, tf_keras, tmp_path):
    """It computes the same, and trains where training makes no difference to the layers."""

    class Unknown(reference.Model):
        def __init__(self):
            super().__init__()
            self.first = reference.layers.Dense(4, activity_regularizer=penalty)
            self.last = reference.layers.Dense(3)

        def call(self, inputs):
            return self.last(self.first(inputs) * 2.0)

    model = trained(Unknown(), X)
    model.save(tmp_path / "saved", save_format="tf")

    again = tf_keras.models.load_model(tmp_path / "saved")

    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X), **CLOSE)
    np.testing.assert_allclose(again.train_on_batch(X, Y), model.train_on_batch(X, Y), **CLOSE)
