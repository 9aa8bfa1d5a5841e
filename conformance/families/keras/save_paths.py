"""The Keras family's save paths: how each writes a model and reads it back."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from saveproof.conformance.families.keras import contracts as contracts
from saveproof.conformance.families.keras import formats as formats
from saveproof.conformance.families.keras.keras_path import Family, SavePathSpec
from saveproof.conformance.families.keras.tf_checkpoint import (
    load_checkpoint,
    save_checkpoint,
    set_flag,
)
from saveproof.conformance.model_state.subject import Model, Source
from saveproof.strategies.case import Case

__all__ = ["CHECKPOINT", "KERAS_2_API", "KERAS_3", "TF_KERAS", "SavePathSpec"]


@dataclass(frozen=True)
class Description:
    """A config with the class that it is of, and weights where they go with it."""

    kind: type
    config: Any
    weights: Any = None


def _load_model(subject: Family, source: Path, case: Case) -> Model:
    custom = dict(subject.custom_objects(case))
    return subject.keras.models.load_model(source, custom_objects=custom)


def _revive(subject: Family, source: Path, _: Case) -> Model:
    """Load without the model's code: its graph is in the source."""
    return subject.keras.models.load_model(source)


def _save_h5(model: Model, target: Path) -> Source:
    return _saved(model.save, target.with_suffix(".h5"))


def _save_keras(model: Model, target: Path) -> Source:
    """Save the archive of Keras v3."""
    return _saved(model.save, target.with_suffix(".keras"))


def _save_savedmodel(model: Model, target: Path) -> Source:
    return _saved(model.save, target, save_format="tf")


def _saved(save: Callable[..., object], source: Path, **options: str) -> Path:
    save(str(source), **options)
    return source


def _save_config(model: Model, _: Path) -> Source:
    return Description(type(model), model.get_config())


def _save_config_and_weights(model: Model, _: Path) -> Source:
    return Description(type(model), model.get_config(), model.get_weights())


def _load_config(_: Family, source: Description, __: Case) -> Model:
    model = source.kind.from_config(source.config)  # type: ignore[attr-defined]  # a Keras class
    if source.weights is not None:
        model.set_weights(source.weights)
    return model


def _save_json(model: Model, target: Path) -> Source:
    source = target.with_suffix(".json")
    source.write_text(model.to_json(), encoding="utf-8")
    return source


def _load_json(subject: Family, source: Path, case: Case) -> Model:
    text = source.read_text(encoding="utf-8")
    custom = dict(subject.custom_objects(case))
    return subject.keras.models.model_from_json(text, custom_objects=custom)


def _save_weights_in_memory(model: Model, _: Path) -> Source:
    return model.get_weights()


def rebuilt(subject: Family, case: Case) -> Model:
    """Return the model as its code makes it: compiled first, then frozen, where it was so."""
    model = subject.build(case.as_compiled)
    for event in case.set_since_compile:
        set_flag(model, event.layer, value=event.value)
    return model


def _load_weights_in_memory(subject: Family, source: Any, case: Case) -> Model:
    model = rebuilt(subject, case)
    model.set_weights(source)
    return model


def _save_weights_h5(model: Model, target: Path) -> Source:
    return _saved(model.save_weights, target.with_suffix(".h5"))


def _save_weights_v3(model: Model, target: Path) -> Source:
    """Save the weights in the layout of Keras v3."""
    return _saved(model.save_weights, target.with_suffix(".weights.h5"))


def load_weights(subject: Family, source: Path, case: Case) -> Model:
    """Load weights into a model that the code makes."""
    model = rebuilt(subject, case)
    model.load_weights(str(source))
    return model


def _save_json_and_weights(model: Model, target: Path) -> Source:
    target.mkdir(exist_ok=True)
    _save_json(model, target / "model")
    _save_weights_v3(model, target / "model")
    return target


def _load_json_and_weights(subject: Family, source: Path, case: Case) -> Model:
    model = _load_json(subject, source / "model.json", case)
    model.load_weights(str(source / "model.weights.h5"))
    return model


def _save_json_and_weights_h5(model: Model, target: Path) -> Source:
    target.mkdir(exist_ok=True)
    _save_json(model, target / "model")
    _save_weights_h5(model, target / "weights")
    return target


def _load_json_and_weights_h5(subject: Family, source: Path, case: Case) -> Model:
    model = _load_json(subject, source / "model.json", case)
    model.load_weights(str(source / "weights.h5"))
    return model


