"""Saving and loading of TensorFlow checkpoints: weights and optimizer state.

Source: https://www.tensorflow.org/guide/keras/save_and_serialize#tf_checkpoint_format.
"""

from pathlib import Path
from typing import Self

import numpy as np

from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.loading import loading
from saveproof.reference_impl.saving.checkpoint.bundle_reader import Bundle, open_bundle
from saveproof.reference_impl.saving.checkpoint.bundle_writer import index_file, write_bundle
from saveproof.reference_impl.saving.checkpoint.checkpoint_state import write_checkpoint_state
from saveproof.reference_impl.saving.checkpoint.object_graph import (
    GRAPH_KEY,
    Node,
    decoded_graph,
    numbered,
    tensors_of,
)
from saveproof.reference_impl.saving.checkpoint.restoration import Restoration
from saveproof.reference_impl.saving.checkpoint.trackable import extra_children, pruned, tree_of
from saveproof.reference_impl.saving.errors import MissingPart, WrongPart
from saveproof.reference_impl.saving.format import FormatNotOffered, SaveOptions
from saveproof.reference_impl.saving.model_state.capture import optimized_places
from saveproof.reference_impl.state import NamedArray

EXTRAS_PREFIX = ".saveproof/"
"""Prefix of the keys of extra state, which TensorFlow's readers ignore."""
EXTRAS_GRAPH_KEY = f"{EXTRAS_PREFIX}object_graph"
OPTIMIZED_KEY = f"{EXTRAS_PREFIX}optimized"


class LoadStatus:
    """The status of a load with deferred restoration, with the methods of TensorFlow's status."""

    def __init__(self, restoration: Restoration) -> None:
        self._restoration = restoration

    def assert_consumed(self) -> Self:
        """Check that every value of the checkpoint was restored, and every variable has a value.

        Raises:
            AssertionError: naming the others.
        """
        self.assert_existing_objects_matched()
        unused = self._restoration.unused()
        if unused:
            raise AssertionError(f"checkpoint: {len(unused)} values were not restored: {unused}")
        return self

    def assert_existing_objects_matched(self) -> Self:
        """Check that every existing variable of the model has a value from the checkpoint.

        Raises:
            AssertionError: naming the others.
        """
        left = self._restoration.unrestored()
        if left:
            raise AssertionError(
                f"model {self._restoration.model.name!r}: {len(left)} variables have no value in "
                f"the checkpoint: {left}"
            )
        return self

    def expect_partial(self) -> Self:
        """Return this status; TensorFlow's method silences a warning that is never logged here."""
        return self


def save_checkpoint(model: Trainer, prefix: Path, _: SaveOptions) -> None:
    """Write weights and training state under a prefix, and the file `checkpoint`.

    Raises:
        UnwritableName: if a dictionary of layers or weights has a key that is not a name.
    """
    write_bundle(prefix, checkpoint_tensors(model))
    write_checkpoint_state(prefix)


def checkpoint_tensors(model: Trainer) -> list[NamedArray]:
    """Return the tensors of a model's checkpoint: those of tf_keras, then the extra state."""
    return [*tensors_of(tree_of(model)), *extra_tensors(model)]


def extra_tensors(model: Trainer) -> list[NamedArray]:
    """Return the extra state that an exact resume needs and tf_keras does not save."""
    extras = pruned(tree_of(model, view=extra_children))
    tensors: list[NamedArray] = []
    if extras.children:
        tensors += tensors_of(extras, prefix=EXTRAS_PREFIX, graph_key=EXTRAS_GRAPH_KEY)
    if model.compiled is not None and model.compiled.optimizer.built:
        places = optimized_places(model.compiled.optimizer, model.weights)
        tensors.append(NamedArray(OPTIMIZED_KEY, np.array(places, np.int64)))
    return tensors


def checkpoint_at(source: Path) -> Path | None:
    """Return the prefix of a checkpoint, given its prefix or a SavedModel's folder; else None."""
    prefixes = (source, source / "variables" / "variables")
    return next((prefix for prefix in prefixes if index_file(prefix).exists()), None)


def load_checkpoint(
    model: Trainer, source: Path, *, by_name: bool = False, skip_mismatch: bool = False
) -> LoadStatus:
    """Restore a model from a checkpoint; variables created later are restored then.

    Raises:
        FormatNotOffered: for `by_name` and `skip_mismatch`.
        FileNotFoundError: if there is no checkpoint with that prefix.
        UnreadableFile, MissingPart, WrongPart, WrongChecksum, NotReadHere: for an invalid one.
        WeightsMismatch, OptimizerMismatch: if it does not match the model, which is unchanged.
    """
    prefix = checkpoint_at(source) or source
    if by_name:
        raise FormatNotOffered(
            f"{prefix}: by_name is only for HDF5; a checkpoint always matches weights by name"
        )
    if skip_mismatch:
        raise FormatNotOffered(
            f"{prefix}: skip_mismatch is only for HDF5 and archives; the status of a checkpoint's "
            "load reports variables that were not restored"
        )
    with loading(prefix):
        bundle = open_bundle(prefix)
        weights = _graph(bundle, GRAPH_KEY)
        extras = extras_graph(bundle)
        restoration = Restoration(model, bundle, weights, extras, optimized=_optimized(bundle))
        restoration.start()
    return LoadStatus(restoration)


def extras_graph(bundle: Bundle) -> Node | None:
    """Return the root of the object graph of the extra state; None if there is none."""
    return _graph(bundle, EXTRAS_GRAPH_KEY) if EXTRAS_GRAPH_KEY in bundle.entries else None


def _graph(bundle: Bundle, key: str) -> Node:
    """Return the root of an object graph after checking that the bundle has all its tensors."""
    data = bundle.read(key)
    if data.shape or data.dtype.kind != "O":
        raise WrongPart(f"{bundle.prefix}: {key!r}: expected one string, found {data.dtype}")
    root = decoded_graph(data.item(), where=f"{bundle.prefix}: {key!r}")
    for node in numbered(root):
        if node.key is not None and node.key not in bundle.entries:
            raise MissingPart(f"{bundle.prefix}: no tensor {node.key!r}; {key!r} names it")
    return root


def _optimized(bundle: Bundle) -> list[int] | None:
    if OPTIMIZED_KEY not in bundle.entries:
        return None
    places = bundle.read(OPTIMIZED_KEY)
    if places.ndim != 1 or places.dtype != np.int64:
        raise WrongPart(
            f"{bundle.prefix}: {OPTIMIZED_KEY!r}: expected indices, found shape {places.shape} of "
            f"{places.dtype}"
        )
    return [int(place) for place in places]
