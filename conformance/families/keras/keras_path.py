"""What a save path of the Keras family is, and what it needs of a subject."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from saveproof.conformance.model_state.contract import Contract, Promise
from saveproof.conformance.model_state.subject import Model, Source
from saveproof.strategies.case import Case


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
class SavePathSpec:
    """How a path writes and reads, whatever the subject; `write` returns what `read` takes.

    `format` names what it writes, and reads; `reads_too` has other formats that it takes, and how
    firmly it answers for them.
    """

    name: str
    contract: Contract
    write: Callable[[Model, Path], Source]
    read: Callable[[Family, Any, Case], Model]
    in_memory: bool = False
    format: str = ""
    reads_too: Mapping[str, Promise] = field(default_factory=dict)

    def of(self, subject: Family) -> "KerasPath":
        """Return the save path of that subject."""
        return KerasPath(self.name, self.in_memory, self.contract, self, subject)


@dataclass(frozen=True, eq=False)
class KerasPath:
    """A save path of one subject."""

    name: str
    in_memory: bool
    contract: Contract
    way: SavePathSpec
    subject: Family

    @property
    def writes(self) -> str:
        """The name of the format that the path writes."""
        return self.way.format

    @property
    def reads(self) -> Mapping[str, Promise]:
        """The formats that the path reads: its own, and those that it takes besides."""
        own = {self.way.format: Promise.MUST} if self.way.format else {}
        return {**own, **self.way.reads_too}

    def save(self, model: Model, target: Path) -> Source:
        """Save the model beside the target, under the path's own extension."""
        return self.way.write(model, target)

    def load(self, source: Source, case: Case) -> Model:
        """Return the model that comes back; where code is needed, `case` builds it."""
        return self.subject.noted(self.way.read(self.subject, source, case), case)
