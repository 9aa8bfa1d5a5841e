"""Layers of users that hold layers: their weights exist before the first call, and come back."""

from typing import Any

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.engine.errors import UnbuiltModel
from saveproof.reference_impl.saving.model_state.restore import WeightsMismatch

L = keras.layers
X = np.linspace(-1, 1, 12, dtype="f").reshape(4, 3)
WHOLE = ("model.keras", "model.h5", "folder")
WEIGHTS = ("model.weights.h5", "weights.h5", "checkpoint")


class Block(L.Layer):
    """Holds a layer, and states its shape."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.inner = units, L.Dense(units)

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


class Outer(L.Dense):
    """A subclass of a built-in layer that makes another layer in `build`."""

    def build(self, input_shape: Any) -> None:
        self.inner = L.Dense(1)
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        return self.inner(super().call(inputs))


class Lazy(Block):
    """Makes its layer at the first call."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        del self.inner

    def call(self, inputs: Any) -> Any:
        if not hasattr(self, "inner"):
            self.inner = L.Dense(self.units)
        return self.inner(inputs)


class NotOnZeros(Block):
    """Its call does not work on the zeros of one sample."""

    def call(self, inputs: Any) -> Any:
        if inputs.shape[0] == 1:
            raise ValueError("expected several samples")
        return self.inner(inputs)


class Counting(Block):
    """Counts its calls, in training or out of it."""

    def build(self, input_shape: Any) -> None:  # noqa: ARG002 (Keras's signature)
        self.count = self.add_weight("count", (), initializer="zeros", trainable=False)

    def call(self, inputs: Any) -> Any:
        self.count.assign(self.count.value + 1)
        return self.inner(inputs)


def model_of(kind: type) -> keras.Model:
    return keras.Sequential([keras.Input((3,)), kind(2)])


@pytest.mark.parametrize("kind", [Block, Outer, Lazy])
@pytest.mark.parametrize("name", WHOLE + WEIGHTS)
def test_the_weights_of_an_inner_layer_come_back(kind, name, tmp_path):
    model = model_of(kind)
    expected = model.predict(X)
    (model.save if name in WHOLE else model.save_weights)(tmp_path / name)

    other = model_of(kind)
    other.load_weights(tmp_path / name)
    assert np.array_equal(other.predict(X), expected)
    if name in WHOLE:
        loaded = keras.models.load_model(tmp_path / name, custom_objects={kind.__name__: kind})
        assert np.array_equal(loaded.predict(X), expected)


@pytest.mark.parametrize("kind", [Block, Lazy])
def test_an_inner_layer_has_weights_before_the_first_call(kind, tmp_path):
    model = model_of(kind)
    model.save(tmp_path / "model.keras")

    assert [weight.name.split("/", 1)[1] for weight in model.weights] == [
        f"{model.layers[0].inner.name}/kernel:0",
        f"{model.layers[0].inner.name}/bias:0",
    ]
    loaded = keras.models.load_model(tmp_path / "model.keras", {kind.__name__: kind})
    assert np.array_equal(loaded.predict(X), model.predict(X))


def test_an_inner_layer_has_weights_where_a_length_is_open():
    symbol = keras.Input((None, 3))
    model = keras.Model(symbol, Block(2)(symbol))

    assert len(model.weights) == 2


@pytest.mark.parametrize("name", WHOLE + WEIGHTS)
def test_a_layer_whose_call_does_not_work_on_zeros_is_not_saved_before_it_is_called(name, tmp_path):
    model = model_of(NotOnZeros)

    with pytest.raises(UnbuiltModel, match=r"expected several samples.* call the model on data"):
        (model.save if name in WHOLE else model.save_weights)(tmp_path / name)


@pytest.mark.parametrize("name", WHOLE + WEIGHTS)
def test_values_for_a_layer_that_can_not_be_built_are_never_passed_over(name, tmp_path):
    model = model_of(NotOnZeros)
    expected = model.predict(X)
    (model.save if name in WHOLE else model.save_weights)(tmp_path / name)

    if name in WHOLE:
        with pytest.raises(WeightsMismatch, match="weights"):
            keras.models.load_model(tmp_path / name, {"NotOnZeros": NotOnZeros})
    other = model_of(NotOnZeros)
    if name in ("folder", "checkpoint"):  # which wait for the weights
        other.load_weights(tmp_path / name)
        assert np.array_equal(other.predict(X), expected)
    else:
        with pytest.raises(WeightsMismatch, match="weights"):
            other.load_weights(tmp_path / name)


