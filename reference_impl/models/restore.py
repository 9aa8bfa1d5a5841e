"""From a state to a live model: everything is found to fit before anything is changed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from reference_impl.autodiff import Variable
from reference_impl.custom_objects import custom_object_scope
from reference_impl.layers.base import Layer
from reference_impl.models.capture import (
    check_built,
    saved_layers,
    saved_weights,
    top_level_weights,
)
from reference_impl.models.flags import Flags, held, set_flags
from reference_impl.models.flags import paired as paired_with
from reference_impl.models.renumbering import UnclearNames, places_by_name
from reference_impl.models.restore_training import compile_from, paired_flags, restore_training
from reference_impl.models.trainer import Trainer
from reference_impl.nest import map_shapes
from reference_impl.serialization import MalformedEntry, deserialize_layer, sharing_layers
from reference_impl.state import Extras, LayerWeights, ModelState, NamedArray, WeightsState

Assignments = list[tuple[Variable, np.ndarray]]


class WeightsMismatch(ValueError):
    """The weights do not fit the model; the layer and both shapes are named. Nothing changed."""


def model_from_state(
    state: ModelState,
    *,
    custom_objects: Mapping[str, Any] | None = None,
    compile_it: bool = True,
    fit: Callable[[Trainer], Assignments] | None = None,
) -> Trainer:
    """Return the model of a state, compiled and with its optimizer's state where there is one.

    `fit` finds the weights in formats that have them otherwise than layer by layer.
    """
    with custom_object_scope(custom_objects or {}), sharing_layers():
        layer = deserialize_layer(state.architecture)
        if not isinstance(layer, Trainer):
            raise MalformedEntry(f"model_config: expected a model, found {type(layer).__name__}")
        if state.build is not None and not layer.built:
            layer.build(map_shapes(tuple, state.build))
        extras = state.extras
        if extras is not None:
            set_flags(paired_flags(layer, extras.trainable))
        changes = fit(layer) if fit is not None else fitting(layer, state.weights)
        if extras is not None:
            changes += set_states(layer, extras.layer_states)
        for variable, value in changes:
            variable.adopt(value)
        if compile_it and state.training is not None:
            compile_from(layer, state.training, extras, prefixed=state.prefixed)
            restore_training(layer, state.optimizer or (), extras or Extras())
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
    with held(_flags_then(model, weights)):
        listed = [saved_weights(layer) for layer in expected]
    in_order = bool(weights.trainable)
    for layer, variables, group in zip(expected, listed, found, strict=True):
        changes += paired(layer.name, variables, group.weights, in_order=in_order)
    own = top_level_weights(model)
    if own or weights.top_level:
        changes += paired(model.name, own, weights.top_level)
    return changes


def _flags_then(model: Trainer, weights: WeightsState) -> Flags:
    """Return the layers with the flags that they had when the weights were saved, if known."""
    return paired_with(model, weights.trainable) or []


def fitting_by_name(model: Trainer, weights: WeightsState) -> Assignments:
    """Return which variable takes which array, for layers whose names are in the state."""
    check_built(model)
    groups: Mapping[str, LayerWeights] = {group.layer: group for group in weights.layers}
    changes: Assignments = []
    with held(_flags_then(model, weights)):
        listed = [(layer, saved_weights(layer)) for layer in saved_layers(model)]
    in_order = bool(weights.trainable)
    for layer, variables in listed:
        if layer.name in groups:
            arrays = groups[layer.name].weights
            changes += paired(layer.name, variables, arrays, in_order=in_order)
    own = top_level_weights(model)
    if own and weights.top_level:
        changes += paired(model.name, own, weights.top_level)
    return changes


def paired(
    layer: str,
    variables: Sequence[Variable],
    arrays: Sequence[NamedArray],
    *,
    in_order: bool = False,
) -> Assignments:
    """Pair by name where the names are the same set, else by position.

    Unless they are known to be `in_order`, names that are the same but for their numbers count
    before the position: see `renumbering`.

    Raises:
        WeightsMismatch: if the number, a shape or a dtype does not fit.
    """
    if len(variables) != len(arrays):
        raise WeightsMismatch(
            f"layer {layer!r}: expected {len(variables)} weights "
            f"{[(variable.name, variable.shape) for variable in variables]}, found {len(arrays)} "
            f"{[(array.name, array.value.shape) for array in arrays]}; nothing was changed"
        )
    names = [variable.name for variable in variables]
    try:
        found = [array.name for array in arrays]
        places = places_by_name(names, found, where=f"layer {layer!r}", in_order=in_order)
    except UnclearNames as error:
        raise WeightsMismatch(str(error)) from error
    ordered = [arrays[place] for place in places]
    changes: Assignments = []
    for variable, array in zip(variables, ordered, strict=True):
        value = _in_dtype(array.value, variable.dtype)
        if variable.shape != value.shape:
            raise WeightsMismatch(
                f"layer {layer!r}: weight {variable.name!r} has shape {variable.shape}, "
                f"found {array.name!r} of shape {value.shape}; nothing was changed"
            )
        if value.dtype.kind not in "fiub" and value.dtype != variable.dtype:
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


def set_states(model: Layer, states: Mapping[str, np.ndarray]) -> Assignments:
    """Return which state, that is no weight, of which layer takes which array."""
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
