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


def state(*units, frozen=(), named=False):
    """Return an optimizer's state as tf_keras lists it, after one step of such a model.

    In HDF5 it is `named`, in an archive numbered.
    """
    trained = model(*units, frozen=frozen)
    trained.train_on_batch(X, np.ones((4, units[-1]), np.float32))
    return [
        NamedArray(variable.name if named else str(place), variable.value)
        for place, variable in enumerate(trained.optimizer.variables)
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

    with pytest.raises(OptimizerMismatch, match="match 2 sets"):
        restore_training(loaded, state(3, 3, 5, frozen=(0,)), Extras())

    assert not loaded.optimizer.built


@pytest.mark.parametrize("before", [(0,), (1,)])
def test_slots_of_equal_shapes_are_found_by_their_names(before):
    """By the shapes alone, they could be of d0 or of d1."""
    loaded = model(3, 3, 5, frozen=(0, 1))
    saved = state(3, 3, 5, frozen=before, named=True)

    restore_training(loaded, saved, Extras())

    found = {variable.name: variable.value for variable in loaded.optimizer.variables}
    assert list(found) == [array.name for array in saved]
    assert all(np.array_equal(array.value, found[array.name]) for array in saved)


def test_slots_of_another_layer_than_those_that_train_are_refused():
    """The shapes of d0's slots are those of d1, which trains now."""
    loaded = model(3, 3, frozen=(0,))

    with pytest.raises(OptimizerMismatch, match=r"found none of \['d1/kernel:0'\].*first step"):
        restore_training(loaded, state(3, 3, frozen=(1,), named=True), Extras())

    assert not loaded.optimizer.built


def test_forty_frozen_layers_are_told_apart_by_their_shapes():
    units = range(1, 41)
    loaded = model(*units, frozen=range(39))
    saved = state(*units, frozen=range(0, 40, 2))

    restore_training(loaded, saved, Extras())

    assert len(loaded.optimizer.variables) == len(saved)
    assert loaded.optimizer.built_for == [layer.kernel for layer in loaded.layers[1::2]]
