"""Optimizer state in tf_keras's whole-model files where it does not tell whose it is."""

import numpy as np
import pytest

from saveproof import reference_impl as reference
from saveproof.reference_impl.saving.model_state.optimizer_lists import OptimizerMismatch
from tests.reference_impl.checkpoint_models import compiled, trained

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


@pytest.mark.parametrize("suffix", [".keras", ".h5", ""])
@pytest.mark.parametrize("name", ["lion", "adafactor", "ftrl"])
def test_ten_steps_after_an_exchange_are_those_of_the_writer(tf_keras, tmp_path, name, suffix):
    """tf_keras restores no optimizer from a SavedModel, not even from its own.

    Lion's tolerance is that of all: the sign of a sum near zero depends on rounding.
    """
    theirs, target = compiled(tf_keras, "image", name, run_eagerly=True), tmp_path / f"m{suffix}"
    trained(theirs, "image", steps=3)
    theirs.save(target)
    ours = reference.models.load_model(target)
    expected = trained(theirs, "image", steps=10)
    np.testing.assert_allclose(trained(ours, "image", steps=10), expected, rtol=1e-3)

    if not suffix:
        return
    ours.save(tmp_path / f"again{suffix}", dialect="tf_keras")
    again = tf_keras.models.load_model(str(tmp_path / f"again{suffix}"))
    expected = trained(ours, "image", steps=10)
    np.testing.assert_allclose(trained(again, "image", steps=10), expected, rtol=1e-3)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_slots_of_other_shapes_need_names_to_be_found_beside_frozen_layers(
    tf_keras, tmp_path, suffix
):
    """A row of Adafactor's does not tell its matrix; tf_keras's archives name no slots."""
    layers = [tf_keras.layers.Dense(3, trainable=number > 0) for number in range(3)]
    model = tf_keras.Sequential([tf_keras.Input((3,)), *layers])
    model.compile(tf_keras.optimizers.Adafactor(), "mse")
    model.train_on_batch(X, X)
    layers[1].trainable = False
    model.save(tmp_path / f"m{suffix}")

    if suffix == ".keras":
        with pytest.raises(OptimizerMismatch, match="expected state of shapes"):
            reference.models.load_model(tmp_path / "m.keras")
        return
    loaded = reference.models.load_model(tmp_path / "m.h5")
    pairs = zip(loaded.optimizer.variables, model.optimizer.variables, strict=True)
    for one, other in pairs:
        np.testing.assert_array_equal(one.value, other.numpy())
