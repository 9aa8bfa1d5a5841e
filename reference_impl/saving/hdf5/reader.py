"""Reading of Keras 2's HDF5 layout, which Keras 3 also uses, with all parts validated."""

from dataclasses import replace
from pathlib import Path

from saveproof.reference_impl.saving.errors import MissingPart, WrongPart
from saveproof.reference_impl.saving.hdf5.extras import read_extras
from saveproof.reference_impl.saving.hdf5.parts import Part, opened
from saveproof.reference_impl.saving.hdf5.writer import TOP_LEVEL
from saveproof.reference_impl.state import LayerWeights, ModelState, NamedArray, WeightsState


def read_model(source: Path) -> ModelState:
    """Return the state of a whole model from a file.

    Raises:
        FileNotFoundError: if the file does not exist.
        UnreadableFile: if it is not HDF5 or truncated.
        WrongChecksum: if it has a checksum trailer and is damaged.
        MissingPart: if it does not contain a whole model, or a listed part is missing.
        WrongPart: if a part is invalid.
    """
    with opened(source) as root:
        architecture = root.json("model_config")
        if architecture is None:
            raise MissingPart(
                f"{source}: no model_config: not a whole model; load a file of weights with "
                "load_weights()"
            )
        if "model_weights" not in root:
            raise MissingPart(f"{source}: has a model_config, but no group 'model_weights'")
        group = root.group("model_weights")
        optimizer = None
        if "optimizer_weights" in root:
            optimizer = _arrays(root.group("optimizer_weights"))
        return ModelState(
            architecture,
            _weights(group),
            root.json("training_config"),
            optimizer,
            read_extras(root),
            _version(group),
        )


def read_weights(root: Part) -> WeightsState:
    """Return the weights in an open file of weights or of a whole model.

    Raises:
        MissingPart, WrongPart: as for `read_model`.
    """
    is_model = not root.has_names("layer_names") and "model_weights" in root
    extras = read_extras(root)
    found = _weights(root.group("model_weights") if is_model else root)
    return found if extras is None else replace(found, trainable=extras.trainable)


def holds_tree(root: Part) -> bool:
    """Return whether a file has `.weights.h5`'s layout: groups of variables without name lists."""
    listed = root.has_names("layer_names") or "model_weights" in root
    return not listed and any(name in root for name in ("vars", "layers", "optimizer"))


def _weights(group: Part) -> WeightsState:
    names = group.names("layer_names")
    if names is None:
        raise MissingPart(
            f"{group.source}: no layer_names: not a file of weights in Keras 2's layout"
        )
    _version(group)
    layers = tuple(LayerWeights(name, _arrays(group.group(name))) for name in names)
    top = _arrays(group.group(TOP_LEVEL)) if TOP_LEVEL in group else ()
    return WeightsState(layers, top)


def _version(group: Part) -> str:
    version = group.text("keras_version")
    if version is None or version.startswith("1"):
        found = "no keras_version" if version is None else f"{version!r}"
        raise WrongPart(
            f"{group.source}: {group.where!r}: expected a keras_version of 2 or later, found "
            f"{found}; files of Keras 1 have another layout, which is not supported: load the file "
            "with Keras 2.2 and save it again"
        )
    return version


def _arrays(group: Part) -> tuple[NamedArray, ...]:
    names = group.names("weight_names")
    if names is None:
        raise MissingPart(f"{group.source}: group {group.where!r} has no weight_names")
    return tuple(NamedArray(name, group.array(name)) for name in names)
