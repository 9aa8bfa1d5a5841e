"""What users give and state as NumPy has it: arguments of functions, and configurations."""

import json
from typing import Any

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.plain import json_text, with_arrays

L = keras.layers
DATA = np.linspace(-1, 1, 8, dtype="f").reshape(2, 4)


def model_with(layer: Any) -> tuple[keras.Model, np.ndarray]:
    return keras.Sequential([keras.Input((4,)), layer, L.Dense(1)]), DATA


class Table(L.Layer):
    """A user's layer, which takes what it is given and states it as it is."""

    def __init__(self, table: Any, scale: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table, self.scale = table, scale

    def call(self, inputs: Any) -> Any:
        return inputs * self.table * self.scale

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "table": self.table, "scale": self.scale}


def test_a_users_layer_takes_numpy_as_it_is_and_gets_its_arrays_back(tmp_path):
    table = np.arange(4, dtype="float32")
    layer = Table(table, np.float32(0.5))
    assert layer.table is table
    assert isinstance(layer.scale, np.float32)
    model, data = model_with(layer)

    for name in ("model.keras", "model.h5", "folder"):
        model.save(tmp_path / name)
        loaded = keras.models.load_model(tmp_path / name, custom_objects={"Table": Table})
        assert np.array_equal(loaded.layers[0].table, table)
        assert np.array_equal(loaded.predict(data), model.predict(data))


def test_compile_fit_and_add_weight_take_numpy_numbers(tmp_path):
    model, data = model_with(L.Dense(np.int64(2), name=np.str_("own"), dtype=np.float32))
    model.compile("sgd", "mse", loss_weights=[np.float32(0.5)], run_eagerly=np.bool_(True))
    history = model.fit(
        np.repeat(data, 4, 0),
        np.ones((8, 1)),
        batch_size=np.int64(4),
        epochs=np.int32(2),
        verbose=np.int64(0),
        validation_split=np.float32(0.25),
        shuffle=np.bool_(False),
        class_weight={np.int64(1): np.float32(0.5)},
    )

    assert len(history.history["val_loss"]) == 2
    assert model.layers[0].add_weight("more", np.array([2]), dtype=np.float32).dtype == np.float32
    model.save(tmp_path / "model.keras")
    assert model.layers[0].get_config()["name"] == "own"


def test_an_input_takes_numpy_numbers():
    symbol = keras.Input(np.array([3, 2]), batch_size=np.int64(4), dtype=np.float16)

    assert symbol.shape == (4, 3, 2)
    assert json.dumps(symbol.layer.get_config())


def test_what_json_cannot_hold_is_named():
    with pytest.raises(TypeError, match=r"values that JSON can represent, found .* of type object"):
        json_text({"item": object()})


def test_an_array_that_is_none_is_refused():
    with pytest.raises(ValueError, match="expected 'value' and 'dtype' of an array"):
        with_arrays({"class_name": "__numpy__", "config": {"value": [1]}})


def test_lists_of_numbers_are_one_array():
    model, _ = model_with(L.Dense(2))
    model.compile("sgd", "mse")
    rows, targets = [[1.0, 2.0, 3.0, 4.0]] * 4, [[1.0]] * 4
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    twin.compile("sgd", "mse")

    assert model.train_on_batch(rows, targets) == twin.train_on_batch(
        np.array(rows, "f"), np.array(targets, "f")
    )
    assert np.array_equal(model.predict(rows), model.predict(np.array(rows)))
    model.fit(rows, targets, sample_weight=[1.0, 0.5, 0.0, 1.0], verbose=0)


def test_schedules_take_the_iterations_and_constraints_and_regularizers_a_weight():
    optimizer = keras.optimizers.SGD(0.1)
    model, _ = model_with(L.Dense(2))
    kernel = model.layers[0].kernel
    schedules = keras.optimizers.schedules

    assert float(schedules.PiecewiseConstantDecay([5], [1.0, 0.5])(optimizer.iterations)) == 1
    assert float(schedules.ExponentialDecay(0.5, 10, 0.9)(optimizer.iterations)) == 0.5
    for constraint in (
        keras.constraints.NonNeg(),
        keras.constraints.MaxNorm(1),
        keras.constraints.UnitNorm(),
        keras.constraints.MinMaxNorm(0.5, 1),
    ):
        assert np.array_equal(constraint(kernel), constraint(kernel.value))
    assert float(keras.regularizers.L2()(kernel)) > 0
