"""Faults in the handling of a save or load: exceptions, crashes, hangs, changed live models."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import numpy as np

from saveproof.conformance.mutants.edits import Config
from saveproof.conformance.mutants.injection import (
    after,
    fault,
    instead,
    model_saved,
    put,
    weights_saved,
)
from saveproof.reference_impl import initializers, models
from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.layers import GRU, Conv2D, Dense, Dropout
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.saving import model_files
from saveproof.reference_impl.saving.hdf5 import model_h5, reader, writer
from saveproof.reference_impl.saving.model_state import capture
from saveproof.reference_impl.state import ModelState, NamedArray


def _holds(model: Trainer, kind: type[Layer]) -> bool:
    return any(isinstance(layer, kind) for layer in model.flatten_layers())


@model_saved
def saving_raises_for_conv2d(model: Trainer) -> None:
    """Saving a model with a `Conv2D` raises."""
    if _holds(model, Conv2D):
        raise TypeError(f"model {model.name!r}: can't write the strides of a convolution")


@after(models, "model_from_json")
def loading_raises_for_gru(model: Trainer) -> Trainer:
    """Loading a model with a `GRU` from JSON raises."""
    if _holds(model, GRU):
        raise KeyError("reset_after")
    return model


@model_saved
def saving_aborts_for_dropout(model: Trainer) -> None:
    """Saving a model with a `Dropout` aborts the process."""
    if _holds(model, Dropout):
        os.abort()


@after(model_h5, "model_from_state")
def loading_hangs_for_dropout(model: Trainer) -> Trainer:
    """Loading a model with a `Dropout` never returns."""
    while _holds(model, Dropout):
        time.sleep(1)
    return model


@model_saved
def saving_resets_metrics(model: Trainer) -> None:
    """Saving resets the metrics of the live model."""
    model.reset_metrics()


@model_saved
def saving_clears_slots(model: Trainer) -> None:
    """Saving sets the optimizer slots of the live model to zero."""
    if model.optimizer is not None:
        for slot in model.optimizer.variables[1:]:
            slot.assign(np.zeros(slot.shape))


@model_saved
def saving_stops_training(model: Trainer) -> None:
    """Saving sets the live model's `stop_training`, which belongs to no facet."""
    model.stop_training = True


@fault
def saving_spoils_later_saves() -> None:
    """A whole model that was saved before in another format is written without its slots."""
    formats: WeakKeyDictionary[Trainer, str] = WeakKeyDictionary()

    def forgetful(save_model: Callable[..., None]) -> Callable[..., None]:
        def saved(model: Trainer, target: Any, **options: Any) -> None:
            first = formats.setdefault(model, Path(target).suffix)
            spoilt.append(first != Path(target).suffix)
            save_model(model, target, **options)
            spoilt.clear()

        return saved

    def without_slots(model_state: Callable[..., ModelState]) -> Callable[..., ModelState]:
        def stated(model: Trainer, **options: Any) -> ModelState:
            state = model_state(model, **options)
            if not any(spoilt) or not state.optimizer:
                return state
            return replace(
                state, optimizer=(state.optimizer[0], *map(_zeroed, state.optimizer[1:]))
            )

        return stated

    spoilt: list[bool] = []
    put(model_files, "save_model", forgetful)
    put(capture, "model_state", without_slots)


@weights_saved
def saving_weights_thaws(model: Trainer) -> None:
    """Saving weights unfreezes the frozen layers of the live model."""
    model.trainable = True


@weights_saved
def saving_weights_rounds(model: Trainer) -> None:
    """Saving weights rounds the weights of the live model to half precision."""
    for weight in model.weights:
        weight.assign(weight.value.astype(np.float16).astype(weight.dtype))


def _accepts(_: Trainer) -> None:
    """Accept a model without weights."""


@fault
def unbuilt_model_accepted() -> None:
    """Saving accepts a subclassed model without weights."""
    put(model_files, "check_built", lambda _: _accepts)
    put(capture, "check_built", lambda _: _accepts)


