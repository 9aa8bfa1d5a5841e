"""Compilation from saved settings, and restoration of optimizer and metrics."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import numpy as np

from saveproof.reference_impl import losses, metrics, optimizers
from saveproof.reference_impl.catalogue import UnknownNameError
from saveproof.reference_impl.config_types import checked
from saveproof.reference_impl.custom_objects import active_custom_objects
from saveproof.reference_impl.engine.batches import pseudo_names
from saveproof.reference_impl.engine.compiled import BY_SHAPE, Compiled, per_output
from saveproof.reference_impl.engine.flags import Flags, flags_of, held, paired
from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.loading import MalformedEntry, at
from saveproof.reference_impl.metrics import Metric
from saveproof.reference_impl.nest import leaves
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers import LegacyOptimizer, LossScaleOptimizer, Optimizer
from saveproof.reference_impl.optimizers.legacy.optimizer import ITERATION
from saveproof.reference_impl.saving.model_state.assignments import (
    Assignments,
    assignment,
    commit,
    undone_if_raised,
)
from saveproof.reference_impl.saving.model_state.optimized import weights_at, weights_of_list
from saveproof.reference_impl.saving.model_state.optimizer_lists import (
    RATE,
    SLOT,
    OptimizerMismatch,
    values_by_variable,
)
from saveproof.reference_impl.state import Entry, Extras, NamedArray


class MetricsMismatch(OptimizerMismatch):
    """The saved state belongs to other metrics than those of the compiled model."""


def paired_flags(model: Layer, flags: Sequence[bool]) -> Flags:
    """Return the layers with the flags in a file; empty if the file has none."""
    found = paired(model, flags) if flags else []
    if found is None:
        raise MalformedEntry(
            f"model {model.name!r}: expected {len(flags_of(model))} trainable flags, "
            f"found {len(flags)}"
        )
    return found


class Training(TypedDict):
    """The keys of compile settings that are read."""

    optimizer_config: str | Mapping[str, Any]
    loss_weights: NotRequired[float | Sequence[float | None] | Mapping[str, float | None] | None]
    run_eagerly: NotRequired[bool | None]


def compile_from(
    model: Trainer,
    training: Entry,
    extras: Extras | None,
    *,
    prefixed: bool = True,
    output_names: Sequence[str] = (),
) -> None:
    """Compile a model from a training_config of tf_keras or Keras 3.

    `prefixed` is whether metric names start with the output's name; `output_names` are the names of
    the outputs if they are unknown before a call.
    """
    known = active_custom_objects()
    if "optimizer_config" not in training:
        raise MalformedEntry(f"model {model.name!r}: training_config has no optimizer_config")
    settings = checked(training, Training)
    names = (model.output_names or output_names) if prefixed else []
    run_eagerly = settings.get("run_eagerly") if extras is None else extras.run_eagerly
    try:
        with at("optimizer_config"):
            optimizer = optimizers.deserialize(settings["optimizer_config"], custom_objects=known)
        model.compile(
            optimizer=optimizer,
            loss=_mapped(_loss, settings.get("loss"), "loss"),
            metrics=_metrics(settings, "metrics", names),
            weighted_metrics=_metrics(settings, "weighted_metrics", names),
            loss_weights=settings.get("loss_weights"),
            run_eagerly=run_eagerly,
        )
    except UnknownNameError as error:
        advice = "pass it in custom_objects, or load with compile=False"
        said = f"model {model.name!r}: unknown name in the compile settings; {advice}: "
        error.args = (said + error.args[0],)
        raise
    if model.compiled is not None and extras is not None:
        model.compiled.flags = paired_flags(model, extras.compiled_trainable)


def _mapped(function: Any, structure: Any, key: str | int) -> Any:
    """Return the structure at a key with `function` applied to each entry or name in it."""
    with at(key):
        if isinstance(structure, Mapping) and "class_name" not in structure:
            return {key: _mapped(function, value, key) for key, value in structure.items()}
        if isinstance(structure, list | tuple):
            return [_mapped(function, item, place) for place, item in enumerate(structure)]
        return None if structure is None else function(structure)


def _loss(entry: Any) -> Any:
    """Return the argument for `compile`: a valid name unchanged, or the object of an entry."""
    made = losses.deserialize(entry, custom_objects=active_custom_objects())
    return entry if isinstance(entry, str) else made


def _metric(entry: Any) -> Any:
    """Return the argument for `compile`: a name unchanged, which names the metric in logs."""
    custom = active_custom_objects()
    if isinstance(entry, str) and entry.lower() in BY_SHAPE and entry not in custom:
        return entry
    made = metrics.deserialize(entry, custom_objects=custom)
    return entry if isinstance(entry, str) and entry not in custom else made


def _metrics(settings: Mapping[str, Any], key: str, names: Sequence[str]) -> Any:
    with at(key):
        saved = _without_prefix(settings.get(key), names)
    return _mapped(_metric, saved, key)


def _without_prefix(structure: Any, names: Sequence[str]) -> Any:
    """Return the metrics' entries without the output's name, which `compile` prepends again."""
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
    """Restore the optimizer and the metrics of a compiled model.

    Raises:
        OptimizerMismatch, MetricsMismatch: if the state does not match; nothing has changed then.
    """
    commit(training_changes(model, arrays, extras))


def training_changes(model: Trainer, arrays: Sequence[NamedArray], extras: Extras) -> Assignments:
    """Return the assignments of arrays to the variables of optimizer and metrics.

    Missing variables are created.

    Raises:
        OptimizerMismatch, MetricsMismatch, WeightsMismatch: if the state does not match; the model
            is unchanged then.
    """
    compiled = model.compiled
    if compiled is None:
        return []
    arguments = compiled.arguments
    given = [
        one
        for one in leaves([arguments.metrics, arguments.weighted_metrics])
        if isinstance(one, Metric)
    ]
    optimizer = compiled.optimizer
    with undone_if_raised(compiled, optimizer, optimizer.updating, *given):
        return _changes(model, compiled, arrays, extras)


def _changes(
    model: Trainer, compiled: Compiled, arrays: Sequence[NamedArray], extras: Extras
) -> Assignments:
    changes = _metric_changes(model, extras)
    optimizer, where = compiled.optimizer, f"optimizer {compiled.optimizer.name!r}"
    values = _listed_values(model, optimizer, arrays, extras)
    known = optimizer.extra_state | {RATE: optimizer.learning_rate}
    outside = {name: array for name, array in extras.optimizer.items() if not name.startswith(SLOT)}
    if unknown := sorted(set(outside) - set(known)):
        raise OptimizerMismatch(f"{where}: expected one of {sorted(known)}, found {unknown}")
    values |= {known[name]: NamedArray(name, array) for name, array in outside.items()}
    return changes + [
        assignment(variable, array.name, array.held, where) for variable, array in values.items()
    ]


def _listed_values(
    model: Trainer, optimizer: Optimizer, arrays: Sequence[NamedArray], extras: Extras
) -> dict[Variable, NamedArray]:
    """Return the assignments of arrays from the optimizer's list.

    The optimizer is built if the list has slots; otherwise it is reset to before its first step.
    """
    if not arrays:
        return {}
    _check_age(optimizer, arrays)
    singles = 1 if optimizer.schedule is not None else 2
    singles += 2 if isinstance(optimizer, LossScaleOptimizer) else 0
    names, shapes = [array.name for array in arrays], [array.held.shape for array in arrays]
    slots = len(arrays) > singles or any(shapes)
    if extras.optimized:
        with held(paired(model, extras.trainable) or []):  # positions refer to them
            weights = weights_at(model, extras.optimized)
        _check_names(optimizer, weights, (extras.own or {}).get("optimized", ()))
        optimizer.build(weights)
    elif slots and not optimizer.built:
        optimizer.build(weights_of_list(model, optimizer, names, shapes))
    elif not slots and not np.any(arrays[0].held):
        optimizer.unbuild()
    return values_by_variable(optimizer, arrays, extras.optimizer)


def _check_names(optimizer: Optimizer, weights: Sequence[Variable], names: Sequence[str]) -> None:
    """Reject positions that mean other weights: code created the layers in another order."""
    found = [weight.name for weight in weights]
    if found != list(names) and set(found) == set(names):
        raise OptimizerMismatch(
            f"optimizer {optimizer.name!r}: expected state for the weights in the order {found}, "
            f"found {list(names)}; create the layers in the order of the file"
        )


def _check_age(optimizer: Optimizer, arrays: Sequence[NamedArray]) -> None:
    """Reject the list of a legacy optimizer for a current one, which has another order."""
    name = arrays[0].name.rpartition("/")[2]
    if name == f"{ITERATION}:0" and len(arrays) > 1 and not isinstance(optimizer, LegacyOptimizer):
        raise OptimizerMismatch(
            f"optimizer {optimizer.name!r}: expected the state of a {type(optimizer).__name__}, "
            "found that of a legacy optimizer from before TensorFlow 2.11; load with compile=False"
        )


def _metric_changes(model: Trainer, extras: Extras) -> Assignments:
    """Return the assignments of arrays to the metrics' variables; create missing metrics."""
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
    return [
        assignment(variable, f"number {number}", value, "metrics")
        for number, (variable, value) in enumerate(zip(variables, values, strict=True))
    ]
