"""Compile settings and the optimizer's list in either dialect."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from saveproof.reference_impl import losses, metrics, optimizers
from saveproof.reference_impl.custom_objects import active_custom_objects
from saveproof.reference_impl.engine.compiled import Compiled
from saveproof.reference_impl.nest import map_leaves
from saveproof.reference_impl.optimizers import SGD, LegacyOptimizer, Nadam, Optimizer
from saveproof.reference_impl.saving.dialects.dialect import Dialect
from saveproof.reference_impl.state import Array, NamedArray

Entry = dict[str, Any]

_UNKNOWN_TO_KERAS_3: Mapping[str, tuple[Any, ...]] = {
    "fn": (...,),
    "jit_compile": (...,),
    "is_legacy_optimizer": (...,),
    "ignore_class": (None,),
    "name": (None,),
}
"""Keys of Keras 2, with the values for which they are left out; `...` is any."""

RATE = "learning_rate"
SLOT = "slot/"
"""Under which names the extras have variables that the list of a dialect leaves out."""


def compile_config(compiled: Compiled, dialect: Dialect, *, whole: bool = True) -> Entry:
    """Return what `compile` was told, as `.keras` has it, or HDF5 of Keras 3 if not `whole`."""
    told = compiled.arguments
    prefixes = _prefixes(compiled)

    def written(item: Any, serialize: Any) -> Any:
        if not callable(item):
            return item
        found = serialize(item, use_legacy_format=not whole)
        return _keras_3(found) if dialect is Dialect.KERAS else found

    def loss(item: Any) -> Any:
        if isinstance(item, str) and dialect is Dialect.KERAS and not whole:
            return _long_name(item)
        return written(item, losses.serialize)

    def metric(item: Any) -> Any:
        found = written(item, metrics.serialize)
        return _unprefixed(found, prefixes.get(id(item), ""))

    optimizer: Any = optimizers.serialize(compiled.optimizer)
    if dialect is Dialect.KERAS:
        optimizer = _keras_3(optimizer)
    settings = {
        "loss": map_leaves(loss, told.loss),
        "metrics": map_leaves(metric, told.metrics),
        "loss_weights": told.loss_weights,
        "weighted_metrics": map_leaves(metric, told.weighted_metrics),
        "run_eagerly": bool(told.run_eagerly),
    }
    if whole:
        return {"optimizer": optimizer, **settings}
    plain = {key: optimizer[key] for key in ("class_name", "config")}
    return {**settings, "optimizer_config": plain}


def _long_name(loss: str) -> str:
    """Return a loss's own name for an alias: Keras 3 reads no 'mse' in HDF5, not even its own."""
    if loss in active_custom_objects():
        return loss
    return str(getattr(losses.get(loss), "__name__", loss))


def _keras_3(entry: Any) -> Any:
    """Return an entry of a loss, metric or optimizer as Keras 3 takes it."""
    if not isinstance(entry, Mapping):
        return entry
    if "config" in entry and isinstance(entry["config"], Mapping):
        return {**entry, "config": _keras_3_arguments(entry["config"])}
    return dict(entry)


def _keras_3_arguments(config: Mapping[str, Any]) -> Entry:
    kept = {
        key: _keras_3(value)
        for key, value in config.items()
        if not any(left is ... or left == value for left in _UNKNOWN_TO_KERAS_3.get(key, ()))
    }
    if kept.get("reduction") == "auto":
        kept["reduction"] = "sum_over_batch_size"
    if kept.get("axis") == -1:
        # Not all that have the argument in Keras 2 had it in Keras 3.0; it is the default.
        del kept["axis"]
    return kept


def _prefixes(compiled: Compiled) -> dict[int, str]:
    """Return what a model of several outputs puts before the name of each metric, by identity."""
    if len(compiled.names) < 2:
        return {}
    return {
        id(metric): f"{name}_"
        for name, plain, weighted in zip(
            compiled.names, compiled.output_metrics, compiled.output_weighted_metrics, strict=True
        )
        for metric in (*plain, *weighted)
    }


