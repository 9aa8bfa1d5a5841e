"""Losses that a layer or a model adds in its call."""

import numpy as np
import pytest

from saveproof import reference_impl as reference
from saveproof.reference_impl.numerics import autodiff
from saveproof.reference_impl.saving.savedmodel.graphs.symbol import UntraceableOperation

X = np.array([[1.0, 2.0], [3.0, -1.0]], np.float32)


def classes(keras, square):
    """Return a layer that adds half the mean square of its inputs, and a model that adds 3."""

    class Penalty(keras.layers.Layer):
        def call(self, inputs):
            self.add_loss(0.5 * square(inputs))
            return inputs

    class Written(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1, use_bias=False)
            self.penalty = Penalty()

        def call(self, inputs):
            self.add_loss(3.0)
            return self.penalty(self.dense(inputs))

    return Penalty, Written


def ours(x):
    return autodiff.mean(x * x)


def weighted(model):
    model(X)
    model.set_weights([np.array([[1.0], [2.0]], np.float32)])
    return model


def test_an_added_loss_is_part_of_the_loss_and_of_the_gradients():
    """Outputs 5 and 1: 0.5 * (25 + 1) / 2 = 6.5, and 3; its gradient is X^T (5, 1) / 2."""
    _, written = classes(reference, ours)
    model = weighted(written())
    model.compile(reference.optimizers.SGD(0.25))

    assert model.train_on_batch(X) == 9.5
    np.testing.assert_allclose(model.get_weights()[0], [[1 - 0.25 * 4], [2 - 0.25 * 4.5]])
    assert [float(loss.value) for loss in model.losses] == [3.0, 6.5]


def test_an_added_loss_is_beside_the_loss_of_the_targets():
    """Squared errors of 25 and 1 have the mean 13."""
    _, written = classes(reference, ours)
    model = weighted(written())
    model.compile("sgd", "mse")

    assert model.test_on_batch(X, np.zeros((2, 1), "f4")) == 13 + 9.5
    assert model.evaluate(X, np.zeros((2, 1), "f4")) == 13 + 9.5


@pytest.mark.parametrize(
    ("loss", "error", "match"),
    [
        (lambda: 1.0, NotImplementedError, "found <function .* which no file could keep"),
        (reference.Input((2,)), NotImplementedError, "compute the loss in a layer's call"),
        (1.0, ValueError, r"expected to be within call\(\), found it outside"),
    ],
)
def test_a_loss_that_does_not_come_from_a_call_is_refused(loss, error, match):
    with pytest.raises(error, match=f"layer 'one': add_loss: .*{match}"):
        reference.layers.Dense(1, name="one").add_loss(loss)


def test_a_loss_with_axes_is_refused():
    penalty, _ = classes(reference, lambda x: x * x)

    with pytest.raises(ValueError, match=r"expected a scalar, found a loss of shape \(2, 2\)"):
        penalty()(X)


def test_a_saved_model_of_added_losses_is_refused(tmp_path):
    """Loaded without its code, it would train without them."""
    _, written = classes(reference, ours)
    model = weighted(written())

    with pytest.raises(UntraceableOperation, match=r"its call adds 2 losses \(add_loss\)"):
        model.save(tmp_path / "m", save_format="tf")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("target", ["m.h5", "m.keras"])
def test_a_loaded_layer_adds_its_loss_again(tmp_path, target):
    penalty, _ = classes(reference, ours)
    model = reference.Sequential([reference.layers.Dense(1, input_shape=(2,)), penalty()])
    model.compile("adam", "mse")
    y = np.ones((2, 1), "f4")
    model.train_on_batch(X, y)
    model.save(tmp_path / target)
    known = {"Penalty": penalty}
    loaded = reference.models.load_model(tmp_path / target, custom_objects=known)

    assert [loaded.train_on_batch(X, y) for _ in range(3)] == [
        model.train_on_batch(X, y) for _ in range(3)
    ]


@pytest.mark.frameworks
def test_ten_steps_are_those_of_tf_keras():
    tf_keras = pytest.importorskip("tf_keras")
    import tensorflow as tf

    found = []
    square = {reference: ours, tf_keras: lambda x: tf.reduce_mean(x * x)}
    for keras, of in square.items():
        model = weighted(classes(keras, of)[1]())
        model.compile(keras.optimizers.Adam(0.1), "mse")
        steps = [float(model.train_on_batch(X, np.ones((2, 1), "f4"))) for _ in range(10)]
        found.append([*steps, *model.get_weights()[0].ravel()])

    np.testing.assert_allclose(*found, rtol=1e-5)
