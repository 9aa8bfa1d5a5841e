"""Saving and loading: a model, its state, a file, and the way back."""

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from reference_impl.checkpoints import LoadStatus, load_checkpoint, save_checkpoint
from reference_impl.custom_objects import custom_object_scope
from reference_impl.formats import hdf5_read, hdf5_write
from reference_impl.formats.bundle_write import index_file
from reference_impl.layers.base import Layer
from reference_impl.models.capture import check_built, model_state, weights_state
from reference_impl.models.restore import fitting, fitting_by_name, model_from_state
from reference_impl.models.trainer import Trainer
from reference_impl.serialization import MalformedEntry, deserialize_layer

Target = str | PathLike[str]
Objects = Mapping[str, Any]

HDF5_FORMATS = ("h5", "hdf5", "keras")
"""What TensorFlow 2.0 calls HDF5 in `save_format`, and as a file's extension."""


class FormatNotOffered(NotImplementedError):
    """A format of Keras that is not written or read here; the message names those that are."""


class TargetExists(FileExistsError):
    """The target exists and `overwrite=False` was given."""


def save_model(
    model: Trainer,
    target: Target,
    *,
    overwrite: bool = True,
    include_optimizer: bool = True,
    save_format: str | None = None,
) -> None:
    """Write a whole model to an HDF5 file: `.h5` or `.hdf5`, or `save_format='h5'`.

    Raises:
        FormatNotOffered: for a SavedModel or a `.keras` archive.
        UnbuiltModel: if a subclassed model has no weights yet.
        NotImplementedError: for a subclassed model: HDF5 holds only models with a configuration.
        TargetExists: if the target exists and `overwrite` is false.
    """
    file = Path(target)
    if _extension(file, save_format) not in ("h5", "hdf5"):
        raise FormatNotOffered(
            f"save({str(file)!r}, save_format={save_format!r}): a whole model is saved as HDF5 "
            "today: name the file '*.h5' or pass save_format='h5'"
        )
    check_built(model)
    if getattr(model, "graph", None) is None:
        raise NotImplementedError(
            f"model {model.name!r}: HDF5 holds functional and sequential models; a subclassed "
            "model is defined by its code: save_weights() instead"
        )
    _check_target(file, overwrite=overwrite)
    hdf5_write.write_model(model_state(model, include_optimizer=include_optimizer), file)


def load_model(
    source: Target,
    custom_objects: Objects | None = None,
    compile: bool = True,  # noqa: FBT001 (Keras's signature)
) -> Trainer:
    """Return the model of an HDF5 file, compiled as it was, with its optimizer's state.

    Raises:
        FormatNotOffered: for a SavedModel or a `.keras` archive.
        FileNotFoundError, UnreadableFile, MissingPart, WrongPart: for a file that is not one.
        UnknownLayer: for a class that must be given in `custom_objects`.
        WeightsMismatch, OptimizerMismatch: if the file's parts do not fit each other.
    """
    file = Path(source)
    _check_readable(file)
    state = hdf5_read.read_model(file)
    return model_from_state(state, custom_objects=custom_objects, compile_it=compile)


def save_weights(
    model: Trainer, target: Target, *, overwrite: bool = True, save_format: str | None = None
) -> None:
    """Write the weights to an HDF5 file: `.h5`, `.hdf5` or `.keras`, or `save_format='h5'`.

    Any other name, or `save_format='tf'`, is the prefix of a TensorFlow checkpoint, which holds
    the optimizer's state, too.

    Raises:
        FormatNotOffered: for the `.weights.h5` layout of Keras 3.
        UnbuiltModel: if the model has no weights yet.
        TargetExists: if the target exists and `overwrite` is false.
    """
    file = Path(target)
    if _is_checkpoint(file, save_format):
        _check_target(index_file(file), overwrite=overwrite)
        save_checkpoint(model, file)
        return
    named_v3 = save_format is None and file.name.endswith(".weights.h5")
    if named_v3 or _extension(file, save_format) not in HDF5_FORMATS:
        raise FormatNotOffered(
            f"save_weights({str(file)!r}, save_format={save_format!r}): weights are saved as HDF5 "
            "in the layout of Keras 2 today: name the file '*.h5' (not '*.weights.h5', which is "
            "Keras 3's) or pass save_format='h5'"
        )
    state = weights_state(model)
    _check_target(file, overwrite=overwrite)
    hdf5_write.write_weights(state, file)


