"""Writing the HDF5 layout of Keras 2: groups, attributes and datasets exactly as tf_keras does."""

import json
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5p, h5s, h5t

from reference_impl.formats.errors import UnwritableName
from reference_impl.state import (
    BACKEND,
    KERAS_VERSION,
    Extras,
    LayerWeights,
    ModelState,
    NamedArray,
    WeightsState,
)

HEADER_LIMIT = 64512
"""Bytes of names that fit in one attribute, beside what HDF5 itself puts in the header."""

EXTRAS_GROUP = b"saveproof_state"

TOP_LEVEL = "top_level_model_weights"
"""The group of the weights that are the model's own; readers look for it by name."""

# h5py's low-level interface takes 15 microseconds an object, its high-level one 100.
_BYTES = h5py.string_dtype("ascii")


def write_model(state: ModelState, target: Path) -> None:
    """Write a whole model beside the target and put it in the target's place."""

    def write(file: h5f.FileID) -> None:
        root = h5g.open(file, b"/")
        _text(root, "backend", BACKEND, utf8=True)
        _text(root, "keras_version", KERAS_VERSION, utf8=True)
        _text(root, "model_config", json.dumps(state.architecture))
        if state.training is not None:
            _text(root, "training_config", json.dumps(state.training))
        _write_weights(_group(root, b"model_weights"), state.weights)
        if state.optimizer is not None:
            group = _group(root, b"optimizer_weights")
            _write_arrays(group, state.optimizer)
        if state.extras is not None:
            _write_extras(_group(root, EXTRAS_GROUP), state.extras)

    _replace(target, write)


def write_weights(state: WeightsState, target: Path) -> None:
    """Write weights alone beside the target and put them in the target's place."""
    _replace(target, lambda file: _write_weights(h5g.open(file, b"/"), state))


def _replace(target: Path, write: Callable[[h5f.FileID], None]) -> None:
    """Write a file beside the target and rename it; the target is as before if writing fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        file = h5f.create(os.fsencode(partial), h5f.ACC_TRUNC)
        try:
            write(file)
        finally:
            file.close()
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _write_weights(group: h5g.GroupID, state: WeightsState) -> None:
    _names(group, "layer_names", [layer.layer for layer in state.layers])
    _text(group, "backend", BACKEND)
    _text(group, "keras_version", KERAS_VERSION)
    if any(layer.layer == TOP_LEVEL for layer in state.layers):
        raise UnwritableName(
            f"layer {TOP_LEVEL!r}: the layout keeps this name for the model's own weights; "
            "name the layer otherwise"
        )
    # Sorted, so that a layer `a` is there before a layer `a/b`, as Keras does.
    for layer in sorted(state.layers, key=lambda layer: layer.layer):
        _write_layer(group, layer)
    _write_arrays(_group(group, TOP_LEVEL.encode()), state.top_level)


def _write_layer(group: h5g.GroupID, layer: LayerWeights) -> None:
    _write_arrays(_group(group, _path(layer.layer)), layer.weights)


def _write_arrays(group: h5g.GroupID, arrays: Sequence[NamedArray]) -> None:
    """Write arrays under their names, a number after one used before: only the order counts."""
    names = _unique([array.name for array in arrays])
    _names(group, "weight_names", names)
    for name, array in zip(names, arrays, strict=True):
        _dataset(group, _path(name), array.value)


def _unique(names: Sequence[str]) -> list[str]:
    unique: dict[str, None] = {}
    for name in names:
        count, candidate = 0, name
        while candidate in unique:
            count += 1
            candidate = f"{name}_{count}"
        unique[candidate] = None
    return list(unique)


def _write_extras(group: h5g.GroupID, extras: Extras) -> None:
    """Write the extras as one dataset of bytes and, in an attribute, what lies where in it.

    A dataset for each of them would cost more than all of Keras's own.
    """
    arrays = {f"layers/{name}": value for name, value in extras.layer_states.items()}
    arrays |= {f"metrics/{number}": value for number, value in enumerate(extras.metrics)}
    arrays |= {f"optimizer/{name}": value for name, value in extras.optimizer.items()}
    index = {
        "trainable": extras.trainable,
        "optimized": extras.optimized,
        "compiled_trainable": extras.compiled_trainable,
        "run_eagerly": extras.run_eagerly,
        "arrays": [[name, str(value.dtype), value.shape] for name, value in arrays.items()],
    }
    _text(group, "index", json.dumps(index))
    packed = b"".join(value.tobytes() for value in arrays.values())
    _dataset(group, b"arrays", np.frombuffer(packed, np.uint8))


def _path(name: str) -> bytes:
    """Return the name as a path below a group.

    Raises:
        UnwritableName: if it is none: empty, absolute, with empty parts, or '.'.
    """
    if not name or name.startswith("/") or "\0" in name or {"", "."} & set(name.split("/")):
        raise UnwritableName(
            f"HDF5: the name {name!r} can't be the path of a group or dataset; rename the layer"
        )
    return name.encode()


@lru_cache
def _links(*, ascii_only: bool) -> h5p.PropLCID:
    links = h5p.create(h5p.LINK_CREATE)
    links.set_create_intermediate_group(True)
    links.set_char_encoding(h5t.CSET_ASCII if ascii_only else h5t.CSET_UTF8)
    return links


def _group(parent: h5g.GroupID, path: bytes) -> h5g.GroupID:
    if path in parent:
        return h5g.open(parent, path)
    return h5g.create(parent, path, lcpl=_links(ascii_only=path.isascii()))


def _dataset(group: h5g.GroupID, path: bytes, value: np.ndarray) -> None:
    """Write a contiguous dataset; bfloat16 as two opaque bytes a number, as tf_keras does."""
    array = np.asarray(value, order="C")
    if array.dtype.kind == "V" or str(array.dtype) == "bfloat16":
        array = array.view("V2")
    kind, space = type_of(array.dtype), _space(array.shape)
    dataset = h5d.create(group, path, kind, space, lcpl=_links(ascii_only=path.isascii()))
    if array.size:
        dataset.write(h5s.ALL, h5s.ALL, array, kind)


@lru_cache
def type_of(dtype: np.dtype) -> h5t.TypeID:
    """Return HDF5's type of a NumPy dtype."""
    return h5t.py_create(dtype, logical=True)


