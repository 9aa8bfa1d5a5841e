"""From saved compile settings to a compiled model with its optimizer's and metrics' state."""

import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from reference_impl import losses, metrics, optimizers
from reference_impl.autodiff import Variable
from reference_impl.custom_objects import active_custom_objects
from reference_impl.layers.base import Layer
from reference_impl.layers.weights import each_once, numbers
from reference_impl.models.batches import pseudo_names
from reference_impl.models.compiled import per_output
from reference_impl.models.dialect_training import RATE, in_our_order
from reference_impl.models.flags import Flags, flags_of, paired
from reference_impl.models.trainer import Trainer
from reference_impl.optimizers import Optimizer
from reference_impl.serialization import MalformedEntry
from reference_impl.state import Entry, Extras, NamedArray

Changes = list[tuple[Variable, np.ndarray]]

Fitted = tuple[list[np.ndarray], dict[str, np.ndarray]]
"""An optimizer's list as ours, and what stands outside of it."""

MOST_FROZEN = 6
"""Frozen layers of which every choice is tried; of more, all or none have been trained."""

_LOGGER = logging.getLogger(__name__)


class OptimizerMismatch(ValueError):
    """The optimizer's state does not fit the model or is of a kind that is not read."""


class MetricsMismatch(OptimizerMismatch):
    """The metrics' state is of other metrics than the model was compiled with."""


def paired_flags(model: Layer, flags: Sequence[bool]) -> Flags:
    """Return the layers with the flags that a file holds, none if it holds none."""
    found = paired(model, flags) if flags else []
    if found is None:
        raise MalformedEntry(
            f"model {model.name!r}: expected {len(flags_of(model))} trainable flags, "
            f"found {len(flags)}"
        )
    return found


def compile_from(
    model: Trainer,
    training: Entry,
    extras: Extras | None,
    *,
    prefixed: bool = True,
    output_names: Sequence[str] = (),
) -> None:
    """Compile from a training_config, of tf_keras or of Keras 3.

    `prefixed` says that metrics of several outputs go by the output's name before their own;
    `output_names` has those names where only a call tells them.
    """
    known = active_custom_objects()
    if "optimizer_config" not in training:
        raise MalformedEntry(f"model {model.name!r}: its training_config has no optimizer_config")
    names = (model.output_names or output_names) if prefixed else []
    saved_metrics = _without_prefix(training.get("metrics"), names)
    saved_weighted = _without_prefix(training.get("weighted_metrics"), names)
    run_eagerly = training.get("run_eagerly") if extras is None else extras.run_eagerly
    model.compile(
        optimizer=optimizers.deserialize(training["optimizer_config"], custom_objects=known),
        loss=_mapped(
            lambda entry: (
                losses.deserialize(entry, custom_objects=known)
                if isinstance(entry, Mapping)
                else entry
            ),
            training.get("loss"),
        ),
        metrics=_mapped(_metric, saved_metrics),
        weighted_metrics=_mapped(_metric, saved_weighted),
        loss_weights=training.get("loss_weights"),
        run_eagerly=run_eagerly,
    )
    if model.compiled is not None and extras is not None:
        model.compiled.flags = paired_flags(model, extras.compiled_trainable)


def _mapped(function: Any, structure: Any) -> Any:
    """Return the structure with `function` applied to each entry or name in it."""
    if isinstance(structure, Mapping) and "class_name" not in structure:
        return {key: _mapped(function, value) for key, value in structure.items()}
    if isinstance(structure, list | tuple):
        return [_mapped(function, item) for item in structure]
    return None if structure is None else function(structure)


def _metric(entry: Any) -> Any:
    """Return what `compile` takes: a name as it was given, since the metric is called by it."""
    custom = active_custom_objects()
    if isinstance(entry, str) and entry not in custom:
        return entry
    return metrics.deserialize(entry, custom_objects=custom)


def _without_prefix(structure: Any, names: Sequence[str]) -> Any:
    """Return the metrics' entries without the output's name, which compiling prepends again."""
    nested = isinstance(structure, list) and all(isinstance(item, list) for item in structure)
    if not nested or len(names) < 2:
        return structure
    return [
        [_renamed(entry, f"{name}_") for entry in group]
        for name, group in zip(names, per_output(structure, names, "metrics"), strict=True)
    ]


def _renamed(entry: Any, prefix: str) -> Any:
    if not isinstance(entry, Mapping) or "config" not in entry:
        return entry
    config = entry["config"]
    name = str(config.get("name") or "")
    return {**entry, "config": {**config, "name": name.removeprefix(prefix)}}


def restore_training(model: Trainer, arrays: Sequence[NamedArray], extras: Extras) -> None:
    """Give the optimizer and the metrics of a compiled model the state that was saved.

    The state of a legacy optimizer is left, with a warning: it starts afresh.

    Raises:
        OptimizerMismatch, MetricsMismatch: if it does not fit; nothing is changed then.
    """
    compiled = model.compiled
    if compiled is None:
        return
    legacy = _is_legacy(arrays)
    if legacy:
        _LOGGER.warning(
            "%s: the file holds the state of a legacy optimizer, which is not read: its "
            "weights are, and the optimizer starts afresh",
            model.name,
        )
    changes = _metric_changes(model, extras)
    listed: Sequence[np.ndarray] = ()
    optimizer = compiled.optimizer
    if not legacy:
        listed, outside = _optimizer_state(model, optimizer, arrays, extras)
        changes += outside
    if len(listed) > 1:
        optimizer.set_weights(listed)
    elif listed:
        optimizer.iterations.assign(listed[0])
    for variable, value in changes:
        variable.adopt(value)


