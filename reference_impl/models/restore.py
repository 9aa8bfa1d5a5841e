"""From a state to a live model: everything is found to fit before anything is changed."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from reference_impl.autodiff import Variable
from reference_impl.custom_objects import custom_object_scope
from reference_impl.layers.base import Layer
from reference_impl.layers.policy import is_floating
from reference_impl.layers.weights import numbers
from reference_impl.models.capture import (
    check_built,
    saved_layers,
    saved_weights,
    top_level_weights,
)
from reference_impl.models.flags import set_flags
from reference_impl.models.restore_training import compile_from, paired_flags, restore_training
from reference_impl.models.trainer import Trainer
from reference_impl.nest import map_shapes
from reference_impl.serialization import MalformedEntry, deserialize_layer, sharing_layers
from reference_impl.state import Extras, LayerWeights, ModelState, NamedArray, WeightsState

_LOGGER = logging.getLogger(__name__)

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
    for layer, group in zip(expected, found, strict=True):
        changes += paired(layer.name, saved_weights(layer), group.weights)
    own = top_level_weights(model)
    if own or weights.top_level:
        changes += paired(model.name, own, weights.top_level)
    return changes


def fitting_by_name(
    model: Trainer, weights: WeightsState, *, skip_mismatch: bool = False
) -> Assignments:
    """Return which variable takes which array, for layers whose names are in the state.

    With `skip_mismatch` layers that do not fit are left, with a warning.
    """
    check_built(model)
    groups: Mapping[str, LayerWeights] = {group.layer: group for group in weights.layers}
    changes: Assignments = []
    for layer in saved_layers(model):
        if layer.name in groups:
            pair = partial(paired, layer.name, saved_weights(layer), groups[layer.name].weights)
            changes += left_if(pair, skip_mismatch=skip_mismatch)
    own = top_level_weights(model)
    if own and weights.top_level:
        pair = partial(paired, model.name, own, weights.top_level)
        changes += left_if(pair, skip_mismatch=skip_mismatch)
    return changes


def left_if(pair: Callable[[], Assignments], *, skip_mismatch: bool) -> Assignments:
    """Return what is paired; nothing, with a warning, where it does not fit and may be left."""
    try:
        return pair()
    except WeightsMismatch as error:
        if not skip_mismatch:
            raise
        _LOGGER.warning("left as it is: %s", str(error).removesuffix("; nothing was changed"))
        return []


def paired(layer: str, variables: Sequence[Variable], arrays: Sequence[NamedArray]) -> Assignments:
    """Pair by name where the names are the same set, else by position.

    Raises:
        WeightsMismatch: if the number, a shape or a dtype does not fit.
    """
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
        value = numbers(array.value)
        if variable.shape != value.shape:
            raise WeightsMismatch(
                f"layer {layer!r}: weight {variable.name!r} has shape {variable.shape}, "
                f"found {array.name!r} of shape {value.shape}; nothing was changed"
            )
        if value.dtype.kind not in "fiub" and not is_floating(value.dtype):
            raise WeightsMismatch(
                f"layer {layer!r}: weight {variable.name!r} of dtype {variable.dtype} can't take "
                f"{array.name!r} of dtype {value.dtype}; nothing was changed"
            )
        changes.append((variable, value))
    return changes


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
