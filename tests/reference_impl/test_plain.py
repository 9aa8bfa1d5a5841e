"""Arguments as programs have them: NumPy's numbers, arrays, texts and dtypes, in every constructor.

The table of what is tried follows from the catalogues and from the configurations, so that a class
that is added is tried, too.
"""

import inspect
import json
from typing import Any

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl import (
    constraints,
    initializers,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
)
from saveproof.reference_impl.catalogue import Catalogue
from saveproof.reference_impl.layers import LAYERS
from saveproof.reference_impl.layers.serialization import serialize_layer
from saveproof.reference_impl.plain import json_text, plain

L = keras.layers

CATALOGUES: tuple[Catalogue[Any], ...] = (
    constraints.CONSTRAINTS,
    initializers.INITIALIZERS,
    losses.LOSSES,
    metrics.METRICS,
    optimizers.OPTIMIZERS,
    regularizers.REGULARIZERS,
    schedules.SCHEDULES,
)

REQUIRED: dict[str, Any] = {
    "activation": "tanh",
    "axes": 1,
    "boundaries": [3, 5],
    "decay_rate": 0.5,
    "decay_steps": 4,
    "dims": [2, 1],
    "filters": 2,
    "first_decay_steps": 4,
    "fn": "mean_squared_error",
    "initial_learning_rate": 0.125,
    "input_dim": 7,
    "kernel_size": 2,
    "key_dim": 2,
    "layer": serialize_layer(L.GRU(2)),
    "n": 2,
    "num_heads": 2,
    "output_dim": 3,
    "rate": 0.25,
    "stddev": 0.25,
    "target_shape": [-1],
    "units": 3,
    "values": [0.5, 0.25, 0.125],
}
"""Values of arguments without a default."""

UNSET: dict[str, Any] = {
    "class_id": 1,
    "clipnorm": 1.5,
    "ema_overwrite_frequency": 2,
    "ignore_class": 1,
    "seed": 3,
    "thresholds": [0.25],
    "top_k": 2,
    "warmup_target": 0.5,
    "weight_decay": 0.125,
}
"""Values of arguments that are None by default, instead of that."""

OWN: dict[str, dict[str, Any]] = {
    "GroupNormalization": {"groups": 2},
    "TimeDistributed": {"layer": serialize_layer(L.Dense(2))},
}
"""Values that fit a class of layer where the others do not."""

SEQUENCES = {
    *("GRU", "LSTM", "SimpleRNN", "Bidirectional", "TimeDistributed"),
    *("Attention", "MultiHeadAttention", "Permute"),
}
"""Layers that take sequences."""

REFUSED = {"Lambda"}
"""Layers that are not offered."""

NUMBERS: dict[type, Any] = {bool: np.bool_, int: np.int64, float: np.float32, str: np.str_}


CLASSES = {
    f"{catalogue.kind} {name}": kind
    for catalogue in CATALOGUES
    for name, kind in catalogue.entries.items()
    if isinstance(kind, type)
} | {f"layer {name}": kind for name, kind in LAYERS.items() if name not in REFUSED}


def arguments(kind: type) -> dict[str, Any]:
    """Return all arguments of a class that a configuration has, none of them None if possible."""
    required = {
        name: REQUIRED[name]
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.default is parameter.empty and name in REQUIRED
    }
    named = {"batch_input_shape": [None, 3]} if kind is L.InputLayer else required
    found = json.loads(json_text(made(kind, named).get_config()))
    unset = {name: UNSET[name] for name in found if found[name] is None and name in UNSET}
    return {**found, **named, **unset, **OWN.get(kind.__name__, {})}


def as_numpy(value: Any) -> Any:
    """Return the value as NumPy has it; what is no number, text or list of numbers, itself."""
    if type(value) in NUMBERS:
        return NUMBERS[type(value)](value)
    numbers = (
        isinstance(value, list) and value and all(type(item) in (int, float) for item in value)
    )
    return np.array(value) if numbers else value


def made(kind: type, given: dict[str, Any]) -> Any:
    return kind.from_config(given)  # type: ignore[attr-defined] # every class here has it


