"""Saving and loading of models and weights: the tables of file formats, and format detection."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from saveproof.reference_impl.engine.model import Model
from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.loading import loading
from saveproof.reference_impl.saving.archive.archives import (
    load_archive,
    load_archive_weights,
    save_archive,
)
from saveproof.reference_impl.saving.archive.zip_archive import is_archive
from saveproof.reference_impl.saving.checkpoint.bundle_writer import index_file
from saveproof.reference_impl.saving.checkpoint.checkpoints import (
    LoadStatus,
    checkpoint_at,
    load_checkpoint,
    save_checkpoint,
)
from saveproof.reference_impl.saving.dialects.dialect import Dialect
from saveproof.reference_impl.saving.format import Format, FormatNotOffered, SaveOptions
from saveproof.reference_impl.saving.hdf5 import model_h5
from saveproof.reference_impl.saving.hdf5.weights_h5 import (
    is_index_of_shards,
    load_shards,
    save_weights_tree,
)
from saveproof.reference_impl.saving.model_state.capture import check_built
from saveproof.reference_impl.saving.savedmodel.graph_import.models import config_of_graph
from saveproof.reference_impl.saving.savedmodel.saved_models import (
    load_saved_model,
    save_saved_model,
)
from saveproof.reference_impl.targets import Target, named_file

Objects = Mapping[str, Any]


class TargetExists(FileExistsError):
    """The target exists, and `overwrite` is False."""


def _anything(_: Path) -> bool:
    """Return True: the last format in a table reads any file, or raises a clear error."""
    return True


SAVED_MODEL = Format(
    save=save_saved_model,
    load=partial(load_saved_model, graph_import=config_of_graph),
    holds=Path.is_dir,
)
HDF5 = Format(
    save=model_h5.save_model,
    load=model_h5.load_model,
    holds=_anything,
    check=model_h5.check_graph,
)
MODELS = {
    "tf": SAVED_MODEL,
    "keras": Format(save=save_archive, load=load_archive, holds=is_archive),
    "h5": HDF5,
    "hdf5": HDF5,
}
"""Formats of whole models by `save_format` and extension; any other name means a SavedModel.

