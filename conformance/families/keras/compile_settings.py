"""Compile settings in one form, from any serialized form: a name, and its arguments."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from saveproof.conformance.families.keras.arguments import flat
from saveproof.conformance.model_state.snapshot import Value

SETTINGS = ("loss", "metrics", "loss_weights", "weighted_metrics")

SYNONYMS = {
    "acc": "accuracy",
    "binary_accuracy": "accuracy",
    "categorical_accuracy": "accuracy",
    "sparse_categorical_accuracy": "accuracy",
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
}
"""Short names; `accuracy` is written down as the function that it stood for, once that is known."""

OF_EVERY_OBJECT = ("dtype", "fn", "reduction")
"""Keys that do not describe the loss or metric."""


def compile_settings(config: Mapping[str, Any] | None) -> Iterator[tuple[str, Value]]:
    """Yield the settings of a serialized compile config; none of a model that was not compiled.

    Losses and metrics come in the order of the outputs, from any nesting of lists.
    """
    for name in SETTINGS if config else ():
        yield from _setting(name, config.get(name) if config else None)


def _setting(name: str, value: Any) -> Iterator[tuple[str, Value]]:
    if name == "loss_weights":
        yield from flat({name: value})
        return
    for index, one in enumerate(leaves(value)):
        function, arguments = _described(one)
        yield f"{name}/{index}", function
        yield from flat(arguments, f"{name}/{index}/")


def leaves(value: Any) -> Iterator[Any]:
    """Yield the losses or metrics of nested lists and mappings, in the order of the outputs."""
    if isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner)
    elif isinstance(value, Mapping) and "class_name" not in value:
        for key in sorted(value):
            yield from leaves(value[key])
    elif value is not None:
        yield value


def _described(one: Any) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(one, Mapping):
        return _function(str(one)), {}
    config = one["config"]
    if not isinstance(config, Mapping):
        return _function(str(config)), {}
    arguments = {key: config[key] for key in config if key not in OF_EVERY_OBJECT}
    if config.get("fn"):
        arguments.pop("name", None)
        return _described(config["fn"])[0], arguments
    return _function(one["class_name"]), arguments


def _function(name: str) -> str:
    snake = snake_case(name.rpartition(">")[2])
    return SYNONYMS.get(snake, snake)


def snake_case(name: str) -> str:
    """Return a class's name as Keras writes the function of the same meaning."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
