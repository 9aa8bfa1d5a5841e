"""The Keras family's save paths: how each writes a model and reads it back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from conformance.contract import Contract
from conformance.paths import keras_contracts as contracts
from conformance.subject import Model, Source
from strategies.case import Case, TrainOnBatch
from strategies.data import rows


class Family(Protocol):
    """What a save path needs of a subject that speaks the Keras API."""

    @property
    def keras(self) -> ModuleType:
        """The module."""

    def build(self, case: Case, *, built: bool = True) -> Model:
        """Return a new compiled model: the model's code."""

    def noted(self, model: Model, case: Case) -> Model:
        """Return the model, having noted which case it belongs to."""

    def custom_objects(self, case: Case) -> Mapping[str, type]:
        """Return the classes that a loader must be told of, by name."""


@dataclass(frozen=True)
class Way:
    """How a path writes and reads, whatever the subject; `write` returns what `read` takes."""

    name: str
    contract: Contract
    write: Callable[[Model, Path], Source]
    read: Callable[[Family, Any, Case], Model]
    in_memory: bool = False

    def of(self, subject: Family) -> "KerasPath":
        """Return the save path of that subject."""
        return KerasPath(self.name, self.in_memory, self.contract, self, subject)


@dataclass(eq=False)
class KerasPath:
    """A save path of one subject."""

    name: str
    in_memory: bool
    contract: Contract
    way: Way
    subject: Family

    def save(self, model: Model, target: Path) -> Source:
        """Save the model beside the target, under the path's own extension."""
        return self.way.write(model, target)

    def load(self, source: Source, case: Case) -> Model:
        """Return the model that comes back; where code is needed, `case` builds it."""
        return self.subject.noted(self.way.read(self.subject, source, case), case)


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


def _load_weights_in_memory(subject: Family, source: Any, case: Case) -> Model:
    model = subject.build(case)
    model.set_weights(source)
    return model


def _save_weights_h5(model: Model, target: Path) -> Source:
    return _saved(model.save_weights, target.with_suffix(".h5"))


def _save_weights_v3(model: Model, target: Path) -> Source:
    """Save the weights in the layout of Keras v3."""
    return _saved(model.save_weights, target.with_suffix(".weights.h5"))


def _load_weights(subject: Family, source: Path, case: Case) -> Model:
    model = subject.build(case)
    model.load_weights(str(source))
    return model


def _save_json_and_weights(model: Model, target: Path) -> Source:
    target.mkdir()
    _save_json(model, target / "model")
    _save_weights_v3(model, target / "model")
    return target


def _load_json_and_weights(subject: Family, source: Path, case: Case) -> Model:
    model = _load_json(subject, source / "model.json", case)
    model.load_weights(str(source / "model.weights.h5"))
    return model


def _save_json_and_weights_h5(model: Model, target: Path) -> Source:
    target.mkdir()
    _save_json(model, target / "model")
    _save_weights_h5(model, target / "weights")
    return target


def _load_json_and_weights_h5(subject: Family, source: Path, case: Case) -> Model:
    model = _load_json(subject, source / "model.json", case)
    model.load_weights(str(source / "weights.h5"))
    return model


def _save_checkpoint(model: Model, target: Path) -> Source:
    target.mkdir()
    model.save_weights(str(target / "weights"), save_format="tf")
    return target


def _load_checkpoint(subject: Family, source: Path, case: Case) -> Model:
    """Restore as the guide does: the optimizer's variables exist only after one batch."""
    model = subject.build(case)
    _train_one_batch(model, case)
    model.load_weights(str(source / "weights"))
    return model


def _train_one_batch(model: Model, case: Case) -> None:
    """Train on the first batch that follows the save in the case's history, if there is one."""
    start = len(case.history.before)
    for index, event in enumerate(case.history.after, start):
        data = rows(case, index)
        if isinstance(event, TrainOnBatch) and data is not None:
            model.train_on_batch(
                _first(data.inputs, event.batch_size), _first(data.targets, event.batch_size)
            )
            return


def _first(arrays: Sequence[np.ndarray], size: int) -> Any:
    cut = [array[:size] for array in arrays]
    return cut[0] if len(cut) == 1 else cut


def _save_nothing(model: Model, _: Path) -> Source:
    return model


def _clone(subject: Family, source: Model, _: Case) -> Model:
    return subject.keras.models.clone_model(source)


_CONFIG = Way("config", contracts.CONFIG, _save_config, _load_config, in_memory=True)
_JSON = Way("json", contracts.JSON, _save_json, _load_json)
_WEIGHTS = Way(
    *("weights_in_memory", contracts.WEIGHTS_IN_MEMORY),
    *(_save_weights_in_memory, _load_weights_in_memory),
    in_memory=True,
)
_CONFIG_AND_WEIGHTS = Way(
    *("config_and_weights", contracts.CONFIG_AND_WEIGHTS, _save_config_and_weights, _load_config),
    in_memory=True,
)
_H5 = Way("h5", contracts.H5, _save_h5, _load_model)

KERAS_2_API = (
    _CONFIG,
    _JSON,
    _WEIGHTS,
    _CONFIG_AND_WEIGHTS,
    _H5,
    Way("weights_h5", contracts.WEIGHTS_H5, _save_weights_h5, _load_weights),
    Way(
        *("json_and_weights_h5", contracts.JSON_AND_WEIGHTS),
        *(_save_json_and_weights_h5, _load_json_and_weights_h5),
    ),
)
"""Every path of the guide that needs no TensorFlow."""

TF_KERAS = (
    _H5,
    Way("savedmodel", contracts.SAVEDMODEL, _save_savedmodel, _revive),
    Way("keras", contracts.KERAS_2_ARCHIVE, _save_keras, _load_model),
    *(way for way in KERAS_2_API if way is not _H5),
    Way("checkpoint", contracts.TF_CHECKPOINT, _save_checkpoint, _load_checkpoint),
)

KERAS_3 = (
    Way("keras", contracts.KERAS_3_ARCHIVE, _save_keras, _load_model),
    replace(_H5, contract=contracts.KERAS_3_H5),
    Way("weights_h5", contracts.KERAS_3_WEIGHTS, _save_weights_v3, _load_weights),
    replace(_CONFIG, contract=contracts.KERAS_3_CONFIG),
    replace(_JSON, contract=contracts.KERAS_3_JSON),
    replace(_WEIGHTS, contract=contracts.KERAS_3_WEIGHTS_IN_MEMORY),
    replace(_CONFIG_AND_WEIGHTS, contract=contracts.KERAS_3_CONFIG_AND_WEIGHTS),
    Way(
        *("json_and_weights", contracts.KERAS_3_JSON_AND_WEIGHTS),
        *(_save_json_and_weights, _load_json_and_weights),
    ),
    Way("clone", contracts.KERAS_3_CLONE, _save_nothing, _clone, in_memory=True),
)
