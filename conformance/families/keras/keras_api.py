"""The subject for every module that speaks the Keras API."""

import copy
import json
import pickle  # noqa: TID251 - it is tested that objects come back from their own pickles
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from msgspec.structs import replace

from saveproof.conformance.families import environment
from saveproof.conformance.families.keras.codegen.compiled import raised_here, run
from saveproof.conformance.families.keras.codegen.models import building, compiling
from saveproof.conformance.families.keras.codegen.objects import making
from saveproof.conformance.families.keras.codegen.training import event_source, given, predicting
from saveproof.conformance.families.keras.dialect import PLAIN, Dialect
from saveproof.conformance.families.keras.exports import exports
from saveproof.conformance.families.keras.generators import Generators
from saveproof.conformance.families.keras.inspection import KERAS_API, Traits, snapshot
from saveproof.conformance.families.keras.keras_path import SavePathSpec
from saveproof.conformance.families.keras.objects import LiveObject, Twins
from saveproof.conformance.families.keras.save_paths import KERAS_2_API
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.conformance.model_state.subject import (
    Logs,
    Model,
    SavePath,
    Unsupported,
    UnusableSubject,
)
from saveproof.conformance.processes.endings import ENDING
from saveproof.strategies.capabilities import EVERYTHING, Capabilities
from saveproof.strategies.case import (
    AnyEvent,
    Architecture,
    Case,
    Evaluate,
    Fit,
    InvalidCase,
    Recompile,
    TrainOnBatch,
)
from saveproof.strategies.catalogue.exports import Exports
from saveproof.strategies.data import Rows

STANDARD = {"copy": copy, "json": json, "pickle": pickle}
"""Modules that save paths use."""


def _nothing() -> None:
    """Prepare nothing."""


def always(_: Architecture) -> bool:
    """Let every model run eagerly."""
    return True


def check_names(architecture: Architecture, unfit: str) -> None:
    """Refuse layers' names with characters that a subject can't have in them.

    Raises:
        Unsupported: a name has one.
    """
    for layer in architecture.every_layer():
        found = sorted(set(layer.name) & set(unfit))
        if found:
            raise Unsupported(f"layer {layer.name!r}: a name can't contain {found[0]!r}")


