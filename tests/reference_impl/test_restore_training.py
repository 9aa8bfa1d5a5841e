"""Optimizer state that does not tell which layers it is of."""

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.saving.model_state.restore_training import (
    OptimizerMismatch,
    restore_training,
)
from saveproof.reference_impl.state import Extras, NamedArray

X = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)


def model(*units, frozen=()):
    """Return a compiled chain of layers without biases, some of them frozen."""
    layers = [
        keras.layers.Dense(count, use_bias=False, name=f"d{index}", trainable=index not in frozen)
        for index, count in enumerate(units)
    ]
    chain = keras.Sequential([keras.Input((3,)), *layers])
    chain.compile(keras.optimizers.Adam(), "mse")
    return chain


def state(*units, frozen=()):
    """Return an optimizer's state as tf_keras lists it, after one step of such a model."""
    trained = model(*units, frozen=frozen)
    trained.train_on_batch(X, np.ones((4, units[-1]), np.float32))
    return [
        NamedArray(str(i), value)
        for i, value in enumerate(v.value for v in trained.optimizer.variables)
    ]


@pytest.mark.parametrize("before", [(), (0,), (1,), (0, 1)])
def test_slots_of_layers_frozen_since_are_found_by_their_shapes(before):
    loaded = model(2, 4, 5, frozen=(0, 1))
    saved = state(2, 4, 5, frozen=before)

    restore_training(loaded, saved, Extras())

    for array, value in zip(saved, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(array.value, value.value)


def test_slots_that_could_be_of_either_layer_are_refused_and_nothing_is_changed():
    loaded = model(3, 3, 5, frozen=(0, 1))

    with pytest.raises(OptimizerMismatch, match="fits 2 choices of layers"):
        restore_training(loaded, state(3, 3, 5, frozen=(0,)), Extras())

    assert not loaded.optimizer.built