@pytest.mark.parametrize(("name", "kind"), CLASSES.items(), ids=CLASSES)
def test_each_argument_as_numpy_has_it_gives_the_same_configuration(name, kind):
    given = arguments(kind)

    for argument, value in given.items():
        other = as_numpy(value)
        expected = made(kind, {**given, argument: plain(other)}).get_config()
        found = made(kind, {**given, argument: other}).get_config()

        assert json.dumps(found) == json.dumps(expected), f"{name}: {argument}={other!r}"


@pytest.mark.frameworks
def test_tf_keras_has_the_same_configurations_for_the_same_numpy_arguments():
    tf_keras = pytest.importorskip("tf_keras")
    modules = (
        (tf_keras.constraints, constraints.CONSTRAINTS),
        (tf_keras.initializers, initializers.INITIALIZERS),
        (tf_keras.losses, losses.LOSSES),
        (tf_keras.metrics, metrics.METRICS),
        (tf_keras.optimizers, optimizers.OPTIMIZERS),
        (tf_keras.optimizers.schedules, schedules.SCHEDULES),
    )
    compared = 0
    for module, catalogue in modules:
        for name, kind in catalogue.entries.items():
            if not isinstance(kind, type) or not hasattr(module, name) or "Wrapper" in name:
                continue
            given = arguments(kind)
            known = inspect.signature(kind).parameters
            for argument in set(given) & set(known) - {"reduction", "name"}:
                fixed = {key: given[key] for key in known if key in REQUIRED and key in given}
                value = {**fixed, argument: as_numpy(given[argument])}
                ours = json.loads(json_text(kind(**value).get_config()))[argument]
                theirs = getattr(module, name)(**value).get_config()[argument]
                assert ours == json.loads(json_text(plain(theirs))), f"{name}: {value}"
                compared += 1
    assert compared > 100


def inputs_of(layer: Any) -> tuple[Any, np.ndarray]:
    """Return a symbolic input for a layer, and data."""
    kind = type(layer).__name__
    if kind == "Embedding":
        return keras.Input((5,), dtype="int32"), np.arange(10).reshape(2, 5) % 7
    shape = (4,)
    if "2D" in kind:
        shape = (8, 8, 4)
    elif "1D" in kind or kind in SEQUENCES:
        shape = (6, 4)
    return keras.Input(shape), np.linspace(-1, 1, 2 * np.prod(shape), dtype="f").reshape(2, *shape)


def model_with(layer: Any) -> tuple[keras.Model, np.ndarray]:
    symbol, data = inputs_of(layer)
    try:
        output = layer(symbol, symbol) if layer.name.startswith("multi_head") else layer(symbol)
    except (TypeError, ValueError):
        output = layer([symbol, symbol])
    model = keras.Model(symbol, L.Dense(1)(L.Flatten()(output)))
    model.compile(keras.optimizers.SGD(np.float32(0.01), momentum=np.float64(0.9)), "mse")
    return model, data


def comes_back(model: keras.Model, data: np.ndarray, folder: Any) -> None:
    """Save and load in every format, and compare configurations and what training goes on to."""
    targets = np.ones((2, 1), "float32")
    model.train_on_batch(data, targets)
    for name in ("model.keras", "model.h5", "folder"):
        model.save(folder / name)
    losses_then = [model.train_on_batch(data, targets) for _ in range(2)]
    for name in ("model.keras", "model.h5", "folder"):
        loaded = keras.models.load_model(folder / name)
        assert json_text(loaded.get_config()) == json_text(model.get_config()), name
        assert json_text(loaded.optimizer.get_config()) == json_text(model.optimizer.get_config())
        assert [loaded.train_on_batch(data, targets) for _ in range(2)] == losses_then, name


BUILT_IN = {name: kind for name, kind in LAYERS.items() if name not in {"InputLayer", *REFUSED}}


@pytest.mark.parametrize("kind", BUILT_IN.values(), ids=BUILT_IN)
def test_a_layer_with_numpy_arguments_comes_back_equal_from_every_format(kind, tmp_path):
    given = {name: as_numpy(value) for name, value in arguments(kind).items()}
    model, data = model_with(made(kind, given))

    comes_back(model, data, tmp_path)


