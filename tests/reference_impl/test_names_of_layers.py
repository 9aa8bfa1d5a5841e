"""Layers whose configuration says no name come back under the name that they had."""

import numpy as np
import pytest

from saveproof import reference_impl as keras

X = np.random.default_rng(12).normal(size=(4, 3)).astype("float32")


class Scale(keras.layers.Layer):
    def __init__(self, by, name=None):
        super().__init__(name=name)
        self.by = by

    def call(self, inputs):
        return inputs * self.by

    def get_config(self):
        return {"by": self.by}


class Unnamed(Scale):
    """Takes a name and drops it."""

    def __init__(self, by, name=None):
        super().__init__(by, name=name if by < 0 else None)

    def get_config(self):
        return {"by": self.by, "name": self.name}


class Deep(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.units = units
        self.first = keras.layers.Dense(units + 1, activation="relu")
        self.last = keras.layers.Dense(units)

    def call(self, inputs):
        return self.last(self.first(inputs))

    def get_config(self):
        return {"units": self.units}


CUSTOM = {kind.__name__: kind for kind in (Scale, Unnamed, Deep)}


def graph():
    given = keras.Input((3,))
    return keras.Model(given, keras.layers.Dense(2)(Scale(3.0)(given)))


def crossed():
    """Names that the layers would get the other way round, by the order in the file."""
    given = keras.Input((3,))
    first = Scale(2.0, name="scale_1")(given)
    second = Scale(5.0, name="scale")(first)
    ends = [keras.layers.Activation("linear")(tensor) for tensor in (first, second)]
    return keras.Model(given, ends)


def stacked():
    """A name that another layer would get."""
    return keras.Sequential(
        [keras.Input((3,)), Scale(2.0, name="scale_1"), keras.layers.Dense(2, name="scale")]
    )


def inside():
    given, other = keras.Input((3,)), keras.Input((3,))
    deep = Deep(2)
    outer = keras.layers.Add()([deep(given), deep(other)])
    return keras.Model([given, other], keras.Sequential([Unnamed(2.0)])(outer))


def subclassed():
    model = Deep(2)
    model(X)
    return model


MODELS = (graph, crossed, stacked, inside, subclassed)
NAMES = ("m.h5", "m.keras", "saved_model", "json")
KEPT = [(make, name) for make in MODELS for name in NAMES if (make, name) != (subclassed, "m.h5")]


@pytest.mark.parametrize(("make", "name"), KEPT)
def test_names_come_back_at_every_load(tmp_path, make, name):
    keras.backend.clear_session()
    model = make()
    given = [X] * len(model.inputs or [X])
    expected = model.predict(given)

    for fresh in (True, False):
        loaded = copied(model, tmp_path / name, fresh=fresh)

        np.testing.assert_equal(loaded.predict(given), expected)
        assert names(loaded) == names(model)


def copied(model, target, *, fresh):
    if target.name != "json":
        model.save(target)
    if fresh:
        keras.backend.clear_session()
    if target.name != "json":
        return keras.models.load_model(target, CUSTOM)
    loaded = keras.models.model_from_json(model.to_json(), CUSTOM)
    if loaded.inputs is None:
        loaded(X)
    loaded.set_weights(model.get_weights())
    return loaded


def names(model):
    return [model.name, *[layer.name for layer in model.layers if not unsaid(layer)]]


def unsaid(layer):
    """What is made in a class's constructor is named anew."""
    return isinstance(layer, keras.layers.Dense) and layer.name.startswith("dense")


def test_the_name_stands_beside_a_configuration_without_one():
    scale = stacked().get_config()["layers"][1]

    assert scale == {"class_name": "Scale", "config": {"by": 2.0}, "name": "scale_1"}


def scaled():
    return keras.Sequential([keras.Input((3,)), Scale(2.0), keras.layers.Dense(2, name="last")])


@pytest.mark.frameworks
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ["m.h5", "m.keras", "saved_model"])
def test_tf_keras_reads_over_the_name_beside_a_configuration(tmp_path, name):
    tf_keras = pytest.importorskip("tf_keras")
    model = scaled()
    model.save(tmp_path / name, **({"dialect": "tf_keras"} if name == "m.keras" else {}))

    class Other(tf_keras.layers.Layer):
        def __init__(self, by):
            super().__init__()
            self.by = by

        def call(self, inputs):
            return inputs * self.by

        def get_config(self):
            return {"by": self.by}

    loaded = tf_keras.models.load_model(tmp_path / name, custom_objects={"Scale": Other})

    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X), rtol=1e-6)
