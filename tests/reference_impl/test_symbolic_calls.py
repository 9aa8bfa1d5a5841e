"""What a symbolic call keeps: structures of inputs, open lengths, flags, and a layer's tensors."""

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.layers.arguments import LayerArgumentError

X = np.random.default_rng(11).normal(size=(4, 3)).astype("float32")


class First(keras.layers.Layer):
    def call(self, inputs):
        return inputs[0] * 2.0


class ByKey(keras.layers.Layer):
    def call(self, inputs):
        return inputs["b"] * 2.0 + inputs["a"]


class Deeper(keras.layers.Layer):
    def call(self, inputs):
        return inputs[0] * 2.0 + inputs[1][0]


CUSTOM = {kind.__name__: kind for kind in (First, ByKey, Deeper)}

CALLS = {
    "Add": lambda a, _: keras.layers.Add()([a]),
    "Multiply": lambda a, _: keras.layers.Multiply()([a]),
    "Average": lambda a, _: keras.layers.Average()([a]),
    "Maximum": lambda a, _: keras.layers.Maximum()([a]),
    "Minimum": lambda a, _: keras.layers.Minimum()([a]),
    "Concatenate": lambda a, _: keras.layers.Concatenate()([a]),
    "a list of one": lambda a, _: First()([a]),
    "a dictionary": lambda a, b: ByKey()({"b": a, "a": b}),
    "a list in a list": lambda a, b: Deeper()([a, [b]]),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("name", ["m.h5", "m.keras", "saved_model", "json"])
def test_the_structure_of_inputs_comes_back(tmp_path, call, name):
    given = keras.Input((3,)), keras.Input((3,))
    model = keras.Model(list(given), call(*given))

    if name == "json":
        loaded = keras.models.model_from_json(model.to_json(), CUSTOM)
    else:
        model.save(tmp_path / name)
        loaded = keras.models.load_model(tmp_path / name, CUSTOM)

    np.testing.assert_equal(loaded.predict([X, X + 1]), model.predict([X, X + 1]))


def test_a_merging_layer_without_a_list_is_refused():
    with pytest.raises(LayerArgumentError, match="a list of at least one input"):
        keras.layers.Add()(keras.Input((3,)))


class Windows(keras.Model):
    def __init__(self):
        super().__init__()
        self.window = keras.layers.Conv2D(8, 3)
        self.mean = keras.layers.GlobalAveragePooling2D()
        self.last = keras.layers.Dense(3)

    def call(self, inputs):
        return self.last(self.mean(self.window(inputs)))


def test_a_class_is_built_with_open_lengths():
    model, other = Windows(), Windows()
    model.build((None, None, None, 1))
    images = np.ones((2, 5, 6, 1), "float32")
    other(images)

    assert [one.shape for one in model.weights] == [one.shape for one in other.weights]
    assert model.predict(images).shape == (2, 3)


def test_a_class_built_with_open_lengths_is_served_with_them(tmp_path):
    model = Windows()
    model.build((None, None, None, 1))
    model.save(tmp_path / "m")

    loaded = keras.models.load_model(tmp_path / "m")

    assert model.called_on.shape == (None, None, None, 1)
    images = np.ones((2, 5, 6, 1), "float32")
    np.testing.assert_equal(loaded.predict(images), model.predict(images))


def test_lengths_stay_open_after_a_layer_that_states_no_shape():
    class Doubled(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 2.0

    assert Doubled()(keras.Input((None, 4))).shape == (None, None, 4)
    assert Windows()(keras.Input((None, None, 1))).shape == (None, 3)
    assert keras.Sequential([Doubled()])(keras.Input((None, 4))).shape == (None, None, 4)


def test_a_call_that_needs_a_length_says_so_where_it_is_open():
    class Flat(keras.Model):
        def __init__(self):
            super().__init__()
            self.flatten, self.last = keras.layers.Flatten(), keras.layers.Dense(2)

        def call(self, inputs):
            return self.last(self.flatten(inputs))

    model = Flat()

    with pytest.raises(ValueError, match=r"any open lengths .*give the lengths"):
        model.build((None, None, 3))
    assert not model.built


def test_a_flag_without_a_default_is_passed_on():
    class Told(keras.layers.Layer):
        def call(self, inputs, training):
            return inputs * (2.0 if training else 1.0)

    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.told = Told()

        def call(self, inputs, training):
            assert training is None or isinstance(training, bool)
            return self.told(inputs)

    for layer in (Told(), keras.Sequential([Told()]), Model()):
        np.testing.assert_equal(np.asarray(layer(X).value), X)
        np.testing.assert_equal(np.asarray(layer(X, training=True).value), 2 * X)
    given = keras.Input((3,))
    np.testing.assert_equal(keras.Model(given, Told()(given)).predict(X), X)


@pytest.mark.parametrize("name", ["m.h5", "m.keras", "saved_model"])
def test_another_model_starts_from_a_layer_of_a_loaded_one(tmp_path, name):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(1)])
    model.save(tmp_path / name)
    loaded = keras.models.load_model(tmp_path / name)

    features = keras.Model(loaded.inputs, loaded.layers[-2].output)

    np.testing.assert_equal(features.predict(X), model.layers[0](X).value)


def test_a_layer_knows_the_tensors_and_shapes_of_its_calls():
    given, other = keras.Input((3,)), keras.Input((3,))
    layer, merged = keras.layers.Dense(2), keras.layers.Add()
    output = layer(given)
    layer(other)
    merged([output, output])

    assert layer.input is given
    assert layer.output is output
    assert given.layer.input is given.layer.output is given
    assert (layer.input_shape, layer.output_shape) == ((None, 3), (None, 2))
    assert merged.input_shape == [(None, 2), (None, 2)]
    model = keras.Model([given, other], [output, layer(other)])
    assert model.input_shape == [(None, 3), (None, 3)]
    assert model.output_shape == [(None, 2), (None, 2)]


def test_a_layer_that_was_not_called_has_no_tensors():
    layer = keras.layers.Dense(2)

    for name in ("input", "output", "input_shape", "output_shape"):
        assert not hasattr(layer, name)
    with pytest.raises(
        AttributeError, match=r"layer 'dense.*output: .* has not been .*keras\.Input"
    ):
        layer.output  # noqa: B018 (it raises)


def test_calls_of_several_shapes_have_no_one_shape():
    layer = keras.layers.Activation("relu")
    layer(keras.Input((3,)))
    layer(keras.Input((4,)))

    with pytest.raises(AttributeError, match=r"output_shape: .*\(None, 3\), \(None, 4\)"):
        layer.output_shape  # noqa: B018 (it raises)


BUILT = {
    "Dense": lambda: keras.layers.Dense(3),
    "Conv1D": lambda: keras.layers.Conv1D(2, 2),
    "LSTM": lambda: keras.layers.LSTM(3),
    "BatchNormalization": lambda: keras.layers.BatchNormalization(),
    "LayerNormalization": lambda: keras.layers.LayerNormalization(),
    "Embedding": lambda: keras.layers.Embedding(4, 2),
}


@pytest.mark.parametrize("make", BUILT.values(), ids=BUILT)
def test_a_layer_that_was_built_by_hand_keeps_its_weights(make):
    layer = make()
    layer.build((None, 5, 3))
    before = layer.weights

    layer(np.ones((2, 5, 3), "int64" if isinstance(layer, keras.layers.Embedding) else "float32"))

    assert before
    assert [id(one) for one in layer.weights] == [id(one) for one in before]