@dataclass(eq=False)
class KerasSubject:
    """A module that speaks the Keras API: named by `module`, imported when first needed.

    `ways` are its save paths, `packages` are listed by version, `traits` find state that the API
    does not show. Outputs come from a direct call in cases with `run_eagerly`, and from `predict`
    in the others. `capabilities` say what generated cases keep to. `prepare` is called before the
    module is imported; `process` has the process-wide generators. A model whose architecture
    `eager` rejects never runs eagerly. Each operation on a model is source that
    `codegen` writes and `run` runs; `dialect` has the source that depends on the module.
    `restart_names` has it number layers without a name from the beginning.
    """

    name: str
    module: str
    traits: Traits = KERAS_API
    ways: Sequence[SavePathSpec] = KERAS_2_API
    packages: tuple[str, ...] = ()
    capabilities: Capabilities | None = None
    prepare: Callable[[], None] = _nothing
    process: Generators = field(default_factory=Generators)
    eager: Callable[[Architecture], bool] = always
    dialect: Dialect = PLAIN
    restart_names: Callable[[ModuleType], None] = lambda keras: keras.backend.reset_uids()
    _cases: WeakKeyDictionary[Model, Case] = field(default_factory=WeakKeyDictionary)
    _twins: Twins = field(default_factory=Twins)

    @cached_property
    def keras(self) -> ModuleType:
        """The module itself.

        Raises:
            UnusableSubject: it, or something that it needs, is not there.
        """
        try:
            self.prepare()
            return import_module(self.module)
        except ModuleNotFoundError as error:
            raise UnusableSubject(
                f"subject {self.name!r} needs {', '.join(self.packages) or self.module}: {error}"
            ) from error

    def environment(self) -> Mapping[str, str]:
        """Return versions by package name, without importing any."""
        return {package: environment.version(package) for package in self.packages}

    def files(self) -> Mapping[str, str]:
        """Return the files of the module and the packages by name, without importing any."""
        return environment.files((self.module, *self.packages))

    def paths(self) -> Sequence[SavePath]:
        """Return every save path that the implementation offers."""
        return [way.of(self) for way in self.ways]

    def seed(self, seed: int) -> None:
        """Seed Python's, NumPy's and the framework's process-wide generators."""
        self.process.start(self.keras, seed % 2**32)

    def generators(self) -> Mapping[str, str]:
        """Return the states of the framework's process-wide generators, by name."""
        return self.process.states()

    def build(self, case: Case, *, built: bool = True) -> Model:
        """Return a new compiled model; `built=False` leaves a subclassed one without weights.

        Raises:
            Unsupported: the module lacks a class that the case names, or can't have a layer's name.
        """
        if case.is_object:
            return self._object(case)
        check_names(case.architecture, (self.capabilities or EVERYTHING).not_in_names)
        with _refusing(case):
            model = self.run(building(self.as_run(case), built=built)).pop("model")
        return self.noted(model, case)

    def run(self, source: Iterable[str], **names: Any) -> dict[str, Any]:
        """Run source on the module and these names; return all names after it."""
        known = {"__name__": __name__, "keras": self.keras, "np": np, "Path": Path, **STANDARD}
        return run(source, known | names)

    def as_run(self, case: Case) -> Case:
        """Return the case with `run_eagerly` where its models do run eagerly."""
        if self.eager(case.architecture):
            return case
        history = case.history
        before = tuple(_as_graph(event) for event in history.before)
        after = tuple(_as_graph(event) for event in history.after)
        return replace(
            case,
            settings=replace(case.settings, run_eagerly=False),
            history=replace(history, before=before, after=after),
        )

    def noted(self, model: Model, case: Case) -> Model:
        """Return the model, set to run eagerly or not as the case says.

        Its construction may have drawn: a load may train it to make an optimizer's variables.
        """
        if case.is_stochastic:
            self.process.draw()
        if isinstance(model, self.keras.Model):
            self._cases[model] = self.as_run(case)
            if getattr(model, "optimizer", None) is not None:  # absent before Keras 3 compiles
                model.run_eagerly = self._cases[model].settings.run_eagerly
        return model

    def compile(self, model: Model, case: Case) -> None:
        """Compile with the case's final settings."""
        with _lacking():
            self.run(compiling("model", self.as_run(case).final_settings), model=model)

    def perform(self, model: Model, event: AnyEvent, rows: Rows | None) -> Logs:
        """Do one event of a training history; logs are the floats that the framework reports."""
        case = self._case(model)
        if not self.eager(case.architecture):
            event = _as_graph(event)
        if case.is_stochastic:
            self.process.draw()
        source = list(event_source(case, event, resets=self.dialect.resets))
        parts: Iterable[Rows | None] = [rows]
        if isinstance(event, TrainOnBatch) and rows is not None:
            parts = rows.batches(event.batch_size)
        with _refusing(case):
            done = [self.run(source, model=model, **given(part)) for part in parts]
        return list(_logs(event, [names.get("logs", {}) for names in done]))

    def predict(self, model: Model, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the model's outputs in inference mode, one array an output."""
        x = inputs[0] if len(inputs) == 1 else list(inputs)
        outputs = self.run([predicting(self._case(model))], model=model, x=x)["outputs"]
        several = outputs if isinstance(outputs, list | tuple) else [outputs]
        return [
            tensor if isinstance(tensor, np.ndarray) else self.traits.array(tensor)
            for tensor in several
        ]

    def snapshot(self, model: Model) -> Snapshot:
        """Return all observable state of the model or object, in copies."""
        if isinstance(model, LiveObject):
            return model.snapshot()
        return snapshot(self.keras, self.traits, model)

    def loaded(self, case: Case, load: Callable[[], Any], *again: Callable[[], Any]) -> Model:
        """Return what a load gives: a model, noted with its case, or an object by itself."""
        if not case.is_object:
            return self.noted(load(), case)
        return LiveObject(load(), case, self.keras, self.run, self._twins, *again)

    def exports(self) -> Exports:
        """Return the classes that the module exports, with their arguments."""
        return exports(self.keras)

    def _object(self, case: Case) -> LiveObject:
        """Return a new object.

        Raises:
            Unsupported: the module lacks the class, or the class refuses the arguments.
        """
        with _refusing(case):
            made = self.run(making(case))["model"]
        return LiveObject(made, case, self.keras, self.run, self._twins)

    def _case(self, model: Model) -> Case:
        case = self._cases.get(model) if isinstance(model, self.keras.Model) else None
        if case is None:
            kind = type(model).__name__
            raise TypeError(f"expected a model that build or load has returned, found a {kind}")
        return case


def _as_graph(event: AnyEvent) -> AnyEvent:
    if not isinstance(event, Recompile):
        return event
    return replace(event, settings=replace(event.settings, run_eagerly=False))


def _logs(event: AnyEvent, logs: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, float]]:
    """Yield the logs as floats; those of a fit have a list of the epochs' by name.

    A fit may have run fewer epochs than the event has: those are all.
    """
    if isinstance(event, Fit):
        for values in zip(*logs[0].values(), strict=True):
            yield {name: float(value) for name, value in zip(logs[0], values, strict=True)}
    elif isinstance(event, TrainOnBatch | Evaluate):
        for log in logs:
            yield {name: float(value) for name, value in log.items()}


@contextmanager
def _refusing(case: Case) -> Iterator[None]:
    """Turn every error into `Unsupported` where the case tests arguments, which may be refused.

    Raises:
        Unsupported: there is one; in other cases, as `_lacking`.
    """
    try:
        with _lacking():
            yield
    except (Unsupported, *ENDING):
        raise
    except BaseException as error:
        if not (case.is_object or case.tested):
            raise
        raise Unsupported(f"refused: {type(error).__name__}: {error}") from error


@contextmanager
def _lacking() -> Iterator[None]:
    """Turn an error for a class that the module lacks, or no case may name, into `Unsupported`.

    Raises:
        Unsupported: there is one.
    """
    try:
        yield
    except InvalidCase as error:
        raise Unsupported(str(error)) from error
    except AttributeError as error:
        if not (isinstance(error.obj, ModuleType) and raised_here(error)):
            raise
        raise Unsupported(f"{error.obj.__name__} has no {error.name!r}") from error
