"""A subject for one model that a user's own function builds, trained on the user's own batches."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from inspect import signature
from itertools import chain
from os import environ
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from saveproof.conformance.families.keras.codegen.models import RECURRENT
from saveproof.conformance.families.keras.keras3 import keras_jax, keras_tensorflow, keras_torch
from saveproof.conformance.families.keras.keras_api import KerasSubject
from saveproof.conformance.families.keras.keras_path import KerasPath, SavePathSpec
from saveproof.conformance.families.keras.own_case import (
    Batch,
    arrays,
    batch_of,
    history_case,
    leaves,
)
from saveproof.conformance.families.keras.own_files import function_of
from saveproof.conformance.families.keras.tf_keras import tf_keras
from saveproof.conformance.model_state.contract import Contract
from saveproof.conformance.model_state.snapshot import Snapshot, equal_arrays
from saveproof.conformance.model_state.subject import (
    Logs,
    Model,
    Source,
    Unsupported,
    UnusableSubject,
)
from saveproof.strategies.case import (
    AnyEvent,
    Case,
    Kind,
    Layer,
    TrainOnBatch,
)
from saveproof.strategies.data import Rows, rows

OWN = "own-model:"
"""The beginning of the specification of such a subject; the JSON of an `OwnModelSpec` follows."""

BACKENDS: Mapping[str, Callable[[], KerasSubject]] = {
    "jax": keras_jax,
    "tensorflow": keras_tensorflow,
    "torch": keras_torch,
}


class OwnModelSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The functions that build a compiled model and return a batch, each `FILE.py:FUNCTION`.

    `steps` is the number of training steps before the save, and again after it.
    """

    model: str
    data: str
    steps: int = 3

    @property
    def subject(self) -> str:
        """The name under which other processes find the subject."""
        return OWN + msgspec.json.encode(self).decode()


def own_model(spec: str) -> "OwnModel":
    """Return the subject of that specification.

    Raises:
        UnusableSubject: a file or function is not there, or it returns something else.
    """
    wanted = msgspec.json.decode(spec.removeprefix(OWN), type=OwnModelSpec)
    build, batch = function_of(wanted.model), function_of(wanted.data)
    return OwnModel(wanted, build, batch, _family())


