"""Saving and loading: a model, its state, a file, and the way back."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from saveproof.reference_impl.custom_objects import custom_object_scope
from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.loading import MalformedEntry, at, loading
from saveproof.reference_impl.saving.archive.archives import (
    keras_2_state,
    keras_3_state,
    keras_3_weights,
    load_archive,
    load_weights_tree,
    ours,
    save_archive,
    save_weights_tree,
)
from saveproof.reference_impl.saving.archive.zip_archive import is_archive, read_archive
from saveproof.reference_impl.saving.checkpoint.bundle_writer import index_file
from saveproof.reference_impl.saving.checkpoint.checkpoints import (
    LoadStatus,
    load_checkpoint,
    save_checkpoint,
)
from saveproof.reference_impl.saving.dialects.dialect import (
    VERSIONS,
    Dialect,
    dialect_of_entry,
    dialect_of_version,
)
from saveproof.reference_impl.saving.dialects.entries import read_entry
from saveproof.reference_impl.saving.hdf5 import reader, writer
from saveproof.reference_impl.saving.hdf5.parts import opened
from saveproof.reference_impl.saving.hdf5.weights_tree import (
    WeightsTree,
    read_tree,
    read_weights_tree,
)
from saveproof.reference_impl.saving.json_text import json_value
from saveproof.reference_impl.saving.model_state.assignments import commit
from saveproof.reference_impl.saving.model_state.capture import (
    check_built,
    check_complete,
    model_state,
    weights_state,
)
from saveproof.reference_impl.saving.model_state.restore import (
    fitting,
    fitting_by_name,
    model_from_state,
)
from saveproof.reference_impl.serialization import deserialize_layer
from saveproof.reference_impl.state import WeightsState
from saveproof.reference_impl.targets import Target, named_file

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
    dialect: str | None = None,
) -> None:
    """Write a whole model: an archive, `.keras`, HDF5, `.h5` or `.hdf5`, else a SavedModel.

    Args:
        model: the model.
        target: the file; its extension decides on the format, unless `save_format` does.
        overwrite: whether an existing file is replaced.
        include_optimizer: whether compile settings and the optimizer are written.
        save_format: 'keras', 'h5', or 'tf' for a SavedModel, which is a folder.
        dialect: whose loaders are to read it: 'keras', Keras 3, by default for an archive, or
            'tf_keras', by default for HDF5. Both are read here.

    Raises:
        FormatNotOffered: for another `save_format`.
        UnbuiltModel: if a subclassed model has no weights yet.
        UntraceableOperation: for a SavedModel, if a subclassed model's call does what a graph
            can't express.
        NotImplementedError: if the model has no configuration, or is a subclassed one for HDF5.
        TargetExists: if the target exists and `overwrite` is false.
    """
    file = named_file(target, "save")
    extension = _extension(file, save_format)
    if extension == "tf" or (save_format is None and extension not in HDF5_FORMATS):
        check_complete(model)
        _check_target(file, overwrite=overwrite)
        _saved_models().save_saved_model(model, file, include_optimizer=include_optimizer)
        return
    if extension not in ("h5", "hdf5", "keras"):
        raise FormatNotOffered(
            f"save({str(file)!r}, save_format={save_format!r}): a whole model is saved as HDF5, "
            "as an archive or as a SavedModel: name the file '*.h5' or '*.keras', or pass "
            "save_format='h5', 'keras' or 'tf'"
        )
    check_complete(model)
    if extension != "keras" and model.graph is None:
        raise NotImplementedError(
            f"model {model.name!r}: HDF5 holds functional and sequential models; a subclassed "
            "model is defined by its code: save_weights() instead"
        )
    _check_target(file, overwrite=overwrite)
    state = model_state(model, include_optimizer=include_optimizer)
    if extension == "keras":
        save_archive(model, file, state, dialect=Dialect(dialect or Dialect.KERAS))
        return
    in_words = keras_3_state if dialect == Dialect.KERAS else keras_2_state
    state = in_words(model, state)
    writer.write_model(state, file)


def load_model(
    source: Target,
    custom_objects: Objects | None = None,
    compile: bool = True,  # noqa: FBT001 (Keras's signature)
) -> Trainer:
    """Return the model of an archive, HDF5 file or SavedModel, compiled as it was.

    Raises:
        FileNotFoundError, UnreadableFile, MissingPart, WrongPart: for a file that is not one.
        WrongChecksum: for a damaged file that was written here.
        MalformedEntry: for a configuration that describes no model.
        UnknownLayer: for a class that must be given in `custom_objects`.
        WeightsMismatch, OptimizerMismatch: if the file's parts do not fit each other.
    """
    file = named_file(source, "load")
    with loading(file):
        if file.is_dir():
            model: Trainer = _saved_models().load_saved_model(
                file, custom_objects=custom_objects, compile_it=compile
            )
            return model
        if is_archive(file):
            return load_archive(file, custom_objects=custom_objects, compile_it=compile)
        state = reader.read_model(file)
        dialect = dialect_of_version(state.keras_version)
        state = ours(state, dialect, state.architecture, state.training)
        return model_from_state(state, custom_objects=custom_objects, compile_it=compile)


def save_weights(
    model: Trainer,
    target: Target,
    *,
    overwrite: bool = True,
    save_format: str | None = None,
    dialect: str | None = None,
) -> None:
    """Write the weights to an HDF5 file: `.h5`, `.hdf5` or `.keras`, or `save_format='h5'`.

    `.weights.h5` has the layout of Keras 3, with the optimizer's state if the model is compiled.
    Any other name, or `save_format='tf'`, is the prefix of a TensorFlow checkpoint, which holds
    the optimizer's state, too. `dialect` is as for `save_model`; by default it is 'keras' for
    `.weights.h5`, 'tf_keras' for HDF5.

    Raises:
        FormatNotOffered: for another `save_format`.
        UnbuiltModel: if the model has no weights yet.
        TargetExists: if the target exists and `overwrite` is false.
    """
    file = named_file(target, "save")
    if _is_checkpoint(file, save_format):
        _check_target(index_file(file), overwrite=overwrite)
        save_checkpoint(model, file)
        return
    if save_format is None and file.name.endswith(".weights.h5"):
        check_complete(model)
        _check_target(file, overwrite=overwrite)
        save_weights_tree(model, file, dialect=Dialect(dialect or Dialect.KERAS))
        return
    if _extension(file, save_format) not in HDF5_FORMATS:
        raise FormatNotOffered(
            f"save_weights({str(file)!r}, save_format={save_format!r}): expected save_format 'h5' "
            "or 'tf', or a name of HDF5 ('*.h5', '*.weights.h5') or without an extension"
        )
    state = weights_state(model)
    _check_target(file, overwrite=overwrite)
    if dialect == Dialect.KERAS:
        state = keras_3_weights(state)
    version = VERSIONS[Dialect(dialect or Dialect.TF_KERAS)]
    writer.write_weights(state, file, keras_version=version)


def load_weights(
    model: Trainer, source: Target, *, by_name: bool = False, skip_mismatch: bool = False
) -> LoadStatus | None:
    """Read weights from an HDF5 file into the model, all or none.

    Layers with weights are paired in order, or `by_name`, where others keep what they have.
    In the layout of `.weights.h5` (one file, shards by their `.weights.json`, or an archive) they
    are found by where the model has them, and a compiled model takes its optimizer's state, too.
    From a TensorFlow checkpoint, given by its prefix or the SavedModel's folder, comes the
    optimizer's state, too, and what the model has not created yet is restored when it is; the
    status that is returned tells what came of it.
    With `skip_mismatch`, layers that do not fit keep what they have, and a warning names them: for
    HDF5 `by_name`, and in the layout of `.weights.h5`, as in tf_keras.

    Raises:
        FormatNotOffered: for a TensorFlow checkpoint `by_name`, or `skip_mismatch` where layers are
            not found by names or places.
        FileNotFoundError, UnreadableFile, MissingPart, WrongPart: for a file that is not one.
        WeightsMismatch: if a layer's weights do not fit.
    """
    file = named_file(source, "load")
    prefix = _checkpoint_at(file)
    if prefix is not None and by_name:
        raise FormatNotOffered(
            f"{prefix}: by_name is for HDF5: a checkpoint's weights are found by their names anyway"
        )
    if prefix is not None and skip_mismatch:
        raise FormatNotOffered(
            f"{prefix}: skip_mismatch is for HDF5 and archives: a checkpoint's status tells what "
            "was not restored"
        )
    if prefix is not None:
        return load_checkpoint(model, prefix)
    check_built(model)
    with loading(file):
        held = _weights_in(file)
        if isinstance(held, WeightsTree):
            if by_name:
                raise FormatNotOffered(
                    f"{file}: by_name is for HDF5 in the layout of Keras 2; this layout has no "
                    "names"
                )
            load_weights_tree(model, held, file, skip_mismatch=skip_mismatch)
        elif by_name:
            commit(fitting_by_name(model, held, skip_mismatch=skip_mismatch))
        elif skip_mismatch:
            raise FormatNotOffered(
                f"{file}: skip_mismatch needs by_name=True: layers are paired in order otherwise"
            )
        else:
            commit(fitting(model, held))
    return None


def _weights_in(file: Path) -> WeightsTree | WeightsState:
    if is_archive(file):
        return read_archive(file).weights
    if file.name.endswith(".weights.json"):
        return read_weights_tree(file)
    with opened(file) as root:
        return read_tree(root) if reader.holds_tree(root) else reader.read_weights(root)


def model_from_config(config: Objects, custom_objects: Objects | None = None) -> Layer:
    """Return the model that an entry {class_name, config} describes, with fresh weights.

    Raises:
        MalformedEntry: if it is not what `get_config` returns; the keys to what is wrong are named.
        UnknownLayer: for a class that must be given in `custom_objects`.
    """
    with custom_object_scope(custom_objects or {}), at():
        return deserialize_layer(read_entry(config, dialect_of_entry(config)))


def model_from_json(text: str, custom_objects: Objects | None = None) -> Layer:
    """Return the model that `to_json` described, with fresh weights.

    Raises:
        MalformedEntry: if the text is not such JSON.
    """
    entry = json_value(text, where="model_from_json", error=MalformedEntry)
    return model_from_config(entry, custom_objects)


def _saved_models() -> Any:
    """Return the module of SavedModels, which knows the models, which save by way of this one."""
    return import_module("saveproof.reference_impl.saving.savedmodel.saved_models")


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
