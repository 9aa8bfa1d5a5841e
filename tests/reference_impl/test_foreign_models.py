"""Subclassed models without get_config that tf_keras saved, brought back by the reference."""

import numpy as np
import pytest

from saveproof import reference_impl as reference
from saveproof.reference_impl.layers.serialization import UnknownLayer
from tests.reference_impl.foreign_models import (
    CLOSE,
    RANDOM,
    X,
    Y,
    assert_trains_alike,
    saved,
    with_call,
)

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def everything(keras):
    """Return a model with its own weights, a nested one, lists and penalties."""
    layers = keras.layers

    class Block(keras.Model):
        def __init__(self):
            super().__init__(name="block")
            self.inner = layers.Dense(4, activation="relu", kernel_regularizer="l2", name="dense")
            self.rest = {"norm": layers.BatchNormalization(), "none": None}

        def call(self, x):
            return self.rest["norm"](self.inner(x) * 2.0) + 1.0

    class Everything(keras.Model):
        def __init__(self):
            super().__init__(name="everything")
            self.first = layers.Dense(6, activity_regularizer="l2", name="dense")
            self.blocks = [Block(), layers.BatchNormalization(momentum=0.5)]
            self.fixed = layers.BatchNormalization(momentum=0.5)
            self.scale = self.add_weight("scale", (4,), initializer="ones")
            self.shift = self.add_weight("shift", (4,), trainable=False)
            self.net = keras.Sequential(
                [layers.Dense(4, activity_regularizer="l1"), layers.Dense(3)]
            )

        def call(self, x, training=None):
            x = self.fixed(self.first(x), training=False)
            for block in self.blocks:
                x = block(x, training=training)
            return self.net(x * self.scale - self.shift)

    return Everything()


def test_model_trains_on_as_the_original_does(keras, tmp_path):
    model = everything(keras)
    model.fixed.trainable = False

    again = reference.models.load_model(saved(model, tmp_path, optimizer="sgd", steps=5))

    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert [weight.name for weight in again.weights] == [weight.name for weight in model.weights]
    assert [layer.trainable for layer in again.layers] == [one.trainable for one in model.layers]
    assert again.optimizer.iterations.value == 5
    assert_trains_alike(again, model)
    for found, expected in zip(again.weights, model.weights, strict=True):
        np.testing.assert_allclose(found.value, expected.numpy(), **CLOSE)


def test_dropout_drops_in_training_alone(keras, tmp_path):
    model = with_call(keras, lambda x: x, first=keras.layers.Dropout(0.5))

    again = reference.models.load_model(saved(model, tmp_path))

    np.testing.assert_allclose(again(X), again(X))
    assert not np.allclose(again(X, training=True), again(X, training=True))


def test_model_inside_is_the_same_that_the_outer_one_calls(keras, tmp_path):
    class Inner(keras.Model):
        def __init__(self, shared):
            super().__init__(name="inner")
            self.shared = shared

        def call(self, x):
            return self.shared(x)

    class Outer(keras.Model):
        def __init__(self):
            super().__init__(name="outer")
            self.shared = keras.layers.Dense(6, name="shared")
            self.inner = Inner(self.shared)
            self.last = keras.layers.Dense(3)

        def call(self, x):
            return self.last(self.inner(self.shared(x)))

    model = Outer()

    again = reference.models.load_model(saved(model, tmp_path))

    assert again.inner.shared is again.shared
    assert_trains_alike(again, model)


def test_tied_weights_stay_tied(tf, keras, tmp_path):
    table = keras.layers.Dense(6, name="table")
    model = with_call(keras, lambda x: tf.matmul(table(x), table.kernel, transpose_b=True))
    model.table = table

    again = reference.models.load_model(saved(model, tmp_path))

    assert_trains_alike(again, model)


def test_several_inputs_and_outputs_by_name(keras, tmp_path):
    class Named(keras.Model):
        def __init__(self):
            super().__init__(name="named")
            self.join = keras.layers.Concatenate()
            self.heads = [keras.layers.Dense(3, name="head"), keras.layers.Dense(1, name="tail")]

        def call(self, inputs):
            joined = self.join([inputs["right"], inputs["left"]])
            return {"b": self.heads[1](joined), "a": self.heads[0](joined)}

    x, y = {"left": X, "right": X[:, :2]}, {"a": Y, "b": Y[:, :1]}
    model = Named()

    again = reference.models.load_model(saved(model, tmp_path, x, y))

    found, expected = again.predict(x), model.predict(x, verbose=0)
    assert found.keys() == expected.keys()
    for key, outputs in expected.items():
        np.testing.assert_allclose(found[key], outputs, **CLOSE)
    np.testing.assert_allclose(again.train_on_batch(x, y), model.train_on_batch(x, y), **CLOSE)