def _unprefixed(entry: Any, prefix: str) -> Any:
    """Return a metric's entry under the name that the user gave it, without the output's."""
    if not prefix:
        return entry
    name = str(entry["config"]["name"]).removeprefix(prefix)
    return {**entry, "config": {**entry["config"], "name": name}}


def optimizer_list(optimizer: Optimizer, dialect: Dialect) -> tuple[NamedArray, ...]:
    """Return the optimizer's variables as the dialect lists them.

    Keras 3 has no legacy optimizers, and no list of theirs: it is the same for both.
    """
    listed = [NamedArray(variable.name, variable.value) for variable in optimizer.variables]
    if dialect is Dialect.TF_KERAS or isinstance(optimizer, LegacyOptimizer):
        return tuple(listed)
    first, slots = listed[:1], listed[1:]
    if optimizer.schedule is None:
        first.append(NamedArray(RATE, optimizer.learning_rate.value))
    if _without_momentum(optimizer):
        slots = slots[: -_slot_count(optimizer)] if slots else []
    if isinstance(optimizer, Nadam) and slots:
        slots.append(NamedArray("u_product", optimizer.extra_state["_u_product"].value))
    named = [NamedArray(item.name.removesuffix(":0"), item.value) for item in (*first, *slots)]
    return tuple(named)


def unlisted(optimizer: Optimizer, dialect: Dialect) -> dict[str, np.ndarray]:
    """Return the variables that the dialect's list leaves out, by the names they have in extras."""
    if dialect is Dialect.TF_KERAS or not _without_momentum(optimizer) or not optimizer.built:
        return {}
    count = _slot_count(optimizer)
    return {
        f"{SLOT}{number}": variable.value
        for number, variable in enumerate(optimizer.variables[-count:])
    }


def _without_momentum(optimizer: Optimizer) -> bool:
    """Say whether this is SGD without momentum: Keras 3 keeps no slots for it."""
    return isinstance(optimizer, SGD) and not optimizer.momentum


def _slot_count(optimizer: Optimizer) -> int:
    """Return how many slots SGD has but for the averages: one a variable."""
    return (len(optimizer.variables) - 1) // (2 if optimizer.use_ema else 1)


def in_our_order(
    optimizer: Optimizer, arrays: Sequence[Array], outside: Mapping[str, Array]
) -> tuple[list[Array], dict[str, Array]] | None:
    """Return the list of a built optimizer as ours, and what stands outside it; None if it is none.

    The dialect shows in the shapes. `outside` has what the extras hold.
    """
    expected = [variable.shape for variable in optimizer.variables]
    kept = {name: value for name, value in outside.items() if not name.startswith(SLOT)}
    if isinstance(optimizer, LegacyOptimizer):
        listed = optimizer.listed(arrays)
        return None if listed is None else (listed, kept)
    values = list(arrays)
    if [value.shape for value in values] == expected:
        return values, kept
    found: dict[str, Array] = {}
    first, slots = values[:1], values[1:]
    if optimizer.schedule is None and slots and slots[0].shape == ():
        found[RATE], slots = slots[0], slots[1:]
    if _without_momentum(optimizer):
        known = [outside[name] for name in outside if name.startswith(SLOT)]
        missing = optimizer.variables[-_slot_count(optimizer) :]
        slots += known or [np.zeros(variable.shape, variable.dtype) for variable in missing]
    for values, product in _without_product(optimizer, slots):
        if [value.shape for value in (*first, *values)] == expected:
            return [*first, *values], {**found, **product, **kept}
    return None


def _without_product(
    optimizer: Optimizer, slots: Sequence[Array]
) -> list[tuple[list[Array], dict[str, Array]]]:
    """Return the slots without Nadam's running product, last in Keras 3.15, first in 3.4."""
    if not isinstance(optimizer, Nadam) or not slots:
        return [(list(slots), {})]
    averages = (len(optimizer.variables) - 1) // 3 if optimizer.use_ema else 0
    last = (list(slots[:-1]), {"_u_product": slots[-1]})
    first = ([*slots[:averages], *slots[averages + 1 :]], {"_u_product": slots[averages]})
    return [last, first]