def test_what_is_called_on_zeros_keeps_its_state():
    model = model_of(Counting)
    assert float(model.layers[0].count) == 0

    model.predict(X)
    model.compute_output_shape((None, 3))
    assert float(model.layers[0].count) == 1


def test_a_stateful_layer_inside_starts_from_zeros():
    class Recalling(Block):
        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(units, **kwargs)
            self.inner = L.GRU(units, stateful=True, bias_initializer="ones")

        def compute_output_shape(self, input_shape: Any) -> Any:
            return (input_shape[0], self.units)

    symbol = keras.Input(batch_shape=(4, 5, 3))
    layer = Recalling(2)
    layer(symbol)

    assert not np.any(layer.inner.states[0].value)


class Scaled(L.Layer):
    def call(self, inputs: Any, factor: Any = 1.0) -> Any:
        return inputs * factor


class Sum(L.Layer):
    def call(self, one: Any, other: Any) -> Any:
        return one + other


class InTraining(L.Layer):
    def call(self, inputs: Any, factor: Any, training: Any = False) -> Any:
        return inputs * (factor if training else 0.0)


def test_a_value_by_position_is_the_argument_that_call_has_there():
    ones = np.ones((1, 2), "f")

    assert np.array_equal(Scaled()(ones, 3.0).numpy(), ones * 3)
    assert np.array_equal(Sum()(ones, ones).numpy(), ones * 2)
    assert np.array_equal(InTraining()(ones, 3.0, True).numpy(), ones * 3)
    assert np.array_equal(InTraining()(ones, 3.0).numpy(), ones * 0)


def test_a_symbolic_tensor_by_position_goes_in_beside_the_inputs(tmp_path):
    one, other = keras.Input((2,)), keras.Input((2,))
    model = keras.Model([one, other], Sum()(one, other))
    ones = np.ones((3, 2), "f")

    assert np.array_equal(model.predict([ones, ones * 2]), ones * 3)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", {"Sum": Sum})
    assert np.array_equal(loaded.predict([ones, ones * 2]), ones * 3)


def test_a_model_and_a_built_in_layer_take_training_by_position():
    layer = L.Dropout(0.5)
    model = keras.Sequential([keras.Input((50,)), layer])
    ones = np.ones((1, 50), "f")

    assert not np.array_equal(layer(ones, True).numpy(), ones)
    assert not np.array_equal(model(ones, True).numpy(), ones)
    assert np.array_equal(model(ones, False).numpy(), ones)


@pytest.mark.parametrize(
    ("layer", "others", "named"),
    [
        (L.Dense(1), (True,), {}),
        (L.GRU(1), (None, False, None), {}),
        (Scaled(), (2.0,), {"factor": 3.0}),
    ],
)
def test_a_value_by_position_that_call_has_no_place_for_is_refused(layer, others, named):
    with pytest.raises(TypeError, match=r"positional|by position"):
        layer(np.ones((1, 2, 2), "f"), *others, **named)


@pytest.mark.frameworks
def test_positions_and_inner_weights_are_those_of_tf_keras():
    tf_keras = pytest.importorskip("tf_keras")

    def results(module: Any) -> list[Any]:
        class Own(module.layers.Layer):
            def __init__(self) -> None:
                super().__init__()
                self.inner = module.layers.Dense(2, kernel_initializer="ones")

            def call(self, inputs: Any, factor: Any = 1.0) -> Any:
                return self.inner(inputs) * factor

            def compute_output_shape(self, input_shape: Any) -> Any:
                return (*input_shape[:-1], 2)

        model = module.Sequential([module.Input((3,)), Own()])
        shapes = [tuple(weight.shape) for weight in model.weights]
        return [shapes, np.asarray(model.layers[0](X, 3.0)).tolist()]

    assert results(keras) == results(tf_keras)
