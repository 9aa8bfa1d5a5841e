"""Optimizer state in tf_keras's whole-model files where it does not tell whose it is."""

import numpy as np
import pytest

from saveproof import reference_impl as reference

pytestmark = [pytest.mark.frameworks, pytest.mark.filterwarnings("ignore::UserWarning")]

X = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
Y = np.ones((4, 5), np.float32)


@pytest.fixture(scope="module")
def tf_keras():
    return pytest.importorskip("tf_keras")


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_the_one_slot_of_plain_sgd_is_no_learning_rate(tf_keras, tmp_path, suffix):
    only = tf_keras.layers.Dense(5, use_bias=False)
    model = tf_keras.Sequential([tf_keras.Input((3,)), only])
    model.compile(tf_keras.optimizers.SGD(0.25), "mse")
    model.train_on_batch(X, Y)
    model.save(tmp_path / f"model.{suffix}")

    loaded = reference.models.load_model(tmp_path / f"model.{suffix}")

    assert float(loaded.optimizer.learning_rate.numpy()) == 0.25
    np.testing.assert_allclose(loaded.train_on_batch(X, Y), model.train_on_batch(X, Y), rtol=1e-6)


@pytest.mark.parametrize("suffix", [".keras", ".h5", ""])
def test_slots_of_a_layer_frozen_late_are_kept_beside_one_frozen_early(tf_keras, tmp_path, suffix):
    layers = tf_keras.layers
    early = layers.Dense(4, trainable=False)
    late = layers.Dense(2)
    model = tf_keras.Sequential([tf_keras.Input((3,)), early, late, layers.Dense(5)])
    model.compile("adam", "mse")
    model.train_on_batch(X, Y)
    late.trainable = False
    model.save(tmp_path / f"model{suffix}")

    loaded = reference.models.load_model(tmp_path / f"model{suffix}")

    theirs = [variable.numpy() for variable in model.optimizer.variables]
    slots = [value for value in theirs if value.shape]
    ours = [one.value for one in loaded.optimizer.variables if one.shape]
    for one, other in zip(ours, slots, strict=True):
        np.testing.assert_array_equal(one, other)
