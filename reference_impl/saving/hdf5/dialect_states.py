"""Conversion of a model's state to and from either dialect, for HDF5 files and archives."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.plain import json_text
from saveproof.reference_impl.saving.dialects.dialect import VERSIONS, Dialect
from saveproof.reference_impl.saving.dialects.entries import (
    EntryForm,
    entry_of,
    read_entry,
    shared_layers,
)
from saveproof.reference_impl.saving.dialects.training import compile_config
from saveproof.reference_impl.saving.hdf5.extras import OWN
from saveproof.reference_impl.saving.model_state.optimizer_lists import optimizer_list, unlisted
from saveproof.reference_impl.state import (
    Entry,
    Extras,
    LayerWeights,
    ModelState,
    NamedArray,
    WeightsState,
)

WRITTEN = "written"
"""Key in `Extras.own`: a checksum of the dialect's entries that were written with it."""


def keras_2_state(model: Trainer, state: ModelState) -> ModelState:
    """Return a model's state for Keras 2's HDF5; the extras record layers shared by models."""
    shared = shared_layers(model)
    if not shared or state.extras is None:
        return state
    own = {
        WRITTEN: _digest(state.architecture, state.training),
        "architecture": entry_of(model, EntryForm(Dialect.TF_KERAS, shared=shared)),
    }
    return replace(state, extras=replace(state.extras, own=own))


def keras_3_state(model: Trainer, state: ModelState) -> ModelState:
    """Return a model's state for Keras 3's HDF5."""
    compiled = model.compiled
    training, optimizer = state.training, state.optimizer
    if compiled is not None and training is not None:
        training = compile_config(compiled, Dialect.KERAS, with_module=False)
        optimizer = optimizer_list(compiled.optimizer, Dialect.KERAS)
    architecture = entry_of(model, EntryForm(Dialect.KERAS, with_module=False))
    return ModelState(
        architecture,
        keras_3_weights(state.weights),
        training,
        optimizer,
        extras_in_dialect(model, state, Dialect.KERAS, architecture, training),
        VERSIONS[Dialect.KERAS],
    )


def keras_3_weights(weights: WeightsState) -> WeightsState:
    """Return weights with Keras 3's names, which omit the output's number."""

    def named(arrays: Sequence[NamedArray]) -> tuple[NamedArray, ...]:
        return tuple(NamedArray(item.name.removesuffix(":0"), item.value) for item in arrays)

    return WeightsState(
        tuple(LayerWeights(layer.layer, named(layer.weights)) for layer in weights.layers),
        named(weights.top_level),
        weights.trainable,
    )


def extras_in_dialect(model: Trainer, state: ModelState, dialect: Dialect, *written: Any) -> Extras:
    """Return the extras with the entries that the dialect cannot express.

    `written` are the dialect's entries, whose checksum is added.
    """
    extras = state.extras or Extras()
    own: dict[str, Any] = {WRITTEN: _digest(*written)}
    if dialect is Dialect.KERAS:
        form = EntryForm(Dialect.TF_KERAS, shared=shared_layers(model))
        own["architecture"] = entry_of(model, form)
    if state.training is None or model.compiled is None:
        return replace(extras, own=own)
    own["training"] = compile_config(model.compiled, Dialect.TF_KERAS)
    left_out = unlisted(model.compiled.optimizer, dialect)
    return replace(extras, own=own, optimizer={**extras.optimizer, **left_out})


def from_dialect(state: ModelState, dialect: Dialect, *written: Any) -> ModelState:
    """Return a state that was read, with the entries in `Extras.own` if they are still valid.

    They are valid unless another program has changed the entries `written` in the dialect.
    """
    own = (state.extras.own if state.extras is not None else None) or {}
    if own.get(WRITTEN) != _digest(*written):
        own = {}
    architecture = own.get("architecture") or read_entry(state.architecture, dialect)
    training, places = state.training, state.places
    if own.get("architecture"):
        places = (f"{OWN}.architecture", places[1])
    if "training" in own and training is not None:
        training = hdf5_training(own["training"])
        places = (places[0], f"{OWN}.training")
    return replace(
        state,
        architecture=architecture,
        training=training,
        prefixed="training" not in own,
        places=places,
    )


def hdf5_training(settings: Entry | None) -> Entry | None:
    """Return compile settings for HDF5, which has another key for the optimizer."""
    if not settings:
        return None
    rest = {key: value for key, value in settings.items() if key != "optimizer"}
    return {**rest, "optimizer_config": settings.get("optimizer") or "rmsprop"}


def _digest(*entries: Any) -> int:
    """Return a checksum of entries, to detect changes by other programs."""
    return zlib.crc32(json_text(entries, sort_keys=True).encode())