A load uses the first format whose `holds` accepts the file.
"""


def _is_checkpoint(file: Path) -> bool:
    """Return whether a checkpoint has this prefix and no file of another format has the name."""
    other = WEIGHTS.get(_extension(file), CHECKPOINT) is not CHECKPOINT
    return checkpoint_at(file) is not None and not (other and file.exists())


CHECKPOINT = Format(
    save=save_checkpoint,
    load=load_checkpoint,
    holds=_is_checkpoint,
    written=index_file,
    deferred=True,
)
HDF5_WEIGHTS = Format(save=model_h5.save_weights, load=model_h5.load_weights, holds=_anything)
WEIGHTS = {
    "tf": CHECKPOINT,
    "tensorflow": CHECKPOINT,
    # TensorFlow 2.0 writes HDF5 under this extension.
    "keras": Format(save=model_h5.save_weights, load=load_archive_weights, holds=is_archive),
    ".weights.h5": Format(save=save_weights_tree, load=load_shards, holds=is_index_of_shards),
    "h5": HDF5_WEIGHTS,
    "hdf5": HDF5_WEIGHTS,
}
"""Formats of weights by `save_format` and extension; any other name means a checkpoint."""


def save_model(
    model: Model,
    target: Target,
    *,
    overwrite: bool = True,
    include_optimizer: bool = True,
    save_format: str | None = None,
    dialect: str | None = None,
) -> None:
    """Save a whole model: `.keras` as an archive, `.h5` or `.hdf5` as HDF5, else a SavedModel.

    Args:
        model: the model.
        target: the file; its extension selects the format unless `save_format` is given.
        overwrite: whether to replace an existing file.
        include_optimizer: whether to save compile settings and the optimizer.
        save_format: 'keras', 'h5', or 'tf' for a SavedModel, which is a folder.
        dialect: 'keras' (default for archives) for a file that Keras 3 loads, 'tf_keras' (default
            for HDF5) for one that tf_keras loads. This package loads both.

    Raises:
        FormatNotOffered: for another `save_format`.
        UnbuiltModel: if a subclassed model has no weights yet.
        UntraceableOperation: for a SavedModel, if a graph cannot express a subclassed model's call.
        NotImplementedError: if the model has no configuration, or is a subclassed one for HDF5.
        TargetExists: if the target exists and `overwrite` is False.
    """
    file = named_file(target, "save")
    options = _options(dialect, include_optimizer=include_optimizer)
    _write(_model_format(file, save_format), model, file, options, overwrite=overwrite)


def load_model(
    source: Target,
    custom_objects: Objects | None = None,
    compile: bool = True,  # noqa: FBT001 (Keras's signature)
) -> Trainer:
    """Load a model from an archive, HDF5 file or SavedModel, compiled as before the save.

    Raises:
        FileNotFoundError, UnreadableFile, MissingPart, WrongPart: for an invalid file.
        WrongChecksum: for a damaged file that this package wrote.
        MalformedEntry: for an invalid configuration.
        UnknownLayer: for a class that must be passed in `custom_objects`.
        WeightsMismatch, OptimizerMismatch: if the parts of the file do not match.
    """
    file = named_file(source, "load")
    kind = _holding(MODELS, file)
    with loading(file):
        model: Trainer = kind.load(file, custom_objects=custom_objects, compile_it=compile)
        return model


def save_weights(
    model: Model,
    target: Target,
    *,
    overwrite: bool = True,
    save_format: str | None = None,
    dialect: str | None = None,
) -> None:
    """Save the weights as HDF5 with `.h5`, `.hdf5`, `.keras` or `save_format='h5'`.

    `.weights.h5` has Keras 3's layout, with the optimizer's state if the model is compiled. Any
    other name, or `save_format='tf'`, is the prefix of a TensorFlow checkpoint, which also contains
    the optimizer's state. `dialect` is as for `save_model`, by default 'keras' for `.weights.h5`
    and 'tf_keras' for other HDF5 files.

    Raises:
        FormatNotOffered: for another `save_format`.
        UnbuiltModel: if the model has no weights yet.
        TargetExists: if the target exists and `overwrite` is False.
    """
    file = named_file(target, "save")
    _write(_weights_format(file, save_format), model, file, _options(dialect), overwrite=overwrite)


def load_weights(
    model: Trainer, source: Target, *, by_name: bool = False, skip_mismatch: bool = False
) -> LoadStatus | None:
    """Load weights from a file into the model; after an error no weight has changed.

    HDF5 files match layers with weights in order or `by_name`; layers without a match are
    unchanged. `.weights.h5` files, their shards listed in a `.weights.json`, and archives match
    layers by their path in the model, and also restore the optimizer of a compiled model.
    TensorFlow checkpoints (a prefix, or a SavedModel's folder) also restore the optimizer; weights
    that the model creates later are restored then, and the returned status reports the progress.
    `skip_mismatch` leaves layers whose weights do not match unchanged and logs a warning; it is
    available for HDF5 `by_name` and for `.weights.h5`, as in tf_keras.

    Raises:
        FormatNotOffered: for a TensorFlow checkpoint `by_name`, or `skip_mismatch` if layers are
            not matched by name or path.
        FileNotFoundError, UnreadableFile, MissingPart, WrongPart: for an invalid file.
        WeightsMismatch: if a layer's weights do not match.
    """
    file = named_file(source, "load")
    kind = _holding(WEIGHTS, file)
    if not kind.deferred:
        check_built(model)
    with loading(file):
        status: LoadStatus | None = kind.load(
            model, file, by_name=by_name, skip_mismatch=skip_mismatch
        )
        return status


def _options(dialect: str | None, *, include_optimizer: bool = True) -> SaveOptions:
    return SaveOptions(include_optimizer, None if dialect is None else Dialect(dialect))


def _write(
    kind: Format, model: Model, file: Path, options: SaveOptions, *, overwrite: bool
) -> None:
    kind.check(model)
    if not overwrite and kind.written(file).exists():
        raise TargetExists(
            f"{kind.written(file)}: expected an unused name, found a file or folder; "
            "pass overwrite=True to replace it"
        )
    kind.save(model, file, options)


def _holding(formats: Mapping[str, Format], file: Path) -> Format:
    with loading(file):
        return next(kind for kind in formats.values() if kind.holds(file))


def _model_format(file: Path, save_format: str | None) -> Format:
    if save_format is None:
        return MODELS.get(_extension(file), SAVED_MODEL)
    if save_format.lower() in MODELS:
        return MODELS[save_format.lower()]
    raise FormatNotOffered(
        f"save({str(file)!r}, save_format={save_format!r}): expected save_format 'h5' (HDF5), "
        "'keras' or 'tf' (SavedModel), or a file name '*.h5' or '*.keras'"
    )


def _weights_format(file: Path, save_format: str | None) -> Format:
    extension = _extension(file)
    if save_format is None:
        tree = file.name.endswith(".weights.h5")
        return WEIGHTS.get(".weights.h5" if tree else extension, CHECKPOINT)
    if save_format.lower() not in WEIGHTS:
        raise FormatNotOffered(
            f"save_weights({str(file)!r}, save_format={save_format!r}): expected save_format 'h5' "
            "(HDF5) or 'tf' (checkpoint), or a file name '*.h5', '*.weights.h5' or without "
            "extension"
        )
    wanted = WEIGHTS[save_format.lower()]
    if wanted is CHECKPOINT and WEIGHTS.get(extension, wanted) is not wanted:
        raise FormatNotOffered(
            f"save_weights({str(file)!r}, save_format={save_format!r}): expected the prefix of a "
            f"checkpoint, found the name of an HDF5 file; omit {file.suffix!r}"
        )
    return wanted


def _extension(file: Path) -> str:
    return file.suffix.removeprefix(".").lower()
