"""Functions that return edited copies of states and configs."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from saveproof.reference_impl.state import LayerWeights, ModelState, NamedArray, WeightsState

Config = dict[str, Any]

ArrayEdit = Callable[[str, np.ndarray], np.ndarray]
"""A function from an array's name and value to its new value."""


def with_weights(state: ModelState, edit: ArrayEdit) -> ModelState:
    """Return the state with every weight edited."""
    return replace(state, weights=edited_weights(state.weights, edit))


def edited_weights(weights: WeightsState, edit: ArrayEdit) -> WeightsState:
    """Return the weights with every array edited."""
    layers = tuple(
        LayerWeights(group.layer, edited_arrays(group.weights, edit)) for group in weights.layers
    )
    return WeightsState(layers, edited_arrays(weights.top_level, edit))


def with_slots(state: ModelState, edit: ArrayEdit) -> ModelState:
    """Return the state with every optimizer slot edited, and the iteration unchanged."""
    if state.optimizer is None:
        return state
    iteration, *slots = state.optimizer
    return replace(state, optimizer=(iteration, *edited_arrays(tuple(slots), edit)))


def with_iteration(state: ModelState, edit: Callable[[np.ndarray], np.ndarray]) -> ModelState:
    """Return the state with the optimizer's iteration edited."""
    if not state.optimizer:
        return state
    first, *slots = state.optimizer
    edited = np.asarray(edit(first.value), first.value.dtype)
    return replace(state, optimizer=(NamedArray(first.name, edited), *slots))


def edited_arrays(arrays: tuple[NamedArray, ...], edit: ArrayEdit) -> tuple[NamedArray, ...]:
    """Return the arrays with every value edited."""
    return tuple(NamedArray(array.name, edit(array.name, array.value)) for array in arrays)


def with_layers(state: ModelState, edit: Callable[[Config], None]) -> ModelState:
    """Return the state with the config entry of every layer edited, including nested layers."""
    return replace(state, architecture=edited_layers(state.architecture, edit))


def edited_layers(architecture: Any, edit: Callable[[Config], None]) -> Any:
    """Return a copy of a model's config entry with the entry of every layer edited."""
    edited = copy.deepcopy(architecture)
    for entry in _layers(edited["config"]):
        edit(entry)
    return edited


def _layers(config: Any) -> Iterator[Config]:
    for entry in config["layers"]:
        yield entry
        if "layers" in entry["config"]:
            yield from _layers(entry["config"])


def with_training(state: ModelState, **changes: Any) -> ModelState:
    """Return the state with changed compile settings."""
    return (
        state if state.training is None else replace(state, training={**state.training, **changes})
    )


def with_optimizer(state: ModelState, edit: Callable[[Config], None]) -> ModelState:
    """Return the state with the optimizer's config edited."""
    if state.training is None:
        return state
    entry = copy.deepcopy(state.training["optimizer_config"])
    edit(entry["config"])
    return with_training(state, optimizer_config=entry)


def with_extras(state: ModelState, **changes: Any) -> ModelState:
    """Return the state with changed extras."""
    return (
        state if state.extras is None else replace(state, extras=replace(state.extras, **changes))
    )