def _save_nothing(model: Model, _: Path) -> Source:
    return model


def _clone(subject: Family, source: Model, _: Case) -> Model:
    return subject.keras.models.clone_model(source)


_CONFIG = SavePathSpec("config", contracts.CONFIG, _save_config, _load_config, in_memory=True)
_JSON = SavePathSpec("json", contracts.JSON, _save_json, _load_json, format=formats.JSON_KERAS_2)
_WEIGHTS = SavePathSpec(
    *("weights_in_memory", contracts.WEIGHTS_IN_MEMORY),
    *(_save_weights_in_memory, _load_weights_in_memory),
    in_memory=True,
)
_CONFIG_AND_WEIGHTS = SavePathSpec(
    *("config_and_weights", contracts.CONFIG_AND_WEIGHTS, _save_config_and_weights, _load_config),
    in_memory=True,
)
_H5 = SavePathSpec("h5", contracts.H5, _save_h5, _load_model, format=formats.H5_KERAS_2)

CHECKPOINT = SavePathSpec(
    *("checkpoint", replace(contracts.TF_CHECKPOINT, refuses_unbuilt=True)),
    *(save_checkpoint, load_checkpoint),
    format=formats.CHECKPOINT,
)
"""The checkpoint of TensorFlow, wherever it is written."""

KERAS_2_API = (
    _CONFIG,
    _JSON,
    _WEIGHTS,
    _CONFIG_AND_WEIGHTS,
    _H5,
    SavePathSpec(
        *("weights_h5", contracts.WEIGHTS_H5, _save_weights_h5, load_weights),
        format=formats.WEIGHTS_H5,
    ),
    SavePathSpec(
        *("json_and_weights_h5", contracts.JSON_AND_WEIGHTS),
        *(_save_json_and_weights_h5, _load_json_and_weights_h5),
        format=formats.JSON_AND_WEIGHTS_H5,
    ),
)
"""Every path of the guide that needs no TensorFlow."""


def _taking_unbuilt(way: SavePathSpec) -> SavePathSpec:
    """Return the path of tf_keras, whose documents don't say what comes of missing weights."""
    return replace(way, contract=replace(way.contract, refuses_unbuilt=False))


SAVEDMODEL = SavePathSpec(
    *("savedmodel", contracts.SAVEDMODEL, _save_savedmodel, _revive), format=formats.SAVEDMODEL
)

TF_KERAS = (
    _H5,
    SAVEDMODEL,
    SavePathSpec(
        *("keras", contracts.KERAS_2_ARCHIVE, _save_keras, _load_model),
        format=formats.ARCHIVE_KERAS_2,
    ),
    *(_taking_unbuilt(way) for way in KERAS_2_API if way is not _H5),
    _taking_unbuilt(CHECKPOINT),
)

KERAS_3 = (
    SavePathSpec(
        *("keras", contracts.KERAS_3_ARCHIVE, _save_keras, _load_model),
        format=formats.ARCHIVE_KERAS_3,
        reads_too=formats.OF_KERAS_2["archive"],
    ),
    replace(
        _H5,
        contract=contracts.KERAS_3_H5,
        format=formats.H5_KERAS_3,
        reads_too=formats.OF_KERAS_2["h5"],
    ),
    SavePathSpec(
        *("weights_h5", contracts.KERAS_3_WEIGHTS, _save_weights_v3, load_weights),
        format=formats.WEIGHTS_V3_KERAS_3,
        reads_too=formats.OF_KERAS_2["weights"],
    ),
    replace(_CONFIG, contract=contracts.KERAS_3_CONFIG),
    replace(_JSON, contract=contracts.KERAS_3_JSON, format=formats.JSON_KERAS_3),
    replace(_WEIGHTS, contract=contracts.KERAS_3_WEIGHTS_IN_MEMORY),
    replace(_CONFIG_AND_WEIGHTS, contract=contracts.KERAS_3_CONFIG_AND_WEIGHTS),
    SavePathSpec(
        *("json_and_weights", contracts.KERAS_3_JSON_AND_WEIGHTS),
        *(_save_json_and_weights, _load_json_and_weights),
        format=formats.JSON_AND_WEIGHTS_V3,
    ),
    SavePathSpec("clone", contracts.KERAS_3_CLONE, _save_nothing, _clone, in_memory=True),
)
