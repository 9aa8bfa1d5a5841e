"""The subject for every module that speaks the Keras API."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from types import ModuleType
from weakref import WeakKeyDictionary

import numpy as np
from msgspec.structs import replace

from saveproof.conformance.families import environment
from saveproof.conformance.families.keras.builder import (
    build_model,
    check_names,
    compile_model,
    one_or_list,
    subclass,
)
from saveproof.conformance.families.keras.generators import Generators
from saveproof.conformance.families.keras.inspection import KERAS_API, Traits, snapshot
from saveproof.conformance.families.keras.keras_path import SavePathSpec
from saveproof.conformance.families.keras.save_paths import KERAS_2_API
from saveproof.conformance.families.keras.training import perform
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.conformance.model_state.subject import Logs, Model, SavePath
from saveproof.strategies.case import AnyEvent, Case, CompileSettings, Kind, Recompile
from saveproof.strategies.data import Rows


class FrameworkMissing(RuntimeError):
    """The subject's framework is not installed."""


def _nothing() -> None:
    """Prepare nothing."""


def always(_: Model) -> bool:
    """Let every model run eagerly."""
    return True


@dataclass(eq=False)
class KerasSubject:
    """A module that speaks the Keras API: named by `module`, imported when first needed.

    `ways` are its save paths, `packages` are told of by version, `traits` say where the
    dialect keeps what the API does not show. Cases with `run_eagerly` are predicted by a direct
    call, the others by `predict`. A character of `not_in_names` can't be in a layer's name.
    `prepare` is called before the module is imported; `process` has the generators that are the
    process's. A model of which `eager` says no never runs eagerly, whatever the case says.
    """

    name: str
    module: str
    traits: Traits = KERAS_API
    ways: Sequence[SavePathSpec] = KERAS_2_API
    packages: tuple[str, ...] = ()
    not_in_names: str = ""
    prepare: Callable[[], None] = _nothing
    process: Generators = field(default_factory=Generators)
    eager: Callable[[Model], bool] = always
    _eager: WeakKeyDictionary[Model, bool] = field(default_factory=WeakKeyDictionary)
    _stochastic: WeakKeyDictionary[Model, bool] = field(default_factory=WeakKeyDictionary)

    @cached_property
    def keras(self) -> ModuleType:
        """The module itself.

        Raises:
            NotInstalled: it, or something that it needs, is not there.
        """
        try:
            self.prepare()
            return import_module(self.module)
        except ModuleNotFoundError as error:
            raise FrameworkMissing(
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
        check_names(case.architecture, self.not_in_names)
        model = build_model(self.keras, case.architecture, built=built)
        self._compile(model, case.settings)
        return self.noted(model, case)

    def noted(self, model: Model, case: Case) -> Model:
        """Return the model, run as the case would have it: how it runs is no state of its own.

        What made it may have drawn: a loader trains it where that makes an optimizer's variables.
        """
        if case.is_stochastic:
            self.process.draw()
        if isinstance(model, self.keras.Model):
            self._eager[model] = case.settings.run_eagerly and self.eager(model)
            self._stochastic[model] = case.is_stochastic
            if getattr(model, "optimizer", None) is not None:  # absent before Keras 3 compiles
                model.run_eagerly = self._eager[model]
        return model

    def custom_objects(self, case: Case) -> Mapping[str, type]:
        """Return the classes that a loader must be told of, by name."""
        if case.architecture.kind is not Kind.SUBCLASSED:
            return {}
        written = subclass(self.keras)
        return {written.__name__: written}

    def compile(self, model: Model, case: Case) -> None:
        """Compile with the case's final settings."""
        self._compile(model, case.final_settings)

    def perform(self, model: Model, event: AnyEvent, rows: Rows | None) -> Logs:
        """Do one event of a training history; logs are the floats that the framework reports."""
        if isinstance(event, Recompile):
            self._compile(model, event.settings)
            return ()
        if self._stochastic.get(model, True):
            self.process.draw()
        return perform(self.keras, model, event, rows)

    def predict(self, model: Model, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the model's outputs in inference mode, one array an output."""
        given = one_or_list(inputs)
        if self._eager.get(model, True):
            outputs = model(given, training=False)
        else:
            outputs = model.predict(given, batch_size=len(inputs[0]), verbose=0)
        several = outputs if isinstance(outputs, list | tuple) else [outputs]
        return [
            tensor if isinstance(tensor, np.ndarray) else self.traits.array(tensor)
            for tensor in several
        ]

    def snapshot(self, model: Model) -> Snapshot:
        """Return everything that can be told of the model, in copies."""
        return snapshot(self.keras, self.traits, model)

    def _compile(self, model: Model, settings: CompileSettings) -> None:
        eager = settings.run_eagerly and self.eager(model)
        compile_model(self.keras, model, replace(settings, run_eagerly=eager))
