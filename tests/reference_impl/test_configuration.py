"""Users' classes without a get_config: saved if they take no arguments, else refused."""

from typing import Any

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.configuration import IncompleteConfig
from saveproof.reference_impl.layers.stated import Unserializable

L = keras.layers
X, Y = np.linspace(-1, 1, 12, dtype="f").reshape(4, 3), np.ones((4, 1), "f")
WHOLE = ("model.keras", "model.h5", "folder")


class Scaled(keras.losses.Loss):
    def __init__(self, factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return keras.losses.mean_squared_error(y_true, y_pred) * self.factor


class Shrunk(keras.constraints.Constraint):
    def __init__(self, by: float = 0.5) -> None:
        self.by = by

    def __call__(self, w: Any) -> Any:
        return w * self.by


class Gain(keras.initializers.Initializer):
    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return np.full(shape, self.gain, dtype)


class Penalty(keras.regularizers.Regularizer):
    def __init__(self, by: float = 0.5) -> None:
        self.by = by

    def __call__(self, x: Any) -> Any:
        return keras.regularizers.L2(self.by)(x)


class Above(keras.metrics.Mean):
    def __init__(self, least: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.least = least

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        del y_true, sample_weight
        super().update_state(np.asarray(y_pred) > self.least)


class Slowed(keras.optimizers.SGD):
    def __init__(self, slower: float = 1.0, **kwargs: Any) -> None:
        super().__init__(0.1 / slower, **kwargs)


class Halved(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, start: float = 0.1) -> None:
        self.start = start

    def __call__(self, step: Any) -> Any:
        return np.float32(self.start) / (int(step) + 1)


class Louder(L.Dense):
    def __init__(self, units: int, gain: float = 1.0, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.gain = gain

    def call(self, inputs: Any) -> Any:
        return super().call(inputs) * self.gain


class Nothing:
    """An initializer that is no Initializer, and has no configuration."""

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return np.zeros(shape, dtype)


def model_of(*, layer: Any = None, **settings: Any) -> keras.Model:
    model = keras.Sequential([keras.Input((3,)), layer or L.Dense(1)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **settings})
    model.train_on_batch(X, Y)
    return model


MODELS = {
    "loss": ("Scaled", lambda: model_of(loss=Scaled(3.0))),
    "metric": ("Above", lambda: model_of(metrics=[Above(0.5)])),
    "optimizer": ("Slowed", lambda: model_of(optimizer=Slowed(2.0))),
    "schedule": ("Halved", lambda: model_of(optimizer=keras.optimizers.SGD(Halved(0.5)))),
    "constraint": ("Shrunk", lambda: model_of(layer=L.Dense(1, kernel_constraint=Shrunk(0.25)))),
    "initializer": ("Gain", lambda: model_of(layer=L.Dense(1, kernel_initializer=Gain(3.0)))),
    "regularizer": ("Penalty", lambda: model_of(layer=L.Dense(1, kernel_regularizer=Penalty(2.0)))),
    "layer": ("Louder", lambda: model_of(layer=Louder(1, gain=2.0))),
}


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.parametrize(("kind", "build"), MODELS.values(), ids=MODELS)
def test_an_argument_that_nothing_states_is_refused_by_the_save(kind, build, name, tmp_path):
    model = build()

    with pytest.raises(IncompleteConfig, match=rf"{kind}.*get_config\(\)"):
        model.save(tmp_path / name)
    model.save_weights(tmp_path / "weights.h5")


@pytest.mark.parametrize("name", WHOLE)
def test_an_object_without_a_configuration_is_refused_by_the_save(name, tmp_path):
    model = model_of(layer=L.Dense(1, kernel_initializer=Nothing()))

    with pytest.raises(Unserializable, match=r"\(Dense\): initializer: .*get_config\(\).*Nothing"):
        model.save(tmp_path / name)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("what", ["loss", "metric", "optimizer", "schedule"])
def test_what_a_saved_model_is_compiled_with_is_refused_too(what, tmp_path):
    kind, build = MODELS[what]

    with pytest.raises(IncompleteConfig, match=kind):
        build().save(tmp_path / "folder")


@pytest.mark.parametrize("what", ["constraint", "initializer", "regularizer", "layer"])
def test_a_saved_model_comes_back_by_what_its_layers_do(what, tmp_path):
    """A SavedModel holds the call itself; what trains it otherwise is not taken for the same."""
    kind, build = MODELS[what]
    model = build()
    model.save(tmp_path / "folder")

    try:
        loaded = keras.models.load_model(tmp_path / "folder", {kind: globals()[kind]})
    except ValueError as error:
        assert "get_config" in str(error)  # noqa: PT017 (either is right)
    else:
        assert np.array_equal(loaded.predict(X), model.predict(X))


def without_arguments(kind: type) -> type:
    """Return a class of the same name that takes no arguments of its own."""

    def fixed(self: Any, *args: Any, **kwargs: Any) -> None:
        kind.__init__(self, *args, **kwargs)

    return type(kind.__name__, (kind,), {"__init__": fixed})


@pytest.mark.parametrize("name", WHOLE)
def test_a_class_without_arguments_needs_no_get_config(name, tmp_path):
    kinds = {each.__name__: without_arguments(each) for each in (Scaled, Shrunk, Gain, Penalty)}
    layer = L.Dense(
        1,
        kernel_initializer=kinds["Gain"](),
        kernel_regularizer=kinds["Penalty"](),
        kernel_constraint=kinds["Shrunk"](),
    )
    model = model_of(layer=layer, loss=kinds["Scaled"]())
    model.save(tmp_path / name)

    loaded = keras.models.load_model(tmp_path / name, kinds)
    assert loaded.train_on_batch(X, Y) == model.train_on_batch(X, Y)


class Stated(Scaled):
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


class Derived(Stated):
    """Takes what its base states."""

    def __init__(self, factor: float = 2.0, **kwargs: Any) -> None:
        super().__init__(factor, **kwargs)


@pytest.mark.parametrize("kind", [Stated, Derived])
@pytest.mark.parametrize("name", WHOLE)
def test_arguments_that_are_stated_come_back(kind, name, tmp_path):
    model = model_of(loss=kind(3.0))
    model.save(tmp_path / name)

    loaded = keras.models.load_model(tmp_path / name, {kind.__name__: kind})
    assert loaded.train_on_batch(X, Y) == model.train_on_batch(X, Y)


def test_a_metric_for_two_outputs_is_counted_by_each_with_its_arguments():
    symbol = keras.Input((3,))
    model = keras.Model(symbol, [L.Dense(1, name="a")(symbol), L.Dense(1, name="b")(symbol)])
    model.compile("sgd", "mse", metrics=Above(-100.0, name="above"))

    logs = model.train_on_batch(X, [Y, Y], return_dict=True)

    assert (logs["a_above"], logs["b_above"]) == (1.0, 1.0)
