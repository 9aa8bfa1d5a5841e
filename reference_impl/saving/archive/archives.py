"""Saving and loading of `.keras` archives."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from saveproof.reference_impl.config_types import checked
from saveproof.reference_impl.engine.model import Model
from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.limits import held_by
from saveproof.reference_impl.loading import at
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
from saveproof.reference_impl.saving.dialects.entries import EntryForm, entry_of, shared_layers
from saveproof.reference_impl.saving.dialects.training import compile_config
from saveproof.reference_impl.saving.format import SaveOptions
from saveproof.reference_impl.saving.hdf5.dialect_states import (
    extras_in_dialect,
    from_dialect,
    hdf5_training,
)
from saveproof.reference_impl.saving.hdf5.restore_tree import fitting_tree
from saveproof.reference_impl.saving.hdf5.weights_h5 import load_tree, optimizer_in, tree_of
from saveproof.reference_impl.saving.model_state import capture
from saveproof.reference_impl.saving.model_state.restore import model_from_state
from saveproof.reference_impl.state import Entry, ModelState, WeightsState

BUILD = "build_config"
COMPILE = "compile_config"
"""Keys of a configuration."""


def save_archive(model: Model, target: Path, options: SaveOptions) -> None:
    """Write a whole model as `.keras`."""
    dialect = options.dialect or Dialect.KERAS
    state = capture.model_state(model, include_optimizer=options.include_optimizer)
    compiled = None if state.training is None else model.compiled
    config = entry_of(model, EntryForm(dialect, shared=shared_layers(model)))
    if compiled is not None:
        config[COMPILE] = compile_config(compiled, dialect)
    metadata = {
        "keras_version": VERSIONS[dialect],
        "date_saved": datetime.now(UTC).strftime("%Y-%m-%d@%H:%M:%S"),
    }
    extras = None if state.extras is None else extras_in_dialect(model, state, dialect, config)
    archive = Archive(config, tree_of(model, dialect, extras, optimizer=bool(compiled)), metadata)
    write_archive(archive, target, mark_bfloat16=dialect is Dialect.KERAS)


class ModelEntry(TypedDict):
    """The keys of a model's entry besides its class."""

    compile_config: NotRequired[Entry | None]
    build_config: NotRequired[Entry | None]


def load_archive(
    source: Path, *, custom_objects: Mapping[str, Any] | None = None, compile_it: bool = True
) -> Trainer:
    """Return the model of a `.keras` archive of either dialect."""
    archive = read_archive(source)
    with at(CONFIG):
        entry = checked(archive.config, ModelEntry)
    dialect = _dialect_of(archive)
    tree = archive.weights
    state = from_dialect(
        ModelState(
            architecture=archive.config,
            weights=WeightsState(()),
            training=hdf5_training(entry.get(COMPILE)),
            optimizer=optimizer_in(tree),
            extras=tree.extras,
            places=(CONFIG, f"{CONFIG}.{COMPILE}"),
        ),
        dialect,
        archive.config,
    )
    state = replace(state, build=(entry.get(BUILD) or {}).get("input_shape"))
    return model_from_state(
        state,
        custom_objects=custom_objects,
        compile_it=compile_it,
        fit=lambda model: fitting_tree(model, tree),
        held=held_by(array for group in tree.groups.values() for array in group.arrays.values()),
    )


def _dialect_of(archive: Archive) -> Dialect:
    with at(METADATA, "keras_version"):
        version = checked(archive.metadata.get("keras_version"), str | None)
        return dialect_of_entry(archive.config) if version is None else dialect_of_version(version)


def load_archive_weights(
    model: Trainer, source: Path, *, by_name: bool, skip_mismatch: bool
) -> None:
    """Load the weights of a `.keras` archive into the model; see `load_tree`."""
    tree = read_archive(source).weights
    load_tree(model, tree, source, by_name=by_name, skip_mismatch=skip_mismatch)