def trainings() -> dict[str, Any]:
    """Return what `compile` is given, by name: each optimizer, schedule, loss and metric."""
    found: dict[str, Any] = {}
    for catalogue, argument in (
        (optimizers.OPTIMIZERS, "optimizer"),
        (schedules.SCHEDULES, "schedule"),
        (losses.LOSSES, "loss"),
        (metrics.METRICS, "metrics"),
    ):
        for name, kind in catalogue.entries.items():
            if isinstance(kind, type) and name not in ("Sum", "Mean"):
                found[f"{argument} {name}"] = (argument, kind)
    return found


TRAININGS = trainings()


@pytest.mark.parametrize(("argument", "kind"), TRAININGS.values(), ids=TRAININGS)
def test_training_with_numpy_arguments_goes_on_the_same_from_every_format(argument, kind, tmp_path):
    given = {name: as_numpy(value) for name, value in arguments(kind).items()}
    if "clipnorm" in given:
        given |= {"global_clipnorm": None, "clipvalue": None}
    item = made(kind, given | ({"reduction": "auto"} if argument == "loss" else {}))
    model = keras.Sequential([keras.Input((4,)), L.Dense(3, "softmax"), L.Dense(3, "sigmoid")])
    settings: dict[str, Any] = {"optimizer": "sgd", "loss": "mse"}
    if argument == "schedule":
        settings["optimizer"] = keras.optimizers.Adam(item)
    else:
        settings[argument] = [item] if argument == "metrics" else item
    model.compile(**settings, loss_weights=np.float32(0.5))
    data = np.linspace(0, 1, 8, dtype="f").reshape(2, 4)
    sparse = "Sparse" in kind.__name__
    targets = np.array([[0], [2]]) if sparse else np.eye(3, dtype="f")[:2]
    if sparse and argument == "metrics":
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=[item])
    model.train_on_batch(data, targets)
    for name in ("model.keras", "model.h5", "folder"):
        model.save(tmp_path / name)
    after = [model.train_on_batch(data, targets) for _ in range(2)]

    for name in ("model.keras", "model.h5", "folder"):
        loaded = keras.models.load_model(tmp_path / name)
        assert [loaded.train_on_batch(data, targets) for _ in range(2)] == after, name
        assert json_text(loaded.optimizer.get_config()) == json_text(model.optimizer.get_config())


WEIGHT_ARGUMENTS = {
    f"{argument} {name}": {argument: kind}
    for argument, catalogue in (
        ("kernel_initializer", initializers.INITIALIZERS),
        ("kernel_regularizer", regularizers.REGULARIZERS),
        ("kernel_constraint", constraints.CONSTRAINTS),
    )
    for name, kind in catalogue.entries.items()
}


@pytest.mark.parametrize("given", WEIGHT_ARGUMENTS.values(), ids=WEIGHT_ARGUMENTS)
def test_what_a_weight_takes_comes_back_equal_from_every_format(given, tmp_path):
    ((argument, kind),) = given.items()
    values = {name: as_numpy(value) for name, value in arguments(kind).items()}
    model, data = model_with(L.Dense(3, **{argument: made(kind, values)}))

    comes_back(model, data, tmp_path)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, "float32"])
def test_an_array_as_a_constant_comes_back_an_array(tmp_path, dtype):
    matrix = np.arange(12).reshape(4, 3).astype(dtype)
    model, data = model_with(L.Dense(3, kernel_initializer=initializers.Constant(matrix)))

    comes_back(model, data, tmp_path)

    value = keras.models.load_model(tmp_path / "model.h5").layers[1].kernel_initializer.value
    assert value.dtype == matrix.dtype
    assert np.array_equal(value, matrix)


def test_weights_given_to_a_layer_are_those_that_it_starts_with(tmp_path):
    matrix = np.random.default_rng(0).random((7, 3), "float32")
    layer = L.Embedding(np.max([[5, 6]]) + 1, 3, weights=[matrix], trainable=False)
    model, data = model_with(layer)

    assert np.array_equal(layer.get_weights()[0], matrix)
    comes_back(model, data, tmp_path)
