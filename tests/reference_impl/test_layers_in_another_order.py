"""Code that assigns the same layers in another order: nothing goes to another layer's variables."""

import logging

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.saving.model_state.assignments import WeightsMismatch

X, Y = np.ones((2, 3), "float32"), np.zeros((2, 3), "float32")


class Model(keras.Model):
    """Two layers of one shape, assigned in the order of `names`."""

    def __init__(self, *names):
        super().__init__(name="model")
        for name in names:
            setattr(self, name, keras.layers.Dense(3, name=name))

    def call(self, x, training=None):  # noqa: ARG002 - as a user writes it
        return self.beta(self.alpha(x))


def built(*names):
    model = Model(*names)
    model(X)
    model.compile(keras.optimizers.Adam(0.1), "mse")
    return model


@pytest.fixture
def saved():
    model = built("alpha", "beta")
    model.train_on_batch(X, Y)
    return model


def slots(model):
    return {v.name: v.value for v in model.optimizer.variables[1:]}


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


def kernels(model):
    return {one.name: one.kernel.value for one in (model.alpha, model.beta)}


def test_hdf5_in_keras_2s_layout_is_refused(saved, tmp_path):
    saved.save_weights(tmp_path / "w.h5")
    loaded = built("beta", "alpha")

    with pytest.raises(WeightsMismatch, match=r"in their order .*beta.*alpha.* found them in"):
        loaded.load_weights(tmp_path / "w.h5")


def test_hdf5_in_keras_2s_layout_is_loaded_by_name(saved, tmp_path):
    saved.save_weights(tmp_path / "w.h5")
    loaded = built("beta", "alpha")

    loaded.load_weights(tmp_path / "w.h5", by_name=True)

    assert_equal(kernels(loaded), kernels(saved))


def test_weights_h5_loads_the_weights_and_leaves_out_the_optimizer(saved, tmp_path, caplog):
    saved.save_weights(tmp_path / "w.weights.h5")
    loaded = built("beta", "alpha")

    with caplog.at_level(logging.WARNING):
        loaded.load_weights(tmp_path / "w.weights.h5")

    assert_equal(kernels(loaded), kernels(saved))
    assert "expected state for the weights in the order" in caplog.text
    assert loaded.optimizer.iterations.value == 0


def test_a_checkpoint_loads_the_slots_by_their_names(saved, tmp_path):
    saved.save_weights(tmp_path / "w", save_format="tf")
    loaded = built("beta", "alpha")
    loaded.train_on_batch(X, Y)

    loaded.load_weights(tmp_path / "w")

    assert_equal(kernels(loaded), kernels(saved))
    assert_equal(slots(loaded), slots(saved))
