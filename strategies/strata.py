"""Strata: the classes, arguments, events and features of a case, by short names."""

from collections.abc import Iterator, Mapping
from typing import Any

from saveproof.strategies.capabilities import Capabilities, has
from saveproof.strategies.case import (
    Case,
    CompileSettings,
    Config,
    Kind,
    Object,
    Recompile,
    tag_of,
)
from saveproof.strategies.declared import EVENTS, NAMES
from saveproof.strategies.settings import name_of

FIELDS: Mapping[str, str] = {
    "layers": "layers",
    "optimizers": "optimizers",
    "optimizers.schedules": "schedules",
    "losses": "losses",
    "metrics": "metrics",
}
"""The field of capabilities that names the classes of a namespace."""

ROOMS: Mapping[str, str] = {
    "layer": "layers",
    "learning_rate": "optimizers.schedules",
    "initializer": "initializers",
    "regularizer": "regularizers",
    "constraint": "constraints",
}
"""The namespace of an object in an argument, by the end of the argument's name."""

SHARED, NESTED = "shared layer", "nested model"
SEVERAL_INPUTS, SEVERAL_OUTPUTS = "several inputs", "several outputs"
STATEFUL, STOCHASTIC = "stateful layer", "random numbers in training"


def strata_of(case: Case) -> tuple[str, ...]:
    """Return the strata of a case, each once.

    Of an object: its class (`losses.Huber`), and the arguments under test (`losses.Huber/delta`);
    of a plain one, the arguments that it has all the same. Of a model: its kind, its features and
    events, and each class with the arguments that it was given.
    """
    return tuple(dict.fromkeys(_of_object(case) if case.is_object else _of_model(case)))


def offered(kind: Kind, had: Capabilities, *, hops: bool = False) -> tuple[str, ...]:
    """Return the classes, events and features that a model of that kind may have.

    With `hops`, its history may save and load it.
    """
    if kind is Kind.OBJECT:
        return ()
    classes = (
        f"{namespace}.{name}"
        for namespace, field in FIELDS.items()
        for name in NAMES[field]
        if has(getattr(had, field), str(name))
    )
    events = (name for name in EVENTS if has(had.events, name) and (hops or name != "hop"))
    features = (f"feature:{one}" for one in _features(kind, had))
    return (*classes, *map(event_stratum, events), *features)


def _features(kind: Kind, had: Capabilities) -> Iterator[str]:
    if kind is not Kind.SEQUENTIAL and had.branching:
        yield from (SHARED, SEVERAL_INPUTS, SEVERAL_OUTPUTS)
    if had.nesting and had.max_layers is None:
        yield NESTED
    if any(has(had.layers, name) for name in ("SimpleRNN", "LSTM", "GRU")):
        yield STATEFUL
    yield STOCHASTIC


def features_of(case: Case) -> Iterator[str]:
    """Yield the features of a model."""
    architecture = case.architecture
    there = {
        NESTED: any(layer.model for layer in architecture.layers),
        SHARED: case.shares_layers,
        SEVERAL_INPUTS: len(architecture.inputs) > 1,
        SEVERAL_OUTPUTS: len(architecture.outputs) > 1,
        STATEFUL: case.is_stateful,
        STOCHASTIC: case.is_stochastic,
    }
    return (name for name, has_it in there.items() if has_it)


def settings_of(case: Case) -> Iterator[CompileSettings]:
    """Yield the compile settings, those of later compilations too."""
    yield case.settings
    events = (*case.history.before, *case.history.after)
    yield from (event.settings for event in events if isinstance(event, Recompile))


def _of_object(case: Case) -> Iterator[str]:
    for layer in case.architecture.layers:
        yield layer.class_name
        yield from (f"{layer.class_name}/{name}" for name in case.tested or layer.config)


def _of_model(case: Case) -> Iterator[str]:
    yield f"kind:{case.architecture.kind}"
    yield from (f"feature:{name}" for name in features_of(case))
    for event in (*case.history.before, *case.history.after):
        yield event_stratum(tag_of(type(event)))
    for layer in case.architecture.every_layer():
        if layer.model is None:
            yield from _of_class("layers", layer.class_name, layer.config)
    for settings in settings_of(case):
        one = settings.optimizer
        yield from _of_class("optimizers", one.class_name, one.config)
        yield from (s for loss in settings.losses for s in _named("losses", loss))
        yield from (s for each in settings.metrics for m in each for s in _named("metrics", m))


def event_stratum(name: str) -> str:
    """Return the stratum of an event."""
    return f"event:{name}"


def _named(namespace: str, one: str | Object) -> Iterator[str]:
    """Yield the strata of a loss or metric, which may be given by its name alone."""
    return _of_class(namespace, name_of(one), one.config if isinstance(one, Object) else {})


def _of_class(namespace: str, name: str, config: Config) -> Iterator[str]:
    """Yield the class, its arguments, and the strata of objects in them.

    A name with a namespace keeps that.
    """
    qualified = name if "." in name else f"{namespace}.{name}"
    yield qualified
    for argument, value in config.items():
        yield f"{qualified}/{argument}"
        yield from _inside(ROOMS.get(argument.rpartition("_")[2], ROOMS.get(argument, "")), value)


def _inside(namespace: str, value: Any) -> Iterator[str]:
    if namespace and isinstance(value, Mapping) and "class_name" in value:
        yield from _of_class(namespace, value["class_name"], value.get("config", {}))
