"""Subjects and save paths: the protocol that an implementation under test follows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from saveproof.conformance.model_state.contract import Contract, Promise
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.strategies.capabilities import Capabilities
from saveproof.strategies.case import AnyEvent, Case
from saveproof.strategies.catalogue.exports import Exports
from saveproof.strategies.data import Rows

Model = Any
"""A live model of the subject: opaque to everything but the subject and its paths."""

Source = Any
"""What `save` leaves for `load`: the target's path, or an in-memory object."""

Logs = Sequence[Mapping[str, float]]
"""Loss and metrics by name: an entry a step for `train_on_batch`, an epoch for `fit`."""


class Unsupported(Exception):
    """The subject can't build or train this case, so that the case says nothing of saving.

    It is not `declared` where the subject raised another exception, which is no excuse.
    """

    declared = True


class UnusableSubject(LookupError):
    """A specification names no subject that can be used; the message says why and what to do."""


class SavePath(Protocol):
    """One way to write a model and read it back.

    `in_memory` paths have no file: their source dies with the process.
    """

    @property
    def name(self) -> str:
        """What the path is called."""

    @property
    def in_memory(self) -> bool:
        """Return whether the source is an object of this process, not a file."""

    @property
    def contract(self) -> Contract:
        """What the path promises."""

    def save(self, model: Model, target: Path) -> Source:
        """Save the model at (or beside) the target, which does not exist yet."""

    def load(self, source: Source, case: Case) -> Model:
        """Return the loaded model; `case` takes the place of the model's code."""


@runtime_checkable
class Exchanged(SavePath, Protocol):
    """A save path whose files travel: other subjects read what it writes, or it reads theirs."""

    @property
    def writes(self) -> str:
        """The name of the format that `save` writes; empty where no other subject reads it."""

    @property
    def reads(self) -> Mapping[str, Promise]:
        """The formats that `load` reads, each with the path's promise for what comes back."""


@runtime_checkable
class Sparing(SavePath, Protocol):
    """A save path that can leave an earlier file as it is: its contract says so."""

    def save_new(self, model: Model, target: Path) -> None:
        """Save the model where nothing is yet; otherwise leave what is there, or raise."""


@runtime_checkable
class Drawing(Protocol):
    """A subject whose framework draws from process-wide generators of its own."""

    def generators(self) -> Mapping[str, str]:
        """Return a text of each generator's state by its name, another text for each state."""


@runtime_checkable
class Located(Protocol):
    """A subject that lists the files it imports."""

    def files(self) -> Mapping[str, str]:
        """Return files by module name, of the framework and its dependencies."""


@runtime_checkable
class Capable(Protocol):
    """A subject that says what it has: generated cases keep to it."""

    @property
    def capabilities(self) -> Capabilities | None:
        """Return the classes, arguments, events and names that the subject has; None for all."""


@runtime_checkable
class Exporting(Protocol):
    """A subject that tells the classes of which it makes objects by themselves."""

    def exports(self) -> Exports:
        """Return the classes, with the arguments of their constructors."""


class Offering(Protocol):
    """The description of a subject: its name, versions and save paths."""

    @property
    def name(self) -> str:
        """What the subject is called."""

    def environment(self) -> Mapping[str, str]:
        """Return versions by package name."""

    def paths(self) -> Sequence[SavePath]:
        """Return every save path that the implementation offers."""


class Subject(Offering, Protocol):
    """The implementation under test: builds, trains and describes models. It never sees a check."""

    def seed(self, seed: int) -> None:
        """Seed the process-wide generators: the environment's randomness, not the model's."""

    def build(self, case: Case, *, built: bool = True) -> Model:
        """Return a new compiled model with weights.

        `built=False` leaves a subclassed model without weights.

        Raises:
            Unsupported: the implementation lacks something that the case asks for.
        """

    def compile(self, model: Model, case: Case) -> None:
        """Compile with the case's final settings a model that came back uncompiled."""

    def perform(self, model: Model, event: AnyEvent, rows: Rows | None) -> Logs:
        """Do one event of a training history (any but `Hop`), with its rows."""

    def predict(self, model: Model, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the model's outputs in inference mode, one array an output."""

    def snapshot(self, model: Model) -> Snapshot:
        """Return all observable state of the model, in copies."""
