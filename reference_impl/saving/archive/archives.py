"""`.keras` archives and `.weights.h5` of models, and HDF5 in the words of Keras 3."""

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from saveproof.reference_impl.config_types import fitted
from saveproof.reference_impl.custom_objects import registered_name
from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.limits import held_by
from saveproof.reference_impl.loading import at
from saveproof.reference_impl.metrics import Metric
from saveproof.reference_impl.naming import snake_case
from saveproof.reference_impl.optimizers import LegacyOptimizer, Optimizer
from saveproof.reference_impl.plain import json_text
from saveproof.reference_impl.saving.archive.zip_archive import (
    CONFIG,
    METADATA,
    Archive,
    read_archive,
    write_archive,
)
from saveproof.reference_impl.saving.dialects.dialect import (
    VERSIONS,
    Dialect,
    dialect_of_entry,
    dialect_of_version,
)
from saveproof.reference_impl.saving.dialects.entries import (
    Words,
    entry_of,
    read_entry,
    shared_layers,
)
from saveproof.reference_impl.saving.dialects.training import (
    compile_config,
    optimizer_list,
    unlisted,
)
from saveproof.reference_impl.saving.hdf5.extras import OWN
from saveproof.reference_impl.saving.hdf5.object_paths import numbered, places_of
from saveproof.reference_impl.saving.hdf5.restore_tree import fitting_training, fitting_tree
from saveproof.reference_impl.saving.hdf5.weights_tree import (
    OPTIMIZER,
    Group,
    WeightsTree,
    numbered_group,
    write_weights_tree,
)
from saveproof.reference_impl.saving.model_state.assignments import commit
from saveproof.reference_impl.saving.model_state.capture import check_complete, extras_of
from saveproof.reference_impl.saving.model_state.restore import model_from_state, set_states
from saveproof.reference_impl.state import (
    Entry,
    Extras,
    LayerWeights,
    ModelState,
    NamedArray,
    WeightsState,
)

BUILD = "build_config"
COMPILE = "compile_config"
WRITTEN = "written"
"""Keys of a configuration, and of the extras' own words."""


def save_archive(model: Trainer, target: Path, state: ModelState, *, dialect: Dialect) -> None:
    """Write a whole model as `.keras`.

    Args:
        model: the model.
        target: the file.
        state: the model's, of which the optimizer may have been left out.
        dialect: whose loaders are to read it.
    """
    compiled = None if state.training is None else model.compiled
    config = entry_of(model, Words(dialect, shared=shared_layers(model)))
    if compiled is not None:
        config[COMPILE] = compile_config(compiled, dialect)
    metadata = {
        "keras_version": VERSIONS[dialect],
        "date_saved": datetime.now(UTC).strftime("%Y-%m-%d@%H:%M:%S"),
    }
    extras = None if state.extras is None else _in_dialect(model, state, dialect, config)
    archive = Archive(config, _tree(model, dialect, extras, optimizer=bool(compiled)), metadata)
    write_archive(archive, target, mark_bfloat16=dialect is Dialect.KERAS)


def _in_dialect(model: Trainer, state: ModelState, dialect: Dialect, *written: Any) -> Extras:
    """Return the extras with what the dialect has no words for, beside what is `written` in its."""
    extras = state.extras or Extras()
    own: dict[str, Any] = {WRITTEN: _digest(*written)}
    if dialect is Dialect.KERAS:
        words = Words(Dialect.TF_KERAS, shared=shared_layers(model))
        own["architecture"] = entry_of(model, words)
    if state.training is None or model.compiled is None:
        return replace(extras, own=own)
    own["training"] = compile_config(model.compiled, Dialect.TF_KERAS)
    left_out = unlisted(model.compiled.optimizer, dialect)
    return replace(extras, own=own, optimizer={**extras.optimizer, **left_out})


def _digest(*entries: Any) -> int:
    """Return a checksum of entries, by which another program's changes in them show."""
    return zlib.crc32(json_text(entries, sort_keys=True).encode())