def test_states_of_recurrent_layers_come_back(keras, tmp_path):
    class Recurrent(keras.Model):
        def __init__(self):
            super().__init__(name="recurrent")
            self.steps = keras.layers.GRU(4, stateful=True, return_sequences=True)
            self.end = keras.layers.LSTM(3)

        def call(self, inputs):
            return self.end(self.steps(inputs))

    x = RANDOM.normal(size=(4, 5, 2)).astype("float32")
    model = Recurrent()
    folder = saved(model, tmp_path, x)

    again = reference.models.load_model(folder)

    np.testing.assert_allclose(
        again.predict(x, batch_size=4), model.predict(x, batch_size=4), **CLOSE
    )


def test_what_came_back_can_be_saved_again(keras, tmp_path):
    model = everything(keras)
    again = reference.models.load_model(saved(model, tmp_path))

    again.save(tmp_path / "second", save_format="tf")
    second = reference.models.load_model(tmp_path / "second")

    assert np.array_equal(second.predict(X), again.predict(X))
    found, expected = second.train_on_batch(X, Y), again.train_on_batch(X, Y)
    np.testing.assert_array_equal(found, expected)


def test_class_that_is_not_known_comes_back_without_it(keras, tmp_path):
    class Configured(keras.Model):
        def __init__(self, units=3, name=None):
            super().__init__(name=name)
            self.last = keras.layers.Dense(units)

        def call(self, inputs):
            return self.last(inputs)

        def get_config(self):
            return {"units": 3, "name": self.name}

    model = Configured()

    again = reference.models.load_model(saved(model, tmp_path))

    assert_trains_alike(again, model)


def test_own_loss_is_refused(tf, keras, tmp_path):
    class Penalized(keras.Model):
        def __init__(self):
            super().__init__(name="penalized")
            self.last = keras.layers.Dense(3, activity_regularizer="l2")

        def call(self, inputs):
            outputs = self.last(inputs)
            self.add_loss(tf.reduce_sum(tf.square(outputs)))
            return outputs

    with pytest.raises(UnknownLayer, match="adds a loss"):
        reference.models.load_model(saved(Penalized(), tmp_path))


def test_penalty_on_an_own_weight_is_refused(keras, tmp_path):
    class Penalized(keras.Model):
        def __init__(self):
            super().__init__(name="penalized")
            self.scale = self.add_weight("scale", (3,), regularizer="l2")
            self.last = keras.layers.Dense(3)

        def call(self, inputs):
            return self.last(inputs) * self.scale

    with pytest.raises(UnknownLayer, match="penalty on its own weights"):
        reference.models.load_model(saved(Penalized(), tmp_path))


def test_state_that_the_call_assigns_is_refused(keras, tmp_path):
    class Counting(keras.Model):
        def __init__(self):
            super().__init__(name="counting")
            self.count = self.add_weight("count", (), trainable=False)
            self.last = keras.layers.Dense(3)

        def call(self, inputs):
            self.count.assign_add(1.0)
            return self.last(inputs)

    with pytest.raises(UnknownLayer, match="own call assigns"):
        reference.models.load_model(saved(Counting(), tmp_path))


def test_layers_that_are_alike_in_all_are_refused(keras, tmp_path):
    layers = [keras.layers.Dropout(0.1, name="drop"), keras.layers.Dropout(0.9, name="drop")]
    model = with_call(keras, lambda x: layers[1](layers[0](x)))
    model.dropping = layers

    with pytest.raises(UnknownLayer, match=r"expected one layer with it, found \['drop', 'drop'\]"):
        reference.models.load_model(saved(model, tmp_path))


def test_save_without_traces_is_refused(keras, tmp_path):
    model = with_call(keras, lambda x: x)
    model(X)
    model.save(tmp_path / "saved", save_format="tf", save_traces=False)

    with pytest.raises(UnknownLayer, match="no graph of its call"):
        reference.models.load_model(tmp_path / "saved")


def test_layer_of_an_unknown_class_is_named(keras, tmp_path):
    class Doubling(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 2.0

    model = with_call(keras, lambda x: x, first=Doubling(name="twice"))

    with pytest.raises(UnknownLayer, match=r"layer 'twice': unknown class .*custom_objects"):
        reference.models.load_model(saved(model, tmp_path))
