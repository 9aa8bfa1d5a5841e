"""Matching of a model's variables with the arrays of a `.weights.h5` file."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.saving.hdf5.object_paths import WALKS, Place, Walk
from saveproof.reference_impl.saving.hdf5.weights_tree import OPTIMIZER, WeightsTree
from saveproof.reference_impl.saving.model_state.assignments import Assignments, WeightsMismatch
from saveproof.reference_impl.saving.model_state.optimizer_lists import OptimizerMismatch
from saveproof.reference_impl.saving.model_state.restore import left_if, paired
from saveproof.reference_impl.saving.model_state.restore_training import (
    MetricsMismatch,
    training_changes,
)
from saveproof.reference_impl.state import Extras, NamedArray

_LOGGER = logging.getLogger(__name__)


def fitting_tree(model: Layer, tree: WeightsTree, *, skip_mismatch: bool = False) -> Assignments:
    """Return the assignments of arrays to variables, by the first walk that matches all.

    Groups without a layer in the model are ignored, as in Keras; with `skip_mismatch`, layers that
    do not match are skipped with a warning.

    Raises:
        WeightsMismatch: if weights are missing in the file, or a shape does not match.
    """
    walks = [Walk(dialect, nested).places(model) for dialect, nested in WALKS]
    missing = [_missing(places, tree) for places in walks]
    places = min(zip(walks, missing, strict=True), key=lambda found: len(found[1]))[0]
    if all(missing) and not skip_mismatch:
        raise WeightsMismatch(
            f"model {model.name!r}: {'; '.join(min(missing, key=len)[:3])}; the file has weights "
            f"at {sorted(path for path, group in tree.groups.items() if group.arrays)[:20]}; "
            "nothing was changed"
        )
    _check_complete(model, places, tree)
    changes: Assignments = []
    for place in places:
        if place.variables:
            pair = partial(paired, place.name, place.variables, _named(place, tree))
            changes += left_if(pair, skip_mismatch=skip_mismatch)
    return changes


def _check_complete(model: Layer, places: Sequence[Place], tree: WeightsTree) -> None:
    """Check that the file has no values for layers whose weights do not exist yet.

    Raises:
        WeightsMismatch: naming the layer and the paths.
    """
    taken = {place.path for place in places if place.variables}
    for place in places:
        left = [
            path
            for path, group in tree.groups.items()
            if group.arrays and path not in taken and _within(path, place.path)
        ]
        if left and place.path and not place.complete:
            raise WeightsMismatch(
                f"model {model.name!r}: layer {place.name!r} has not been called yet and lacks "
                f"weights for the values at {left} in the file; call the model on data first, or "
                "set the shape of its inputs; nothing was changed"
            )


def _within(path: str, outer: str) -> bool:
    return path == outer or path.startswith(f"{outer}/")


def _named(place: Place, tree: WeightsTree) -> list[NamedArray]:
    group = tree.groups.get(place.path)
    arrays = [] if group is None else group.numbered()
    return [NamedArray(f"{place.path}/vars/{i}", array) for i, array in enumerate(arrays)]


def _missing(places: Sequence[Place], tree: WeightsTree) -> list[str]:
    """Return a message for each place whose weights are missing in the file."""
    lacking: list[str] = []
    for place in places:
        expected = len(place.variables)
        group = tree.groups.get(place.path)
        found = 0 if group is None else len(group.arrays)
        if expected and found != expected:
            lacking.append(
                f"layer {place.name!r}: expected {expected} weights at {place.path or '/'!r}, "
                f"found {found}"
            )
    return lacking


def fitting_training(
    model: Trainer, optimizer: Sequence[NamedArray], extras: Extras, *, kind: str, source: Path
) -> Assignments:
    """Return the assignments of optimizer and metric state; log a warning for skipped state.

    Args:
        model: the model, compiled.
        optimizer: the optimizer's list in the file.
        extras: of the file.
        kind: the class name of the model's optimizer in files.
        source: the file, for messages.

    Raises:
        WeightsMismatch: if an array does not contain numbers.
    """
    found = (extras.own or {}).get(OPTIMIZER, kind)
    try:
        if found != kind:
            raise OptimizerMismatch(f"model {model.name!r}: expected {kind}, found {found}")
        try:
            return training_changes(model, optimizer, extras)
        except MetricsMismatch as error:
            _LOGGER.warning("%s: the state of the metrics is not restored: %s", source, error)
            return training_changes(model, optimizer, replace(extras, metrics=()))
    except OptimizerMismatch as error:
        _LOGGER.warning("%s: the state of the optimizer is not restored: %s", source, error)
        return []
