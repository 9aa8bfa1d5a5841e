"""Writing of Keras 2's HDF5 layout, which Keras 3 also uses, in either dialect."""

from collections.abc import Sequence
from pathlib import Path

from saveproof.reference_impl.plain import json_text
from saveproof.reference_impl.saving.errors import UnwritableName
from saveproof.reference_impl.saving.hdf5.extras import write_extras
from saveproof.reference_impl.saving.hdf5.memory import write_file
from saveproof.reference_impl.saving.hdf5.writer_parts import GroupWriter
from saveproof.reference_impl.state import (
    BACKEND,
    KERAS_VERSION,
    Extras,
    ModelState,
    NamedArray,
    WeightsState,
)

TOP_LEVEL = "top_level_model_weights"
"""The name of the group with the model's own weights."""


def write_model(state: ModelState, target: Path) -> None:
    """Write a whole model and replace the target atomically."""

    def write(root: GroupWriter) -> None:
        root.text("backend", BACKEND, utf8=True)
        root.text("keras_version", state.keras_version, utf8=True)
        root.text("model_config", json_text(state.architecture))
        if state.training is not None:
            root.text("training_config", json_text(state.training))
        weights = root.group("model_weights")
        _write_weights(weights, state.weights, state.keras_version)
        if state.optimizer is not None:
            _write_arrays(root.group("optimizer_weights"), state.optimizer)
        if state.extras is not None:
            write_extras(root, state.extras)

    write_file(target, write)


def write_weights(state: WeightsState, target: Path, *, keras_version: str = KERAS_VERSION) -> None:
    """Write weights and replace the target atomically.

    The file also lists frozen layers, if any, since the order of the weights depends on them.
    """

    def write(root: GroupWriter) -> None:
        _write_weights(root, state, keras_version)
        if not all(state.trainable):
            write_extras(root, Extras(trainable=state.trainable))

    write_file(target, write)


def _write_weights(group: GroupWriter, state: WeightsState, keras_version: str) -> None:
    group.names("layer_names", [layer.layer for layer in state.layers])
    group.text("backend", BACKEND)
    group.text("keras_version", keras_version)
    if any(layer.layer == TOP_LEVEL for layer in state.layers):
        raise UnwritableName(
            f"layer {TOP_LEVEL!r}: this name is reserved for the model's own weights; rename the "
            "layer"
        )
    # Sorted as in Keras, so that layer `a` is created before layer `a/b`.
    for layer in sorted(state.layers, key=lambda layer: layer.layer):
        _write_arrays(group.group(layer.layer), layer.weights)
    _write_arrays(group.group(TOP_LEVEL), state.top_level)


def _write_arrays(group: GroupWriter, arrays: Sequence[NamedArray]) -> None:
    """Write arrays under their names, made unique by numbers; readers use only their order."""
    names = _unique([array.name for array in arrays])
    group.names("weight_names", names)
    for name, array in zip(names, arrays, strict=True):
        group.dataset(name, array.value)


def _unique(names: Sequence[str]) -> list[str]:
    unique: dict[str, None] = {}
    for name in names:
        count, candidate = 0, name
        while candidate in unique:
            count += 1
            candidate = f"{name}_{count}"
        unique[candidate] = None
    return list(unique)
