"""What a subject says of itself, asked in a process of its own: it may end there, or hang."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from saveproof.conformance.families import subjects
from saveproof.conformance.families.subjects import BrokenSubject, NotASubject, UnknownSubject
from saveproof.conformance.model_state.contract import Contract, Promise
from saveproof.conformance.model_state.subject import Model, Source
from saveproof.conformance.processes.endings import MEMORY, Crashed, Failed, TimedOut
from saveproof.conformance.processes.foreign import protocol
from saveproof.conformance.processes.foreign.client import NotReached
from saveproof.conformance.processes.foreign.environments import NoEnvironment, launch
from saveproof.conformance.processes.isolation import Child
from saveproof.strategies.case import Case

DESCRIBE = "saveproof.conformance.families.description:describe"

SECONDS = 60.0
"""How long a subject may take to be imported and to tell of itself."""


class NotDescribed(TypeError):
    """What a subject tells of itself is nothing that a run's header can hold."""


class NotHere(RuntimeError):
    """A described save path was asked to save or load: that is for the process that has it."""


ERRORS: Mapping[str, type[Exception]] = {
    error.__name__: error
    for error in (
        *(UnknownSubject, NoEnvironment, NotASubject, BrokenSubject, NotReached, NotDescribed),
    )
}
"""What may be wrong with a subject, by name: what the other process tells."""


@dataclass(frozen=True)
class DescribedPath:
    """What is known of a save path without it: name, contract, formats that it exchanges."""

    name: str
    in_memory: bool
    contract: Contract
    writes: str
    reads: Mapping[str, Promise]

    def save(self, model: Model, target: Path) -> Source:
        """Refuse: another process has the path.

        Raises:
            NotHere: always.
        """
        self._refuse("save", model, target)

    def load(self, source: Source, case: Case) -> Model:
        """Refuse: another process has the path.

        Raises:
            NotHere: always.
        """
        self._refuse("load", source, case)

    def _refuse(self, what: str, *_: object) -> NoReturn:
        raise NotHere(f"path {self.name!r} is described here; it can't {what}")


@dataclass(frozen=True)
class Described:
    """What a subject has told of itself."""

    name: str
    versions: Mapping[str, str]
    offered: Sequence[DescribedPath]

    def environment(self) -> Mapping[str, str]:
        """Return versions by package name."""
        return self.versions

    def paths(self) -> Sequence[DescribedPath]:
        """Return the save paths that the subject offers."""
        return self.offered


@cache
def described(spec: str) -> Described:
    """Return what the subject of that name says of itself.

    Built-in ones are asked in this process: they import no framework for it.

    Raises:
        UnknownSubject, NoEnvironment, NotASubject, BrokenSubject: as `subjects.resolve` says;
            BrokenSubject too where its process ends or gives no answer.
        NotDescribed: it tells what no header can hold.
    """
    return from_json(spec, answer(spec))


def answer(spec: str) -> bytes:
    """Return the same as JSON, for another process to have.

    Raises:
        UnknownSubject, NoEnvironment, NotASubject, BrokenSubject, NotDescribed: as above.
    """
    if spec in subjects.SUBJECTS:
        return _told(spec)
    launch(spec)  # an environment that is made takes minutes, and may: our own code does it
    asking = f"subject {spec!r}: its import, or telling versions and save paths,"
    try:
        with Child(DESCRIBE, memory=MEMORY) as child:
            told = child.call(spec.encode(), seconds=SECONDS)
    except TimedOut as error:
        raise BrokenSubject(f"{asking} gave no answer in {SECONDS:g} s; mend it") from error
    except Crashed as error:
        raise BrokenSubject(f"{asking} went wrong: {error}; mend it") from error
    except Failed as error:
        last = str(error).rstrip().rpartition("\n")[2]
        raise BrokenSubject(f"{asking} raised {last}; mend it") from error
    failed = msgspec.json.decode(told, type=dict[str, Any]).get("failed")
    if failed is not None:
        raise ERRORS[failed["kind"]](failed["message"])
    return told


def from_json(spec: str, told: bytes) -> Described:
    """Return what was told.

    Raises:
        NotDescribed: no header can hold it.
    """
    plain = msgspec.json.decode(told, type=dict[str, Any])
    try:
        return Described(spec, plain["environment"], [_path(one) for one in plain["paths"]])
    except (AttributeError, TypeError, ValueError) as error:
        raise _undescribed(spec, error) from error


def describe(message: bytes) -> bytes:
    """Return what the subject tells of itself, or what is wrong with it: for a child process."""
    try:
        return _told(message.decode())
    except tuple(ERRORS.values()) as error:
        failed = {"kind": type(error).__name__, "message": str(error)}
        return msgspec.json.encode({"failed": failed})


def _told(spec: str) -> bytes:
    subject = subjects.resolve(spec)
    with subjects.answering(spec, "telling versions and save paths"):
        paths = [protocol.path_to_json(path) for path in subject.paths()]
        told = {"environment": dict(subject.environment()), "paths": paths}
    try:
        return msgspec.json.encode(told)
    except (TypeError, ValueError) as error:
        raise _undescribed(spec, error) from error


def _undescribed(spec: str, error: Exception) -> NotDescribed:
    return NotDescribed(
        f"subject {spec!r}: expected texts as versions, names and documents of save paths, found "
        f"another: {error}; mend `environment` or `paths`"
    )


def _path(told: Mapping[str, Any]) -> DescribedPath:
    return DescribedPath(
        told["name"],
        told["in_memory"],
        protocol.contract_from_json(told["contract"]),
        told["writes"],
        {name: Promise(promise) for name, promise in told["reads"].items()},
    )