def _tree(
    model: Trainer, dialect: Dialect, extras: Extras | None, *, optimizer: bool
) -> WeightsTree:
    groups: dict[str, Group] = {}
    for place in places_of(model, dialect):
        name = place.name if dialect is Dialect.KERAS else None
        groups[place.path] = numbered_group([v.value for v in place.variables], name)
    if optimizer and model.compiled is not None:
        made = model.compiled.optimizer
        arrays = [item.value for item in optimizer_list(made, dialect)]
        name = made.name if dialect is Dialect.KERAS else None
        groups[OPTIMIZER] = numbered_group(arrays, name)
        if dialect is Dialect.TF_KERAS:
            groups |= _metric_groups(model.compiled.metrics)
    return WeightsTree(groups, extras)


def _metric_groups(metrics: Sequence[Metric]) -> dict[str, Group]:
    """Return the metrics' state as tf_keras has it: a model that has trained asks for it."""
    used: Counter[str] = Counter()
    return {
        f"metrics/{numbered(snake_case(type(metric).__name__), used)}": numbered_group(
            [variable.value for variable in metric.variables]
        )
        for metric in metrics
    }


class ModelEntry(TypedDict):
    """What an entry of a model has beside its class."""

    compile_config: NotRequired[Entry | None]
    build_config: NotRequired[Entry | None]


def load_archive(
    source: Path, *, custom_objects: Mapping[str, Any] | None = None, compile_it: bool = True
) -> Trainer:
    """Return the model of a `.keras` archive of either dialect."""
    archive = read_archive(source)
    with at(CONFIG):
        told = fitted(archive.config, ModelEntry)
    dialect = _dialect_of(archive)
    tree = archive.weights
    state = ours(
        ModelState(
            architecture=archive.config,
            weights=WeightsState(()),
            training=_training(told.get(COMPILE)),
            optimizer=_optimizer_of(tree),
            extras=tree.extras,
            places=(CONFIG, f"{CONFIG}.{COMPILE}"),
        ),
        dialect,
        archive.config,
    )
    state = replace(state, build=(told.get(BUILD) or {}).get("input_shape"))
    return model_from_state(
        state,
        custom_objects=custom_objects,
        compile_it=compile_it,
        fit=lambda model: fitting_tree(model, tree),
        held=held_by(array for group in tree.groups.values() for array in group.arrays.values()),
    )


def _dialect_of(archive: Archive) -> Dialect:
    with at(METADATA, "keras_version"):
        version = fitted(archive.metadata.get("keras_version"), str | None)
        return dialect_of_entry(archive.config) if version is None else dialect_of_version(version)


def _training(settings: Entry | None) -> Entry | None:
    """Return compile settings in the words of HDF5, which has the optimizer under another key."""
    if not settings:
        return None
    rest = {key: value for key, value in settings.items() if key != "optimizer"}
    return {**rest, "optimizer_config": settings.get("optimizer") or "rmsprop"}


def ours(state: ModelState, dialect: Dialect, *written: Any) -> ModelState:
    """Return a state that was read in our words: the file's own ones where it has them.

    They count as long as what is `written` in the dialect's words is as it was written with them.
    """
    own = (state.extras.own if state.extras is not None else None) or {}
    if own.get(WRITTEN) != _digest(*written):
        own = {}
    architecture = own.get("architecture") or read_entry(state.architecture, dialect)
    training, places = state.training, state.places
    if own.get("architecture"):
        places = (f"{OWN}.architecture", places[1])
    if "training" in own and training is not None:
        training = _training(own["training"])
        places = (places[0], f"{OWN}.training")
    return replace(
        state,
        architecture=architecture,
        training=training,
        prefixed="training" not in own,
        places=places,
    )


