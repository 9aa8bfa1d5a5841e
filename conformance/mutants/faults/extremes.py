"""Faults that begin at a size, a count, a number or a name that few models have."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from saveproof.conformance.mutants.edits import edited_weights, with_iteration, with_weights
from saveproof.conformance.mutants.injection import (
    instead,
    model_saved,
    state_written,
    weights_written,
)
from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.saving.checkpoint import bundle_writer
from saveproof.reference_impl.saving.hdf5.writer_parts import GroupWriter
from saveproof.reference_impl.state import ModelState, WeightsState

LARGE = 64 * 1024
"""Bytes of the smallest array that is large."""

MANY_STEPS = 100


def _without_end(value: np.ndarray) -> np.ndarray:
    """Return a large array with its last row replaced by the one before it."""
    if value.nbytes < LARGE or len(value) < 2:
        return value
    return np.concatenate([value[:-1], value[-2:-1]])


@state_written
def last_row_of_large_weights(state: ModelState) -> ModelState:
    """A weight of 64 KiB or more is written with its last row replaced by the row before it."""
    return with_weights(state, lambda _, value: _without_end(value))


@instead(bundle_writer, "_write_value")
def last_row_of_large_tensors(original: Callable[..., Any]) -> Callable[..., Any]:
    """A checkpoint has each tensor of 64 KiB or more with its last row replaced by another."""
    return lambda file, value: original(file, _without_end(value) if value.ndim else value)


@state_written
def iteration_modulo_a_hundred(state: ModelState) -> ModelState:
    """The optimizer's iteration is written without its hundreds."""
    return with_iteration(state, lambda iteration: iteration % MANY_STEPS)


@state_written
def iteration_in_a_byte(state: ModelState) -> ModelState:
    """The optimizer's iteration is written as a signed byte."""
    return with_iteration(state, lambda iteration: iteration.astype(np.int8))


def _finite(value: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(value), value, np.zeros_like(value))


@state_written
def non_finite_weights_as_zero(state: ModelState) -> ModelState:
    """A NaN or an infinity in a weight is written as 0."""
    return with_weights(state, lambda _, value: _finite(value))


@weights_written
def infinity_as_the_largest_number(weights: WeightsState) -> WeightsState:
    """An infinity in a weight is written to a weights file as the largest finite number."""

    def clipped(_: str, value: np.ndarray) -> np.ndarray:
        return np.nan_to_num(value, nan=np.nan) if value.dtype.kind == "f" else value

    return edited_weights(weights, clipped)


@instead(GroupWriter, "dataset")
def subnormals_flushed(original: Callable[..., None]) -> Callable[..., None]:
    """A subnormal number in an array of an HDF5 file or an archive is written as 0."""

    def dataset(group: GroupWriter, name: str, value: np.ndarray, **options: Any) -> None:
        if value.dtype.kind == "f":
            small = np.abs(value) < np.finfo(value.dtype).smallest_normal
            value = np.where(small & (value != 0), np.zeros_like(value), value)
        original(group, name, value, **options)

    return dataset


@model_saved
def names_in_latin_1(model: Trainer) -> None:
    """Saving encodes the names of layers in Latin-1, and raises where that has no such letter."""
    for layer in model.flatten_layers():
        layer.name.encode("latin-1")


@state_written
def name_of_model_in_ascii(state: ModelState) -> ModelState:
    """The name of a model is written without its characters outside ASCII."""
    config = state.architecture["config"]
    plain = config["name"].encode("ascii", "ignore").decode()
    entry = {**state.architecture, "config": {**config, "name": plain or "model"}}
    return replace(state, architecture=entry)
