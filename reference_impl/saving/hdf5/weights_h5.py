"""Saving and loading of `.weights.h5`: a model's weights and training state."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from saveproof.reference_impl.custom_objects import registered_name
from saveproof.reference_impl.engine.model import Model
from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.metrics import Metric
from saveproof.reference_impl.naming import snake_case
from saveproof.reference_impl.optimizers import LegacyOptimizer, Optimizer
from saveproof.reference_impl.saving.dialects.dialect import Dialect
from saveproof.reference_impl.saving.format import FormatNotOffered, SaveOptions
from saveproof.reference_impl.saving.hdf5.object_paths import numbered, places_of
from saveproof.reference_impl.saving.hdf5.restore_tree import fitting_training, fitting_tree
from saveproof.reference_impl.saving.hdf5.weights_tree import (
    OPTIMIZER,
    Group,
    WeightsTree,
    numbered_group,
    read_weights_tree,
    write_weights_tree,
)
from saveproof.reference_impl.saving.model_state.assignments import commit
from saveproof.reference_impl.saving.model_state.capture import extras_of
from saveproof.reference_impl.saving.model_state.optimizer_lists import optimizer_list, unlisted
from saveproof.reference_impl.saving.model_state.restore import set_states
from saveproof.reference_impl.state import Extras, NamedArray


def save_weights_tree(model: Model, target: Path, options: SaveOptions) -> None:
    """Write `.weights.h5`: the weights, and the optimizer's state if the model is compiled."""
    dialect = options.dialect or Dialect.KERAS
    extras = extras_of(model, model.compiled)
    if model.compiled is not None:
        optimizer = model.compiled.optimizer
        extras = replace(
            extras,
            optimizer={**extras.optimizer, **unlisted(optimizer, dialect)},
            own={
                OPTIMIZER: class_of(optimizer),
                "optimized": [weight.name for weight in optimizer.built_for],
            },
        )
    tree = tree_of(model, dialect, extras, optimizer=True)
    write_weights_tree(tree, target, mark_bfloat16=dialect is Dialect.KERAS)


def tree_of(
    model: Trainer, dialect: Dialect, extras: Extras | None, *, optimizer: bool
) -> WeightsTree:
    """Return the weights of a model in the layout of `.weights.h5`."""
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
    """Return the metrics' state in tf_keras's layout, whose trained models require it."""
    used: Counter[str] = Counter()
    return {
        f"metrics/{numbered(snake_case(type(metric).__name__), used)}": numbered_group(
            [variable.value for variable in metric.variables]
        )
        for metric in metrics
    }


def is_index_of_shards(source: Path) -> bool:
    """Return whether this is the index of weights in several files."""
    return source.name.endswith(".weights.json")


def load_shards(model: Trainer, source: Path, *, by_name: bool, skip_mismatch: bool) -> None:
    """Load weights from several files, given by their index; see `load_tree`."""
    load_tree(
        model, read_weights_tree(source), source, by_name=by_name, skip_mismatch=skip_mismatch
    )


def load_tree(
    model: Trainer, tree: WeightsTree, source: Path, *, by_name: bool, skip_mismatch: bool
) -> None:
    """Load weights in `.weights.h5`'s layout into the model, all or none after an error.

    In a compiled model, optimizer and metrics are restored too; state of another optimizer or other
    metrics is skipped with a warning, as in Keras.

    Args:
        model: the model, built.
        tree: the content of the file.
        source: the file, for messages.
        by_name: whether to match layers by name.
        skip_mismatch: whether to skip layers that do not match, with a warning.

    Raises:
        FormatNotOffered: for `by_name`.
        WeightsMismatch: if a layer's weights do not match.
    """
    if by_name:
        raise FormatNotOffered(
            f"{source}: by_name is only for HDF5 in Keras 2's layout; this layout has no names"
        )
    extras = tree.extras or Extras()
    changes = fitting_tree(model, tree, skip_mismatch=skip_mismatch)
    changes += set_states(model, extras.layer_states)
    optimizer = optimizer_in(tree)
    if model.compiled is not None and optimizer is not None:
        kind = class_of(model.compiled.optimizer)
        changes += fitting_training(model, optimizer, extras, kind=kind, source=source)
    commit(changes)


def optimizer_in(tree: WeightsTree) -> tuple[NamedArray, ...] | None:
    """Return the optimizer's state; None if there is none."""
    if OPTIMIZER not in tree.groups:
        return None
    arrays = tree.groups[OPTIMIZER].numbered()
    return tuple(NamedArray(f"{OPTIMIZER}/{i}", array) for i, array in enumerate(arrays)) or None


def class_of(optimizer: Optimizer) -> str:
    """Return the registered name of the optimizer's class, or its own name."""
    legacy = "legacy." if isinstance(optimizer, LegacyOptimizer) else ""
    of = "" if optimizer.updating is optimizer else f" of {class_of(optimizer.updating)}"
    return f"{legacy}{registered_name(type(optimizer))}{of}"
