"""Restoration of a live model from a state; everything is checked before anything changes."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from saveproof.reference_impl.custom_objects import custom_object_scope
from saveproof.reference_impl.engine.flags import Flags, held, set_flags
from saveproof.reference_impl.engine.flags import paired as paired_with
from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.serialization import deserialize_layer, sharing_layers
from saveproof.reference_impl.limits import building, held_by
from saveproof.reference_impl.loading import MalformedEntry, at
from saveproof.reference_impl.nest import map_shapes
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.saving.model_state.assignments import (
    Assignments,
    WeightsMismatch,
    assignment,
    commit,
)
from saveproof.reference_impl.saving.model_state.capture import (
    check_built,
    saved_layers,
    saved_weights,
    top_level_weights,
)
from saveproof.reference_impl.saving.model_state.renumbering import UnclearNames, places_by_name
from saveproof.reference_impl.saving.model_state.restore_training import (
    compile_from,
    paired_flags,
    restore_training,
)
from saveproof.reference_impl.state import (
    Extras,
    LayerWeights,
    ModelState,
    NamedArray,
    WeightsState,
)

_LOGGER = logging.getLogger(__name__)


def model_from_state(
    state: ModelState,
    *,
    custom_objects: Mapping[str, Any] | None = None,
    compile_it: bool = True,
    fit: Callable[[Trainer], Assignments] | None = None,
    held: int | None = None,
) -> Trainer:
    """Return the model of a state, compiled and with its optimizer's state if the state has them.

    `fit` matches the weights in formats that do not list them layer by layer; `held` is the number
    of bytes of weights in the file.

    Raises:
        TooLarge: if the configuration requires far more weights than the file contains.
    """
    if held is None:
        listed = (item for layer in state.weights.layers for item in layer.weights)
        held = held_by(item.held for item in (*listed, *state.weights.top_level))
    with building(held=held), custom_object_scope(custom_objects or {}), sharing_layers():
        with at(state.places[0]):
            layer = deserialize_layer(state.architecture)
            if not isinstance(layer, Trainer):
                raise MalformedEntry(f"expected a model, found {type(layer).__name__}")
            if state.build is not None and not layer.built:
                with at("build_config", "input_shape"):
                    layer.build(map_shapes(tuple, state.build))
        extras = state.extras
        if extras is not None:
            set_flags(paired_flags(layer, extras.trainable))
        changes = fit(layer) if fit is not None else fitting(layer, state.weights)
        if extras is not None:
            changes += set_states(layer, extras.layer_states)
        commit(changes)
        if compile_it and state.training is not None:
            with at(state.places[1]):
                compile_from(layer, state.training, extras, prefixed=state.prefixed)
            restore_training(layer, state.optimizer or (), extras or Extras())
    return layer


def fitting(model: Trainer, weights: WeightsState) -> Assignments:
    """Return the assignments of arrays to variables, matching layers with weights in order.

    Raises:
        WeightsMismatch: if the numbers of layers or weights, or a shape, do not match, or the same
            layers are in another order.
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
    _check_order([layer.name for layer in expected], [group.layer for group in found], model.name)
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


def _check_order(expected: Sequence[str], found: Sequence[str], model: str) -> None:
    """Refuse the model's own layers in another order: equal shapes would hide the exchange."""
    if expected != found and set(expected) == set(found):
        raise WeightsMismatch(
            f"model {model!r}: expected its layers in their order {list(expected)}, found them in "
            f"the order {list(found)}; create them in that order, or load with by_name=True"
        )


def _flags_then(model: Trainer, weights: WeightsState) -> Flags:
    """Return the layers with their trainable flags at the time of the save, if known."""
    return paired_with(model, weights.trainable) or []


def fitting_by_name(
    model: Trainer, weights: WeightsState, *, skip_mismatch: bool = False
) -> Assignments:
    """Return the assignments of arrays to variables for layers whose names are in the state.

    With `skip_mismatch`, layers that do not match are skipped with a warning.
    """
    check_built(model)
    groups: Mapping[str, LayerWeights] = {group.layer: group for group in weights.layers}
    changes: Assignments = []
    with held(_flags_then(model, weights)):
        listed = [(layer, saved_weights(layer)) for layer in saved_layers(model)]
    in_order = bool(weights.trainable)
    for layer, variables in listed:
        if layer.name in groups:
            arrays = groups[layer.name].weights
            pair = partial(paired, layer.name, variables, arrays, in_order=in_order)
            changes += left_if(pair, skip_mismatch=skip_mismatch)
    own = top_level_weights(model)
    if own and weights.top_level:
        pair = partial(paired, model.name, own, weights.top_level)
        changes += left_if(pair, skip_mismatch=skip_mismatch)
    return changes


def left_if(pair: Callable[[], Assignments], *, skip_mismatch: bool) -> Assignments:
    """Return the assignments; none, with a warning, if they do not match and `skip_mismatch`."""
    try:
        return pair()
    except WeightsMismatch as error:
        if not skip_mismatch:
            raise
        _LOGGER.warning("not loaded: %s", str(error).removesuffix("; nothing was changed"))
        return []


def paired(
    layer: str,
    variables: Sequence[Variable],
    arrays: Sequence[NamedArray],
    *,
    in_order: bool = False,
) -> Assignments:
    """Return the assignments of arrays to variables of a layer.

    They are matched by name if the sets of names are equal; otherwise, unless known to be
    `in_order`, by name without numbers (see `renumbering`); otherwise by position.

    Raises:
        WeightsMismatch: if the number, a shape or a dtype does not match.
    """
    if len(variables) != len(arrays):
        raise WeightsMismatch(
            f"layer {layer!r}: expected {len(variables)} weights "
            f"{[(variable.name, variable.shape) for variable in variables]}, found {len(arrays)} "
            f"{[(array.name, array.held.shape) for array in arrays]}; nothing was changed"
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
        changes.append(assignment(variable, array.name, array.held, f"layer {layer!r}"))
    return changes


def set_states(model: Layer, states: Mapping[str, np.ndarray]) -> Assignments:
    """Return the assignments of arrays to layer states that are not weights."""
    layers = list(model.flatten_layers())
    changes: Assignments = []
    for place, value in states.items():
        number, _, name = place.partition("/")
        there = number.isdecimal() and int(number) < len(layers)
        known = layers[int(number)].extra_state if there else {}
        if name not in known or known[name].shape != value.shape:
            raise WeightsMismatch(
                f"layer {number} of model {model.name!r}: expected the states "
                f"{[(key, state.shape) for key, state in known.items()]}, "
                f"found {name!r} of shape {value.shape}"
            )
        changes.append(assignment(known[name], place, value, f"layer {number}"))
    return changes