@instead(capture, "check_built")
def unbuilt_model_refused_by_index(original: Callable[[Trainer], None]) -> Callable[..., None]:
    """A subclassed model without weights is refused with a bare `IndexError`."""

    def check_built(model: Trainer) -> None:
        try:
            original(model)
        except ValueError:
            raise IndexError("list index out of range") from None

    return check_built


@instead(model_files, "save_model")
def refused_by_key(original: Callable[..., None]) -> Callable[..., None]:
    """Saving a subclassed model as HDF5 is refused with a bare `KeyError`."""

    def save_model(*given: Any, **options: Any) -> None:
        try:
            original(*given, **options)
        except NotImplementedError:
            raise KeyError("config") from None

    return save_model


@fault
def weights_bring_the_iteration() -> None:
    """Loading weights also restores the optimizer's iteration, which must start at 0."""
    iterations: dict[str, np.ndarray] = {}

    def noting(save_weights: Callable[..., None]) -> Callable[..., None]:
        def noted(model: Trainer, target: Any, **options: Any) -> None:
            if model.optimizer is not None:
                iterations[str(target)] = model.optimizer.iterations.value
            save_weights(model, target, **options)

        return noted

    def bringing(load_weights: Callable[..., None]) -> Callable[..., None]:
        def brought(model: Trainer, source: Any, **options: Any) -> None:
            load_weights(model, source, **options)
            if model.optimizer is not None and str(source) in iterations:
                model.optimizer.iterations.assign(iterations[str(source)])

        return brought

    put(model_files, "save_weights", noting)
    put(model_files, "load_weights", bringing)


@instead(Dense, "get_config")
def config_holds_kernel(original: Callable[[Dense], Config]) -> Callable[[Dense], Config]:
    """`Dense.get_config` stores the trained kernel as a constant initializer."""

    def get_config(layer: Dense) -> Config:
        config = original(layer)
        if not layer.built:
            return config
        constant = initializers.Constant(np.asarray(layer.kernel.value, np.float64).tolist())
        return config | {"kernel_initializer": initializers.serialize(constant)}

    return get_config


@fault
def loaded_model_counts_twice() -> None:
    """A model that was loaded is written with twice its iteration."""
    loaded: WeakSet[Trainer] = WeakSet()

    def marked(load: Callable[..., Trainer]) -> Callable[..., Trainer]:
        def marking(*given: Any, **options: Any) -> Trainer:
            model = load(*given, **options)
            loaded.add(model)
            return model

        return marking

    def doubled(capture_state: Callable[..., ModelState]) -> Callable[..., ModelState]:
        def doubling(model: Trainer, **options: Any) -> ModelState:
            state = capture_state(model, **options)
            if model not in loaded or not state.optimizer:
                return state
            first, *slots = state.optimizer
            twice = NamedArray(first.name, np.asarray(first.value * 2))
            return replace(state, optimizer=(twice, *slots))

        return doubling

    put(model_h5, "model_from_state", marked)
    put(capture, "model_state", doubled)


@fault
def slots_kept_in_process() -> None:
    """The optimizer slots are kept in the saving process; the file holds zeros for them."""
    _kept_in_process("optimizer", lambda state: state and (state[0], *map(_zeroed, state[1:])))


@fault
def architecture_kept_in_process() -> None:
    """The architecture is kept in the saving process; the file holds only a name for it."""
    _kept_in_process("architecture", lambda _: {"class_name": "Registered", "config": {}})


def _zeroed(slot: NamedArray) -> NamedArray:
    return replace(slot, held=np.zeros_like(slot.value))


def _kept_in_process(part: str, left: Callable[[Any], Any]) -> None:
    """Reduce a part of the state by `left` on a write; restore it from memory on a read."""
    kept: dict[str, Any] = {}

    def writing(write: Callable[..., None]) -> Callable[..., None]:
        def written(state: ModelState, target: Path) -> None:
            kept[str(target)] = getattr(state, part)
            write(replace(state, **{part: left(getattr(state, part))}), target)

        return written

    def reading(read: Callable[[Path], ModelState]) -> Callable[[Path], ModelState]:
        def remembered(source: Path) -> ModelState:
            state = read(source)
            return replace(state, **{part: kept.get(str(source), getattr(state, part))})

        return remembered

    put(writer, "write_model", writing)
    put(reader, "read_model", reading)
