"""From a state to a live model: everything is found to fit before anything is changed."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reference_impl import losses, metrics, optimizers
from reference_impl.autodiff import Variable
from reference_impl.custom_objects import active_custom_objects, custom_object_scope
from reference_impl.layers.base import Layer
from reference_impl.models.capture import (
    check_built,
    saved_layers,
    saved_weights,
    top_level_weights,
)
from reference_impl.models.compiled import BY_SHAPE, per_output
from reference_impl.models.flags import Flags, flags_of, paired, set_flags
from reference_impl.models.trainer import Trainer
from reference_impl.optimizers import Optimizer
from reference_impl.serialization import MalformedEntry, deserialize_layer
from reference_impl.state import Entry, Extras, LayerWeights, ModelState, NamedArray, WeightsState

_LOGGER = logging.getLogger(__name__)

Assignments = list[tuple[Variable, np.ndarray]]


class WeightsMismatch(ValueError):
    """The weights do not fit the model; the layer and both shapes are named. Nothing changed."""


class OptimizerMismatch(ValueError):
    """The optimizer's state does not fit the model or is of a kind that is not read."""


def model_from_state(
    state: ModelState, *, custom_objects: Mapping[str, Any] | None = None, compile_it: bool = True
) -> Trainer:
    """Return the model of a state, compiled and with its optimizer's state where there is one."""
    with custom_object_scope(custom_objects or {}):
        layer = deserialize_layer(state.architecture)
        if not isinstance(layer, Trainer):
            raise MalformedEntry(f"model_config: expected a model, found {type(layer).__name__}")
        extras = state.extras
        if extras is not None:
            set_flags(_paired_flags(layer, extras.trainable))
        changes = fitting(layer, state.weights)
        if extras is not None:
            changes += _fitting_layer_states(layer, extras.layer_states)
        for variable, value in changes:
            variable.assign(value)
        if compile_it and state.training is not None:
            _compile(layer, state.training, extras)
            _restore_optimizer(layer, state)
    return layer


def fitting(model: Trainer, weights: WeightsState) -> Assignments:
    """Return which variable takes which array; layers with weights are paired in order.

    Raises:
        WeightsMismatch: if the numbers of layers or weights, or a shape, do not fit.
    """
    check_built(model)
    expected = [layer for layer in saved_layers(model) if saved_weights(layer)]
    found = [group for group in weights.layers if group.weights]
    if len(expected) != len(found):
        raise WeightsMismatch(
            f"model {model.name!r}: expected weights of {len(expected)} layers "
            f"{[layer.name for layer in expected]}, found {len(found)} "
            f"{[group.layer for group in found]}"
        )
    changes: Assignments = []
    for layer, group in zip(expected, found, strict=True):
        changes += _paired(layer.name, saved_weights(layer), group.weights)
    own = top_level_weights(model)
    if own or weights.top_level:
        changes += _paired(model.name, own, weights.top_level)
    return changes


def fitting_by_name(model: Trainer, weights: WeightsState) -> Assignments:
    """Return which variable takes which array, for layers whose names are in the state."""
    check_built(model)
    groups: Mapping[str, LayerWeights] = {group.layer: group for group in weights.layers}
    changes: Assignments = []
    for layer in saved_layers(model):
        if layer.name in groups:
            changes += _paired(layer.name, saved_weights(layer), groups[layer.name].weights)
    own = top_level_weights(model)
    if own and weights.top_level:
        changes += _paired(model.name, own, weights.top_level)
    return changes


def _paired(layer: str, variables: Sequence[Variable], arrays: Sequence[NamedArray]) -> Assignments:
    """Pair by name where the names are the same set, else by position."""
    if len(variables) != len(arrays):
        raise WeightsMismatch(
            f"layer {layer!r}: expected {len(variables)} weights "
            f"{[(variable.name, variable.shape) for variable in variables]}, found {len(arrays)} "
            f"{[(array.name, array.value.shape) for array in arrays]}; nothing was changed"
        )
    named = {array.name: array for array in arrays}
    names = [variable.name for variable in variables]
    ordered = (
        [named[name] for name in names]
        if len(set(names)) == len(names) and set(names) == set(named)
        else arrays
    )
    changes: Assignments = []
    for variable, array in zip(variables, ordered, strict=True):
        value = _in_dtype(array.value, variable.dtype)
        if variable.shape != value.shape:
            raise WeightsMismatch(
                f"layer {layer!r}: weight {variable.name!r} has shape {variable.shape}, "
                f"found {array.name!r} of shape {value.shape}; nothing was changed"
            )
        if value.dtype.kind not in "fiubV":
            raise WeightsMismatch(
                f"layer {layer!r}: weight {variable.name!r} of dtype {variable.dtype} can't take "
                f"{array.name!r} of dtype {value.dtype}; nothing was changed"
            )
        changes.append((variable, value))
    return changes


