"""Faults in weights and in non-trainable state."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from saveproof.conformance.mutants.edits import edited_weights, with_weights
from saveproof.conformance.mutants.injection import instead, state_read, state_written, weights_read
from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.saving.model_state import restore
from saveproof.reference_impl.state import LayerWeights, ModelState, NamedArray, WeightsState


@instead(restore, "fitting")
def lost_weights(_: object) -> Callable[..., Any]:
    """Loading restores no weights, so all keep their initial values."""
    return lambda *_: []


@instead(restore, "fitting")
def lost_nested_weights(original: Callable[..., Any]) -> Callable[..., Any]:
    """Loading restores no weights of nested models."""

    def fitting(model: Trainer, weights: WeightsState) -> list[Any]:
        inner = [layer for layer in model.layers if isinstance(layer, Trainer)]
        left = {id(weight) for layer in inner for weight in layer.weights}
        return [pair for pair in original(model, weights) if id(pair[0]) not in left]

    return fitting


@state_written
def float64_as_float32(state: ModelState) -> ModelState:
    """float64 weights are stored as float32."""

    def narrowed(_: str, value: np.ndarray) -> np.ndarray:
        return value.astype(np.float32) if value.dtype == np.float64 else value

    return with_weights(state, narrowed)


@state_written
def last_bit_of_kernels(state: ModelState) -> ModelState:
    """Kernels are stored with the last bit changed."""

    def nudged(name: str, value: np.ndarray) -> np.ndarray:
        plain = "kernel" in name and value.dtype in (np.float32, np.float64)
        return np.nextafter(value, value.dtype.type(np.inf)) if plain else value

    return with_weights(state, nudged)


@state_read
def square_kernels_transposed(state: ModelState) -> ModelState:
    """Square kernels come back transposed."""

    def transposed(name: str, value: np.ndarray) -> np.ndarray:
        square = value.ndim == 2 and value.shape[0] == value.shape[1] > 1
        return np.ascontiguousarray(value.T) if square and "kernel" in name else value

    return with_weights(state, transposed)


@state_read
def equal_shapes_swapped(state: ModelState) -> ModelState:
    """Two successive weights of a layer come back swapped if they have the same shape."""
    layers = tuple(
        LayerWeights(group.layer, _swapped(group.weights)) for group in state.weights.layers
    )
    return replace(state, weights=replace(state.weights, layers=layers))


def _swapped(arrays: tuple[NamedArray, ...]) -> tuple[NamedArray, ...]:
    for first, second in pairwise(arrays):
        if first.value.shape == second.value.shape:
            exchanged = {first.name: second.value, second.name: first.value}
            return tuple(NamedArray(a.name, exchanged.get(a.name, a.value)) for a in arrays)
    return arrays


@state_read
def moving_statistics_fresh(state: ModelState) -> ModelState:
    """The moving statistics of batch normalization come back with their initial values."""

    def fresh(name: str, value: np.ndarray) -> np.ndarray:
        if "moving_mean" in name:
            return np.zeros_like(value)
        return np.ones_like(value) if "moving_variance" in name else value

    return with_weights(state, fresh)


@weights_read
def moving_variance_lost_from_weights(weights: WeightsState) -> WeightsState:
    """A weights file restores the moving mean, but the moving variance comes back as ones."""

    def fresh(name: str, value: np.ndarray) -> np.ndarray:
        return np.ones_like(value) if "moving_variance" in name else value

    return edited_weights(weights, fresh)


@weights_read
def layers_in_alphabetical_order(weights: WeightsState) -> WeightsState:
    """The layers in a weights file are read in alphabetical order."""
    return replace(weights, layers=tuple(sorted(weights.layers, key=lambda group: group.layer)))


@instead(Layer, "set_weights")
def set_weights_skips_biases(original: Callable[..., None]) -> Callable[..., None]:
    """`set_weights` does not set biases."""

    def set_weights(layer: Layer, weights: list[np.ndarray]) -> None:
        kept = [
            own.value if "bias" in own.name else given
            for own, given in zip(layer.weights, weights, strict=True)
        ]
        original(layer, kept)

    return set_weights