@lru_cache
def _space(shape: tuple[int, ...]) -> h5s.SpaceID:
    return h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)


@lru_cache
def _string_type(*, utf8: bool) -> h5t.TypeStringID:
    kind = h5t.C_S1.copy()
    kind.set_size(h5t.VARIABLE)
    kind.set_cset(h5t.CSET_UTF8 if utf8 else h5t.CSET_ASCII)
    return kind


def _text(group: h5g.GroupID, name: str, value: str, *, utf8: bool = False) -> None:
    """Write a scalar text; without `utf8` it is declared ASCII and holds UTF-8 all the same."""
    kind = _string_type(utf8=utf8)
    attribute = h5a.create(group, name.encode(), kind, _space(()))
    attribute.write(np.array(value.encode(), dtype=_BYTES))


def _names(group: h5g.GroupID, name: str, values: Sequence[str]) -> None:
    """Write a list of names, over several attributes if it is too long for one.

    Raises:
        UnwritableName: if a single name is too long.
    """
    if not values:
        attribute = h5a.create(group, name.encode(), h5t.IEEE_F64LE, _space((0,)))
        return
    encoded = [value.encode() for value in values]
    too_long = [value for value in encoded if len(value) > HEADER_LIMIT]
    if too_long:
        raise UnwritableName(
            f"HDF5: {name} can hold names of up to {HEADER_LIMIT} bytes, found {len(too_long[0])}"
        )
    fixed = np.array(encoded)
    count = 1
    while any(part.nbytes > HEADER_LIMIT for part in np.array_split(fixed, count)):
        count += 1
    if count > 1:
        for number, part in enumerate(np.array_split(fixed, count)):
            kind = type_of(part.dtype)
            path = f"{name}{number}".encode()
            h5a.create(group, path, kind, _space(part.shape)).write(part)
        return
    kind = _string_type(utf8=False)
    attribute = h5a.create(group, name.encode(), kind, _space((len(encoded),)))
    attribute.write(np.array(encoded, dtype=_BYTES))
