"""Compile settings in one form, from any serialized form: a name, and its arguments."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from saveproof.conformance.families.keras.arguments import flat
from saveproof.conformance.model_state.snapshot import Value
from saveproof.strategies.names import snake_case

SETTINGS = ("loss", "metrics", "loss_weights", "weighted_metrics")

SYNONYMS = {
    "acc": "accuracy",
    "bce": "binary_crossentropy",
    "ce": "crossentropy",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
}
"""Short names."""

GENERAL = ("accuracy", "crossentropy")
"""Names that stand for one of the `KINDS`, which Keras chooses by the shapes of an output."""

KINDS = ("binary", "categorical", "sparse_categorical")

OF_EVERY_OBJECT = ("dtype", "fn", "reduction")
"""Keys that do not describe the loss or metric."""

Outputs = Mapping[str, int | None]
"""The length of the last axis of each output, by the output's name; None where it is unknown."""


def compile_settings(
    config: Mapping[str, Any] | None, outputs: Outputs | None = None
) -> Iterator[tuple[str, Value]]:
    """Yield the settings of a serialized compile config; none of a model that was not compiled.

    Losses and metrics come in the order of the outputs, from any nesting of lists. A general name
    is replaced by the kind that it stands for. Where the outputs are unknown, all kinds of a metric
    have the general name.
    """
    for name in SETTINGS if config else ():
        yield from _setting(name, config or {}, outputs or {})


def _setting(name: str, config: Mapping[str, Any], outputs: Outputs) -> Iterator[tuple[str, Value]]:
    value = config.get(name)
    if name == "loss_weights":
        yield from flat({name: value})
        return
    losses = [_described(one)[0] for one in leaves(config.get("loss"))]
    kinds = _kinds(losses, outputs)
    for index, (one, kind) in enumerate(_with_kinds(value, kinds, tuple(outputs))):
        function, arguments = _described(one)
        yield f"{name}/{index}", _resolved(function, kind, metric=name != "loss")
        yield from flat(arguments, f"{name}/{index}/")


def leaves(value: Any) -> Iterator[Any]:
    """Yield the losses or metrics of nested lists and mappings, in the order of the outputs."""
    yield from (one for one, _ in _with_kinds(value, (), ()))


def _with_kinds(
    value: Any, kinds: Sequence[str], names: Sequence[str]
) -> Iterator[tuple[Any, str]]:
    """Yield the leaves, each with the kind of its output; an empty one where that is unknown."""
    of_one = kinds[0] if len(kinds) == 1 else ""
    if isinstance(value, list | tuple):
        matched = [*kinds] if len(value) == len(kinds) else [of_one] * len(value)
        for inner, kind in zip(value, matched, strict=True):
            yield from _with_kinds(inner, (kind or of_one,), ())
    elif isinstance(value, Mapping) and "class_name" not in value:
        by_name = dict(zip(names, kinds, strict=False))
        for key in sorted(value):
            yield from _with_kinds(value[key], (by_name.get(key, of_one),), ())
    elif value is not None:
        yield value, of_one


def _kinds(losses: Sequence[str], outputs: Outputs) -> tuple[str, ...]:
    """Return the kind for each output, by its loss and the length of its last axis.

    Keras looks at the shapes of targets and outputs; a sparse loss is one of sparse targets.
    """
    several = [*losses] * len(outputs) if len(losses) == 1 else losses
    if len(several) != len(outputs):
        return ("",) * len(outputs)
    return tuple(map(_kind, several, outputs.values()))


def _kind(loss: str, width: int | None) -> str:
    if width is None:
        return ""
    if width == 1:
        return "binary"
    return "sparse_categorical" if loss.startswith("sparse_") else "categorical"


def _resolved(function: str, kind: str, *, metric: bool) -> str:
    for general in GENERAL:
        if kind and function == general:
            return f"{kind}_{general}"
        if metric and not kind and function in [f"{one}_{general}" for one in KINDS]:
            return general
    return function


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
