"""Writing the HDF5 layout of Keras 2, which Keras 3 kept: exactly as they do, in either's words."""

from collections.abc import Sequence
from pathlib import Path

from h5py import h5g

from reference_impl.formats.errors import UnwritableName
from reference_impl.formats.hdf5_extras import write_extras
from reference_impl.formats.hdf5_write_parts import (
    group_in,
    path_of,
    write_dataset,
    write_file,
    write_names,
    write_text,
)
from reference_impl.plain import json_text
from reference_impl.state import (
    BACKEND,
    KERAS_VERSION,
    Extras,
    ModelState,
    NamedArray,
    WeightsState,
)

TOP_LEVEL = "top_level_model_weights"
"""The group of the weights that are the model's own; readers look for it by name."""


def write_model(state: ModelState, target: Path) -> None:
    """Write a whole model beside the target and put it in the target's place."""

    def write(root: h5g.GroupID) -> None:
        write_text(root, "backend", BACKEND, utf8=True)
        write_text(root, "keras_version", state.keras_version, utf8=True)
        write_text(root, "model_config", json_text(state.architecture))
        if state.training is not None:
            write_text(root, "training_config", json_text(state.training))
        weights = group_in(root, b"model_weights")
        _write_weights(weights, state.weights, state.keras_version)
        if state.optimizer is not None:
            _write_arrays(group_in(root, b"optimizer_weights"), state.optimizer)
        if state.extras is not None:
            write_extras(root, state.extras)

    write_file(target, write, size=_size(state.weights) + _nbytes(state.optimizer or ()))


def write_weights(state: WeightsState, target: Path, *, keras_version: str = KERAS_VERSION) -> None:
    """Write weights alone beside the target and put them in the target's place.

    Which layers are frozen stands with them, if any are: the order of the weights follows from it.
    """

    def write(root: h5g.GroupID) -> None:
        _write_weights(root, state, keras_version)
        if not all(state.trainable):
            write_extras(root, Extras(trainable=state.trainable))

    write_file(target, write, size=_size(state))


def _size(state: WeightsState) -> int:
    return _nbytes(state.top_level) + sum(_nbytes(layer.weights) for layer in state.layers)


def _nbytes(arrays: Sequence[NamedArray]) -> int:
    return sum(array.value.nbytes for array in arrays)


def _write_weights(group: h5g.GroupID, state: WeightsState, keras_version: str) -> None:
    write_names(group, "layer_names", [layer.layer for layer in state.layers])
    write_text(group, "backend", BACKEND)
    write_text(group, "keras_version", keras_version)
    if any(layer.layer == TOP_LEVEL for layer in state.layers):
        raise UnwritableName(
            f"layer {TOP_LEVEL!r}: the layout keeps this name for the model's own weights; "
            "name the layer otherwise"
        )
    # Sorted, so that a layer `a` is there before a layer `a/b`, as Keras does.
    for layer in sorted(state.layers, key=lambda layer: layer.layer):
        _write_arrays(group_in(group, path_of(layer.layer)), layer.weights)
    _write_arrays(group_in(group, TOP_LEVEL.encode()), state.top_level)


def _write_arrays(group: h5g.GroupID, arrays: Sequence[NamedArray]) -> None:
    """Write arrays under their names, a number after one used before: only the order counts."""
    names = _unique([array.name for array in arrays])
    write_names(group, "weight_names", names)
    for name, array in zip(names, arrays, strict=True):
        write_dataset(group, path_of(name), array.value)


def _unique(names: Sequence[str]) -> list[str]:
    unique: dict[str, None] = {}
    for name in names:
        count, candidate = 0, name
        while candidate in unique:
            count += 1
            candidate = f"{name}_{count}"
        unique[candidate] = None
    return list(unique)