def _in_dtype(value: np.ndarray, dtype: np.dtype) -> np.ndarray:
    # Files of bfloat16 weights hold two opaque bytes a number, with no word of what they are.
    if value.dtype == np.dtype("V2") and str(dtype) == "bfloat16":
        return value.view(dtype)
    return value


def _paired_flags(model: Layer, flags: Sequence[bool]) -> Flags:
    found = paired(model, flags) if flags else []
    if found is None:
        raise MalformedEntry(
            f"model {model.name!r}: expected {len(flags_of(model))} trainable flags, "
            f"found {len(flags)}"
        )
    return found


def _fitting_layer_states(model: Layer, states: Mapping[str, np.ndarray]) -> Assignments:
    layers = list(model.flatten_layers())
    changes: Assignments = []
    for place, value in states.items():
        number, _, name = place.partition("/")
        known = layers[int(number)].extra_state if int(number) < len(layers) else {}
        if name not in known or known[name].shape != value.shape:
            raise WeightsMismatch(
                f"layer {number} of model {model.name!r}: no state {name!r} of shape "
                f"{value.shape}: it has {[(key, state.shape) for key, state in known.items()]}"
            )
        changes.append((known[name], value))
    return changes


def _compile(model: Trainer, training: Entry, extras: Extras | None) -> None:
    """Compile from a training_config, of tf_keras or of Keras 3."""
    known = active_custom_objects()
    names = model.output_names or []
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
        model.compiled.flags = _paired_flags(model, extras.compiled_trainable)


def _mapped(function: Any, structure: Any) -> Any:
    """Return the structure with `function` applied to each entry or name in it."""
    if isinstance(structure, Mapping) and "class_name" not in structure:
        return {key: _mapped(function, value) for key, value in structure.items()}
    if isinstance(structure, list | tuple):
        return [_mapped(function, item) for item in structure]
    return None if structure is None else function(structure)


def _metric(entry: Any) -> Any:
    if isinstance(entry, str) and entry in BY_SHAPE:
        return entry
    return metrics.deserialize(entry, custom_objects=active_custom_objects())


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


def _restore_optimizer(model: Trainer, state: ModelState) -> None:
    compiled = model.compiled
    if compiled is None or state.training is None:
        return
    extras = state.extras or Extras()
    _restore_metrics(model, extras.metrics)
    optimizer = compiled.optimizer
    arrays = state.optimizer
    if arrays is not None and len(arrays) > 1:
        if _is_legacy(arrays):
            _LOGGER.warning(
                "%s: the file holds the state of a legacy optimizer, which is not read: its "
                "weights are, and the optimizer starts afresh",
                model.name,
            )
            return
        weights = model.weights
        built_with = [weights[index] for index in extras.optimized] or model.trainable_weights
        optimizer.build(built_with)
    _assign_optimizer(optimizer, arrays or (), extras.optimizer)


def _is_legacy(arrays: Sequence[NamedArray]) -> bool:
    return arrays[0].name.rpartition("/")[2].startswith("iter:")


def _assign_optimizer(
    optimizer: Optimizer, arrays: Sequence[NamedArray], outside: Mapping[str, np.ndarray]
) -> None:
    values = [array.value for array in _without_rate(arrays)]
    if len(values) == 1:
        # No slots: no step was taken, or Keras 3's SGD without momentum, which has none.
        optimizer.iterations.assign(values[0])
    elif values:
        shapes = [value.shape for value in values]
        expected = [variable.shape for variable in optimizer.variables]
        if shapes != expected:
            raise OptimizerMismatch(
                f"optimizer {optimizer.name!r}: expected state of shapes {expected}, "
                f"found {shapes}; "
                "load with compile=False to do without it"
            )
        optimizer.set_weights(values)
    known = optimizer.extra_state | {"learning_rate": optimizer.learning_rate}
    for name, value in outside.items():
        if name not in known:
            raise OptimizerMismatch(
                f"optimizer {optimizer.name!r}: expected one of {sorted(known)}, found {name!r}"
            )
        known[name].assign(value)


def _without_rate(arrays: Sequence[NamedArray]) -> Sequence[NamedArray]:
    """Return the state without the learning rate, which Keras 3 lists second."""
    if len(arrays) > 1 and arrays[1].name.endswith("learning_rate"):
        return [arrays[0], *arrays[2:]]
    return arrays


def _restore_metrics(model: Trainer, values: Sequence[np.ndarray]) -> None:
    """Make the metrics, whose shapes a saved file has settled, and give them their state."""
    compiled = model.compiled
    if compiled is None or not values:
        return
    names = model.output_names or ["output_1"]
    compiled.prepare(names, [((None,), (None,))] * len(names))
    variables = [variable for metric in compiled.metrics for variable in metric.variables]
    if [variable.shape for variable in variables] != [value.shape for value in values]:
        raise OptimizerMismatch(
            f"model {model.name!r}: expected metric state of shapes "
            f"{[variable.shape for variable in variables]}, found {[v.shape for v in values]}"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
