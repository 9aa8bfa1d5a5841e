"""Reading the HDF5 layout of Keras 2; everything is checked before anything is returned."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5o, h5s

from reference_impl.formats.errors import MissingPart, UnreadableFile, WrongPart
from reference_impl.formats.hdf5_write import EXTRAS_GROUP, type_of
from reference_impl.state import Extras, LayerWeights, ModelState, NamedArray, WeightsState

INDEX_KEYS = {"trainable", "optimized", "compiled_trainable", "run_eagerly", "arrays"}
"""What the index of the extra state holds."""


def read_model(source: Path) -> ModelState:
    """Return the whole model that a file holds.

    Raises:
        FileNotFoundError: if there is no such file.
        UnreadableFile: if it is not HDF5 or is cut short.
        MissingPart: if it is no whole model, or lacks what it lists.
        WrongPart: if a part is not what it must be.
    """
    with _Opened(source) as root:
        architecture = _json(root, "model_config", source)
        if architecture is None:
            raise MissingPart(
                f"{source}: no model_config: not a whole model; a file of weights alone is read "
                "by load_weights() into a model"
            )
        training = _json(root, "training_config", source)
        if b"model_weights" not in root:
            raise MissingPart(f"{source}: a model_config, but no group 'model_weights'")
        weights = _weights(_open_group(root, b"model_weights", source), source)
        optimizer = None
        if b"optimizer_weights" in root:
            group = _open_group(root, b"optimizer_weights", source)
            optimizer = _arrays(group, "optimizer_weights", source)
        extras = None
        if EXTRAS_GROUP in root:
            extras = _extras(_open_group(root, EXTRAS_GROUP, source), source)
    return ModelState(architecture, weights, training, optimizer, extras)


def read_weights(source: Path) -> WeightsState:
    """Return the weights that a file holds, of a file of weights alone or of a whole model.

    Raises:
        FileNotFoundError, UnreadableFile, MissingPart, WrongPart: as for `read_model`.
    """
    with _Opened(source) as root:
        whole = not _has_names(root, "layer_names") and b"model_weights" in root
        group = _open_group(root, b"model_weights", source) if whole else root
        return _weights(group, source)


class _Opened:
    """A file open for reading: gives its root group."""

    def __init__(self, source: Path) -> None:
        if not source.exists():
            raise FileNotFoundError(f"{source}: no such file")
        if source.is_dir():
            raise UnreadableFile(f"{source}: a folder; expected an HDF5 file")
        try:
            self._file = h5f.open(os.fsencode(source), h5f.ACC_RDONLY)
        except OSError as error:
            raise UnreadableFile(f"{source}: not an HDF5 file, or cut short: {error}") from error

    def __enter__(self) -> h5g.GroupID:
        return h5g.open(self._file, b"/")

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _weights(group: h5g.GroupID, source: Path) -> WeightsState:
    names = _names(group, "layer_names", source)
    if names is None:
        raise MissingPart(f"{source}: no layer_names: the file does not hold weights of Keras 2")
    _check_version(group, source)
    layers = tuple(
        LayerWeights(name, _arrays(_open_group(group, name.encode(), source), name, source))
        for name in names
    )
    top: tuple[NamedArray, ...] = ()
    if b"top_level_model_weights" in group:
        own = _open_group(group, b"top_level_model_weights", source)
        top = _arrays(own, "top_level_model_weights", source)
    return WeightsState(layers, top)


def _check_version(group: h5g.GroupID, source: Path) -> None:
    version = _text(group, "keras_version", source)
    if version is None or version.startswith("1"):
        raise WrongPart(
            f"{source}: expected a keras_version of 2 or later, found {version!r}; Keras 1 laid "
            "weights out otherwise"
        )


def _arrays(group: h5g.GroupID, where: str, source: Path) -> tuple[NamedArray, ...]:
    names = _names(group, "weight_names", source)
    if names is None:
        raise MissingPart(f"{source}: group {where!r} has no weight_names")
    return tuple(
        NamedArray(name, _array(group, name.encode(), f"{where}/{name}", source)) for name in names
    )


def _array(group: h5g.GroupID, path: bytes, where: str, source: Path) -> np.ndarray:
    try:
        item = h5o.open(group, path)
    except KeyError:
        raise MissingPart(f"{source}: no dataset {where!r}") from None
    if not isinstance(item, h5d.DatasetID):
        raise WrongPart(f"{source}: {where!r}: expected a dataset, found a group")
    dtype = item.dtype
    if dtype.kind not in "fiubV":
        raise WrongPart(f"{source}: {where!r}: expected numbers, found dtype {dtype}")
    value = np.empty(item.shape, dtype)
    try:
        if value.size:
            item.read(h5s.ALL, h5s.ALL, value, type_of(dtype))
    except OSError as error:
        raise UnreadableFile(f"{source}: dataset {where!r} can't be read: {error}") from error
    return value


def _open_group(parent: h5g.GroupID, path: bytes, source: Path) -> h5g.GroupID:
    try:
        item = h5o.open(parent, path)
    except (KeyError, ValueError):
        raise MissingPart(f"{source}: no group {path.decode()!r}, which the file lists") from None
    if not isinstance(item, h5g.GroupID):
        raise WrongPart(f"{source}: {path.decode()!r}: expected a group, found a dataset")
    return item


def _attribute(group: h5g.GroupID, name: str) -> np.ndarray | None:
    if not h5a.exists(group, name.encode()):
        return None
    attribute = h5a.open(group, name.encode())
    value = np.empty(attribute.shape, attribute.dtype)
    if value.size:
        attribute.read(value)
    return value


def _has_names(group: h5g.GroupID, name: str) -> bool:
    return any(h5a.exists(group, f"{name}{suffix}".encode()) for suffix in ("", "0"))


def _names(group: h5g.GroupID, name: str, source: Path) -> list[str] | None:
    """Return the names in an attribute, or in as many numbered ones as there are."""
    whole = _attribute(group, name)
    parts: list[np.ndarray] = [] if whole is None else [whole]
    while whole is None and (part := _attribute(group, f"{name}{len(parts)}")) is not None:
        parts.append(part)
    if not parts:
        return None
    return [_decoded(item, name, source) for part in parts for item in part.ravel()]


def _decoded(item: object, name: str, source: Path) -> str:
    if isinstance(item, bytes):
        return item.decode()
    if isinstance(item, str):
        return item
    raise WrongPart(f"{source}: attribute {name!r}: expected text, found {type(item).__name__}")


def _text(group: h5g.GroupID, name: str, source: Path) -> str | None:
    value = _attribute(group, name)
    return None if value is None else _decoded(value.item(), name, source)


def _json(group: h5g.GroupID, name: str, source: Path) -> Mapping[str, Any] | None:
    text = _text(group, name, source)
    if text is None:
        return None
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise WrongPart(f"{source}: attribute {name!r} is not JSON: {error}") from error
    if not isinstance(value, Mapping):
        raise WrongPart(f"{source}: attribute {name!r}: expected a JSON object")
    return value


def _extras(group: h5g.GroupID, source: Path) -> Extras:
    where = EXTRAS_GROUP.decode()
    index = _json(group, "index", source)
    if index is None or not set(index) >= INDEX_KEYS:
        raise MissingPart(f"{source}: group {where!r} has no complete index")
    packed = _array(group, b"arrays", f"{where}/arrays", source).tobytes()
    parts: dict[str, dict[str, np.ndarray]] = {"layers": {}, "metrics": {}, "optimizer": {}}
    at = 0
    for name, dtype, shape in index["arrays"]:
        part, _, key = name.partition("/")
        size = np.dtype(dtype).itemsize * math.prod(shape)
        if at + size > len(packed) or part not in parts:
            raise WrongPart(
                f"{source}: {where}/arrays: expected {size} bytes of {name!r} at {at}, found "
                f"{len(packed) - at}"
            )
        parts[part][key] = np.frombuffer(packed[at : at + size], dtype).reshape(shape)
        at += size
    return Extras(
        trainable=tuple(bool(flag) for flag in index["trainable"]),
        layer_states=parts["layers"],
        metrics=tuple(parts["metrics"].values()),
        optimizer=parts["optimizer"],
        optimized=tuple(int(number) for number in index["optimized"]),
        compiled_trainable=tuple(bool(flag) for flag in index["compiled_trainable"]),
        run_eagerly=index["run_eagerly"],
    )