def load_weights(model: Trainer, source: Target, *, by_name: bool = False) -> LoadStatus | None:
    """Read weights from an HDF5 file into the model, all or none.

    Layers with weights are paired in order, or `by_name`, where others keep what they have.
    From a TensorFlow checkpoint, given by its prefix or the SavedModel's folder, comes the
    optimizer's state, too, and what the model has not created yet is restored when it is; the
    status that is returned tells what came of it.

    Raises:
        FormatNotOffered: for a TensorFlow checkpoint `by_name`.
        FileNotFoundError, UnreadableFile, MissingPart, WrongPart: for a file that is not one.
        WeightsMismatch: if a layer's weights do not fit.
    """
    file = Path(source)
    prefix = _checkpoint_at(file)
    if prefix is not None and by_name:
        raise FormatNotOffered(
            f"{prefix}: by_name is for HDF5: a checkpoint's weights are found by their names anyway"
        )
    if prefix is not None:
        return load_checkpoint(model, prefix)
    check_built(model)
    state = hdf5_read.read_weights(file)
    pairs = fitting_by_name(model, state) if by_name else fitting(model, state)
    for variable, value in pairs:
        variable.assign(value)
    return None


def model_from_config(config: Objects, custom_objects: Objects | None = None) -> Layer:
    """Return the model that an entry {class_name, config} describes, with fresh weights."""
    with custom_object_scope(custom_objects or {}):
        return deserialize_layer(config)


def model_from_json(text: str, custom_objects: Objects | None = None) -> Layer:
    """Return the model that `to_json` described, with fresh weights.

    Raises:
        MalformedEntry: if the text is not such JSON.
    """
    try:
        entry = json.loads(text)
    except json.JSONDecodeError as error:
        raise MalformedEntry(f"model_from_json: not JSON: {error}") from error
    return model_from_config(entry, custom_objects)


def _extension(file: Path, save_format: str | None) -> str:
    if save_format is not None:
        return save_format.lower()
    return file.suffix.removeprefix(".").lower() or "tf"


def _is_checkpoint(file: Path, save_format: str | None) -> bool:
    """Say whether weights go to a checkpoint: any name but HDF5's, as TensorFlow has it."""
    hdf5_name = file.suffix.removeprefix(".").lower() in HDF5_FORMATS
    if save_format is None:
        return not hdf5_name
    wanted = save_format.lower() in ("tf", "tensorflow")
    if wanted and hdf5_name:
        raise FormatNotOffered(
            f"save_weights({str(file)!r}, save_format={save_format!r}): the name is one of an HDF5 "
            f"file; leave {file.suffix!r} out for a checkpoint"
        )
    return wanted


def _checkpoint_at(file: Path) -> Path | None:
    """Return the prefix of the checkpoint of that name, or in a SavedModel's folder."""
    if file.suffix.removeprefix(".").lower() in HDF5_FORMATS and file.exists():
        return None
    prefixes = (file, file / "variables" / "variables")
    return next((prefix for prefix in prefixes if index_file(prefix).exists()), None)


def _check_target(file: Path, *, overwrite: bool) -> None:
    if not overwrite and file.exists():
        raise TargetExists(f"{file}: exists; pass overwrite=True to replace it")


def _check_readable(file: Path) -> None:
    if file.is_dir():
        raise FormatNotOffered(f"{file}: a folder; a SavedModel is not read today, HDF5 is")
    if file.suffix == ".keras" and file.exists() and file.read_bytes()[:2] == b"PK":
        raise FormatNotOffered(f"{file}: a .keras archive is not read today, HDF5 is")