def _optimizer_state(
    model: Trainer, optimizer: Optimizer, arrays: Sequence[NamedArray], extras: Extras
) -> tuple[list[np.ndarray], Changes]:
    """Return the optimizer's list as ours, and which variable outside of it takes which array.

    The list may be that of either dialect. An optimizer that has slots is built to take them.
    """
    values = [numbers(array.value) for array in arrays]
    slots = len(values) > (1 if optimizer.schedule is not None else 2)
    slots = slots or any(value.shape for value in values)
    outside = extras.optimizer
    listed: list[np.ndarray] = values[:1]
    if extras.optimized or slots or (optimizer.built and values):
        weights, (listed, outside) = _fitting(
            optimizer, optimized_weights(model, extras.optimized), values, outside
        )
        optimizer.build(weights)
    elif len(values) == 2:
        # No slots: no step was taken, or SGD without momentum. Keras 3 lists the rate second.
        outside = {RATE: values[1], **outside}
    known = optimizer.extra_state | {RATE: optimizer.learning_rate}
    if unknown := sorted(set(outside) - set(known)):
        raise OptimizerMismatch(
            f"optimizer {optimizer.name!r}: expected one of {sorted(known)}, found {unknown}"
        )
    return listed, [(known[name], value) for name, value in outside.items()]


def _fitting(
    optimizer: Optimizer,
    candidates: Sequence[list[Variable]],
    values: Sequence[np.ndarray],
    outside: Mapping[str, np.ndarray],
) -> tuple[list[Variable], Fitted]:
    """Return the weights that the state is of, and the state as ours.

    Raises:
        OptimizerMismatch: if it is of none of the candidates, or of several unlikely ones alike.
    """

    def fitted(weights: Sequence[Variable]) -> Fitted | None:
        return in_our_order(built_with(optimizer, weights), values, outside)

    fits = likeliest(candidates, lambda weights: fitted(weights) is not None)
    if len(fits) == 1 and (found := fitted(fits[0])) is not None:
        return fits[0], found
    shapes = [value.shape for value in values]
    if fits:
        raise OptimizerMismatch(
            f"optimizer {optimizer.name!r}: expected state that tells which frozen layers it is "
            f"of, found {shapes}, which fits {len(fits)} choices of layers; load with "
            "compile=False to do without it"
        )
    raise OptimizerMismatch(
        f"optimizer {optimizer.name!r}: expected state of shapes "
        f"{[variable.shape for variable in built_with(optimizer, candidates[0]).variables]}, "
        f"found {shapes}; load with compile=False to do without it"
    )


def likeliest(
    candidates: Sequence[list[Variable]], fits: Callable[[list[Variable]], bool]
) -> list[list[Variable]]:
    """Return the first or the second candidate if it fits, else all others that do."""
    groups = (candidates[:1], candidates[1:2], candidates[2:])
    found = ([weights for weights in group if fits(weights)] for group in groups)
    return next(filter(None, found), [])


def built_with(optimizer: Optimizer, weights: Sequence[Variable]) -> Optimizer:
    """Return the optimizer if it is built, else a copy that is: nothing is changed."""
    if optimizer.built:
        return optimizer
    built = type(optimizer).from_config(optimizer.get_config())
    built.build(weights)
    return built


def optimized_weights(model: Trainer, places: Sequence[int]) -> list[list[Variable]]:
    """Return what the optimizer may have been built with, the two likeliest first.

    Where the file does not tell, that is what trains, all that would train if nothing had been
    frozen since, or what would if some layers had not: tf_keras keeps the slots of a layer that is
    frozen after training.

    Raises:
        OptimizerMismatch: if a place is none of the model's weights.
    """
    weights = model.weights
    if any(not 0 <= place < len(weights) for place in places):
        raise OptimizerMismatch(
            f"model {model.name!r}: expected places of optimized weights below {len(weights)}, "
            f"found {sorted(places)}"
        )
    if places:
        return [[weights[place] for place in places]]
    own = [layer.own_weights(trainable=True) for layer in model.flatten_layers()]
    trains = {id(variable) for variable in model.trainable_weights}
    frozen = [index for index, of in enumerate(own) if of and id(of[0]) not in trains]
    sizes = range(len(frozen) - 1, 0, -1) if len(frozen) <= MOST_FROZEN else ()
    without = [set(kept) for size in sizes for kept in combinations(frozen, size)]
    return [
        model.trainable_weights,
        *(
            each_once([one for index, of in enumerate(own) if index not in kept for one in of])
            for kept in [set[int](), *without]
        ),
    ]


def _is_legacy(arrays: Sequence[NamedArray]) -> bool:
    return len(arrays) > 1 and arrays[0].name.rpartition("/")[2].startswith("iter:")


def _metric_changes(model: Trainer, extras: Extras) -> Changes:
    """Return which metric's variable takes which array; the metrics are made if they are not."""
    compiled, values = model.compiled, extras.metrics
    if compiled is None or not values:
        return []
    if not compiled.ready:
        names = model.output_names or pseudo_names(len(extras.output_shapes) or 1)
        shapes = extras.output_shapes or [((None,), (None,))] * len(names)
        compiled.prepare(names, shapes)
    variables = [variable for metric in compiled.metrics for variable in metric.variables]
    if [variable.shape for variable in variables] != [value.shape for value in values]:
        raise MetricsMismatch(
            f"model {model.name!r}: expected metric state of shapes "
            f"{[variable.shape for variable in variables]}, found {[v.shape for v in values]}"
        )
    return list(zip(variables, values, strict=True))
