"""Models and weights to and from files: one table from the names of formats to what they are."""

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
    """The target exists and `overwrite=False` was given."""


def _anything(_: Path) -> bool:
    """Return that a file is of this format, whose reader says what is wrong with it if it isn't."""
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
"""How a whole model is kept, by `save_format` or extension; with any other, it is a SavedModel.

A file is read as the first of them that it is of.
"""


def _is_checkpoint(file: Path) -> bool:
    """Return whether a checkpoint has this name, unless a file of another format has it, too."""
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
    # TensorFlow 2.0 takes this name for HDF5.
    "keras": Format(save=model_h5.save_weights, load=load_archive_weights, holds=is_archive),
    ".weights.h5": Format(save=save_weights_tree, load=load_shards, holds=is_index_of_shards),
    "h5": HDF5_WEIGHTS,
    "hdf5": HDF5_WEIGHTS,
}
"""How weights are kept, by `save_format` or extension; with any other, in a checkpoint."""


def save_model(
    model: Model,
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
    options = _options(dialect, include_optimizer=include_optimizer)
    _write(_model_format(file, save_format), model, file, options, overwrite=overwrite)


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
    _write(_weights_format(file, save_format), model, file, _options(dialect), overwrite=overwrite)


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
        raise TargetExists(f"{kind.written(file)}: exists; pass overwrite=True to replace it")
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
        f"save({str(file)!r}, save_format={save_format!r}): a whole model is saved as HDF5, "
        "as an archive or as a SavedModel: name the file '*.h5' or '*.keras', or pass "
        "save_format='h5', 'keras' or 'tf'"
    )


def _weights_format(file: Path, save_format: str | None) -> Format:
    extension = _extension(file)
    if save_format is None:
        tree = file.name.endswith(".weights.h5")
        return WEIGHTS.get(".weights.h5" if tree else extension, CHECKPOINT)
    if save_format.lower() not in WEIGHTS:
        raise FormatNotOffered(
            f"save_weights({str(file)!r}, save_format={save_format!r}): expected save_format 'h5' "
            "or 'tf', or a name of HDF5 ('*.h5', '*.weights.h5') or without an extension"
        )
    wanted = WEIGHTS[save_format.lower()]
    if wanted is CHECKPOINT and WEIGHTS.get(extension, wanted) is not wanted:
        raise FormatNotOffered(
            f"save_weights({str(file)!r}, save_format={save_format!r}): the name is one of an HDF5 "
            f"file; leave {file.suffix!r} out for a checkpoint"
        )
    return wanted


def _extension(file: Path) -> str:
    return file.suffix.removeprefix(".").lower()