def _optimizer_of(tree: WeightsTree) -> tuple[NamedArray, ...] | None:
    if OPTIMIZER not in tree.groups:
        return None
    arrays = tree.groups[OPTIMIZER].numbered()
    return tuple(NamedArray(f"{OPTIMIZER}/{i}", array) for i, array in enumerate(arrays)) or None


def keras_3_state(model: Trainer, state: ModelState) -> ModelState:
    """Return a model's state as Keras 3 has it in HDF5."""
    compiled = model.compiled
    training, optimizer = state.training, state.optimizer
    if compiled is not None and training is not None:
        training = compile_config(compiled, Dialect.KERAS, whole=False)
        optimizer = optimizer_list(compiled.optimizer, Dialect.KERAS)
    architecture = entry_of(model, Words(Dialect.KERAS, whole=False))
    return ModelState(
        architecture,
        keras_3_weights(state.weights),
        training,
        optimizer,
        _in_dialect(model, state, Dialect.KERAS, architecture, training),
        VERSIONS[Dialect.KERAS],
    )


def keras_2_state(model: Trainer, state: ModelState) -> ModelState:
    """Return a model's state as HDF5 of Keras 2 has it, with word of layers in several models."""
    shared = shared_layers(model)
    if not shared or state.extras is None:
        return state
    own = {
        WRITTEN: _digest(state.architecture, state.training),
        "architecture": entry_of(model, Words(Dialect.TF_KERAS, shared=shared)),
    }
    return replace(state, extras=replace(state.extras, own=own))


def keras_3_weights(weights: WeightsState) -> WeightsState:
    """Return weights under the names that Keras 3 gives them, without a number of the output."""

    def named(arrays: Sequence[NamedArray]) -> tuple[NamedArray, ...]:
        return tuple(NamedArray(item.name.removesuffix(":0"), item.value) for item in arrays)

    return WeightsState(
        tuple(LayerWeights(layer.layer, named(layer.weights)) for layer in weights.layers),
        named(weights.top_level),
        weights.trainable,
    )


def save_weights_tree(model: Trainer, target: Path, *, dialect: Dialect) -> None:
    """Write `.weights.h5`: the weights, and the optimizer's state if the model is compiled.

    Raises:
        UnbuiltModel: if the model has no weights yet.
    """
    check_complete(model)
    extras = extras_of(model, model.compiled)
    if model.compiled is not None:
        optimizer = model.compiled.optimizer
        extras = replace(
            extras,
            optimizer={**extras.optimizer, **unlisted(optimizer, dialect)},
            own={OPTIMIZER: class_of(optimizer)},
        )
    tree = _tree(model, dialect, extras, optimizer=True)
    write_weights_tree(tree, target, mark_bfloat16=dialect is Dialect.KERAS)


def load_weights_tree(
    model: Trainer, tree: WeightsTree, source: Path, *, skip_mismatch: bool = False
) -> None:
    """Put weights in the layout of `.weights.h5` into the model, all or none.

    A compiled model takes the state of its optimizer and metrics, too; where that is of others it
    is left, with a warning, as in Keras.

    Args:
        model: the model, built.
        tree: what the file holds.
        source: the file, for messages.
        skip_mismatch: whether layers that do not fit are left, with a warning.

    Raises:
        WeightsMismatch: if a layer's weights do not fit.
    """
    extras = tree.extras or Extras()
    changes = fitting_tree(model, tree, skip_mismatch=skip_mismatch)
    changes += set_states(model, extras.layer_states)
    optimizer = _optimizer_of(tree)
    if model.compiled is not None and optimizer is not None:
        kind = class_of(model.compiled.optimizer)
        changes += fitting_training(model, optimizer, extras, kind=kind, source=source)
    commit(changes)


def class_of(optimizer: Optimizer) -> str:
    """Return the name of the optimizer's class, registered or its own."""
    legacy = "legacy." if isinstance(optimizer, LegacyOptimizer) else ""
    return f"{legacy}{registered_name(type(optimizer))}"