@dataclass(eq=False)
class OwnModel:
    """One model and its batches; only the history of a case matters, not its architecture.

    A file of a model may have `custom_objects`, a dictionary, which every load receives.
    """

    spec: OwnModelSpec
    function: Callable[[], Model]
    data: Callable[..., Any]
    family: KerasSubject
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.spec.model

    def environment(self) -> Mapping[str, str]:
        """Return the versions of the framework."""
        return self.family.environment()

    def files(self) -> Mapping[str, str]:
        """Return the files of the framework, and the user's."""
        return {**self.family.files(), "model": self.function.__code__.co_filename}

    def paths(self) -> Sequence["OwnPath"]:
        """Return the save paths of the framework."""
        return [OwnPath(way.of(self.family), self) for way in self.family.ways]

    def seed(self, seed: int) -> None:
        """Seed the process-wide generators."""
        self.family.seed(seed)

    def generators(self) -> Mapping[str, str]:
        """Return the states of the framework's process-wide generators, by name."""
        return self.family.generators()

    def build(self, case: Case, *, built: bool = True) -> Model:  # noqa: ARG002 - one model for all
        """Return a new model, with weights."""
        return self.new()

    def new(self) -> Model:
        """Return a new compiled model, with weights.

        Raises:
            UnusableSubject: the function returns no compiled model of the framework.
        """
        self.number_from_one()
        model = self.function()
        if not isinstance(model, self.family.keras.Model):
            raise UnusableSubject(
                f"{self.spec.model}: expected a model of {self.family.module}, found "
                f"{type(model).__module__}.{type(model).__qualname__}"
            )
        if getattr(model, "optimizer", None) is None:
            raise UnusableSubject(
                f"{self.spec.model}: expected a compiled model, found one without an optimizer: "
                "call compile in the function"
            )
        if not model.built:
            self._outputs(model)
        return model

    def compile(self, model: Model, case: Case) -> None:  # noqa: ARG002 - the function compiles
        """Compile a model that came back uncompiled as the function compiles a new one."""
        self.family.process.draw()
        settings = self.new().get_compile_config()
        with self.custom():
            model.compile_from_config(settings)

    def perform(self, model: Model, event: AnyEvent, rows: Rows | None) -> Logs:
        """Train on the batches whose place the rows stand for."""
        if not isinstance(event, TrainOnBatch) or rows is None:
            raise Unsupported(f"expected training on batches, found {type(event).__name__}")
        self.family.process.draw()
        steps = [self._steps[one.inputs[0].tobytes()] for one in rows.batches(1)]
        return [self.train(model, self.batches[step]) for step in steps]

    def train(self, model: Model, batch: Batch) -> Mapping[str, float]:
        """Train on a batch and return its logs."""
        if self.family.dialect.resets:
            model.reset_metrics()
        logs = model.train_on_batch(
            batch.x, batch.y, sample_weight=batch.sample_weight, return_dict=True
        )
        return {name: float(value) for name, value in logs.items()}

    def predict(self, model: Model, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:  # noqa: ARG002 - the batch's own
        """Return the outputs on the first batch, those of a dictionary in the order of its keys."""
        return self._outputs(model)

    def _outputs(self, model: Model) -> list[np.ndarray]:
        return list(leaves(model.predict_on_batch(self.batches[0].x)))

    def snapshot(self, model: Model) -> Snapshot:
        """Return all observable state of the model."""
        return self.family.snapshot(model)

    @contextmanager
    def custom(self) -> Iterator[dict[str, Any]]:
        """Let the framework find the user's `custom_objects`."""
        module = sys.modules[self.function.__module__]
        objects = dict(getattr(module, "custom_objects", {}))
        with self.family.keras.utils.custom_object_scope(objects):
            yield objects

    @cached_property
    def batches(self) -> Sequence[Batch]:
        """The batches of all steps.

        Raises:
            UnusableSubject: the function returns something else, or other batches the second time.
        """
        one, other = self._drawn(), self._drawn()
        if not equal_arrays(*(tuple(map(np.asarray, arrays(b))) for b in (one, other))):
            raise UnusableSubject(
                f"{self.spec.data}: expected the same batches in every process, found others the "
                "second time: take the number of the step as an argument, and seed what is random"
            )
        return one

    def _drawn(self) -> list[Batch]:
        self.seed(0)
        takes_step = bool(signature(self.data).parameters)
        return [batch_of(self.spec.data, self.data(*[n][:takes_step])) for n in range(self._count)]

    @property
    def _count(self) -> int:
        return 2 * self.spec.steps

    def number_from_one(self) -> None:
        """Have the framework number layers without a name from the beginning.

        The model is built several times in one process; each is to have the names of the first.
        """
        self.family.restart_names(self.family.keras)

    @cached_property
    def _steps(self) -> Mapping[bytes, int]:
        """The number of each step, by the rows that stand for it."""
        histories = (rows(self.case, index) for index in (0, 1))
        parts = chain.from_iterable(one.batches(1) for one in histories if one is not None)
        return {part.inputs[0].tobytes(): number for number, part in enumerate(parts)}

    @cached_property
    def case(self) -> Case:
        """The case whose history the model goes through; its layers are for what checks ask."""
        self.seed(1)
        model = self.new()
        optimizer = type(model.optimizer).__name__
        return history_case(
            tuple(self._layers(model)), self._kind(model), optimizer, self.spec.steps
        )

    def _kind(self, model: Model) -> Kind:
        """Return the kind of model; one with a config of its own is as good as a functional one."""
        keras = self.family.keras
        if type(model).__name__ in ("Sequential", "Functional"):
            return Kind.SEQUENTIAL if isinstance(model, keras.Sequential) else Kind.FUNCTIONAL
        own = type(model).get_config is not keras.Model.get_config
        return Kind.FUNCTIONAL if own else Kind.SUBCLASSED

    def _layers(self, model: Model) -> Iterator[Layer]:
        """Yield the layers with what decides which promises a check needs."""
        names: set[str] = set()
        for layer in getattr(model, "_flatten_layers", lambda: model.submodules)():
            if layer is model or layer.name in names or not isinstance(layer, _layer_class(self)):
                continue
            names.add(layer.name)
            config: dict[str, Any] = {"name": layer.name}
            if self.family.traits.generators(layer):
                config["rate"] = 0.5
            if type(layer).__name__ in RECURRENT and layer.stateful:
                config["stateful"] = True
            if "float16" in (policy := self.family.traits.policy(layer)):
                config["dtype"] = policy
            yield Layer(type(layer).__name__, config)


@dataclass(frozen=True, eq=False)
class OwnPath:
    """A save path of the framework; the user's function is the model's code."""

    path: KerasPath
    subject: OwnModel

    @property
    def name(self) -> str:
        """The path's name."""
        return self.path.name

    @property
    def in_memory(self) -> bool:
        """Whether there is no file."""
        return self.path.in_memory

    @property
    def contract(self) -> Contract:
        """The framework's promise."""
        return self.path.contract

    @property
    def way(self) -> SavePathSpec:
        """The statements of the path."""
        return self.path.way

    def save(self, model: Model, target: Path) -> Source:
        """Save the model to the target."""
        return self.path.save(model, target)

    def load(self, source: Source, case: Case) -> Model:
        """Return the loaded model; where code is needed, the user's function builds it first."""
        self.subject.number_from_one()
        names: dict[str, Any] = dict(source) if self.in_memory else {"file": str(source)}
        if self.way.code:
            names["loaded"] = self.subject.new()
        if self.way.warms_up and case.trained_since_compile:
            self.subject.train(names["loaded"], self.subject.batches[self.subject.spec.steps])
        with self.subject.custom() as objects:
            custom = ", custom_objects=custom" if self.way.takes_class else ""
            lines = [line.format(custom=custom) for line in self.way.load]
            return self.subject.family.run(lines, custom=objects, **names).pop("loaded")


def _layer_class(subject: OwnModel) -> Any:
    return subject.family.keras.layers.Layer


def _family() -> KerasSubject:
    """Return the subject of the framework that the user's files have imported.

    Raises:
        UnusableSubject: they have imported none.
    """
    legacy = "tensorflow" in sys.modules and environ.get("TF_USE_LEGACY_KERAS") in ("1", "True")
    if "tf_keras" in sys.modules or legacy:
        return tf_keras()
    keras = sys.modules.get("keras")
    if keras is not None and hasattr(keras, "backend"):
        return BACKENDS[keras.backend.backend()]()
    if "tensorflow" in sys.modules:
        return keras_tensorflow()
    raise UnusableSubject(
        "expected a file that imports keras, tf_keras or tensorflow, found one that imports none"
    )
