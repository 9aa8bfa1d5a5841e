"""The description of a subject, from a process of its own, which may crash or hang."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from saveproof.conformance.families import environment, subjects
from saveproof.conformance.model_state.subject import (
    Capable,
    Exporting,
    Located,
    Offering,
    UnusableSubject,
)
from saveproof.conformance.processes.endings import Ending, NoAnswer
from saveproof.conformance.processes.foreign.environments import launch
from saveproof.conformance.processes.foreign.protocol import (
    VERSION,
    DescribedPath,
    SubjectDescription,
)
from saveproof.conformance.processes.isolation import Child
from saveproof.conformance.processes.memory import MEMORY
from saveproof.conformance.processes.wire import JSON
from saveproof.strategies.capabilities import EVERYTHING, Capabilities, typed
from saveproof.strategies.catalogue.exports import Exports

DESCRIBE = "saveproof.conformance.families.description:describe"

EXPORTS = "saveproof.conformance.families.description:tell_exports"

SECONDS = 60.0
"""How long a subject may take for its import and its description."""


UNUSABLE = f"{UnusableSubject.__module__}.{UnusableSubject.__name__}"
"""The class of the error that the other process raises where it can't use the subject."""


@dataclass(frozen=True)
class Described:
    """A subject's description, with its name."""

    name: str
    description: SubjectDescription

    def environment(self) -> Mapping[str, str]:
        """Return versions by package name."""
        return self.description.environment

    def files(self) -> Mapping[str, str]:
        """Return by module name the files that the subject's process imports."""
        return self.description.files

    def paths(self) -> Sequence[DescribedPath]:
        """Return the save paths that the subject offers."""
        return self.description.paths

    @property
    def capabilities(self) -> Capabilities:
        """What the subject has: everything, if it does not say."""
        return self.description.capabilities or EVERYTHING


@cache
def described(spec: str) -> Described:
    """Return the description of the subject of that name, without importing a framework.

    Raises:
        UnusableSubject: as `subjects.resolve` says; its process ends or gives no answer; or a run's
            header can't hold its description.
    """
    return from_json(spec, answer(spec))


@cache
def answer(spec: str) -> bytes:
    """Return the same as JSON, for another process.

    Raises:
        UnusableSubject: as above.
    """
    launch(spec)  # an environment that is made takes minutes, and may: our own code does it
    asking = f"subject {spec!r}: its import, or telling versions and save paths,"
    try:
        with Child(DESCRIBE, memory=MEMORY) as child:
            description = child.call(spec.encode(), seconds=SECONDS)
    except NoAnswer as error:
        if error.fault.kind == UNUSABLE:
            raise UnusableSubject(error.fault.message) from error
        what = {
            Ending.TIMED_OUT: f"gave no answer in {SECONDS:g} s",
            Ending.RAISED: f"raised {error.summary}",
        }
        happened = what.get(error.ending, f"went wrong: {error}")
        raise UnusableSubject(f"{asking} {happened}; mend it") from error
    return description


def from_json(spec: str, message: bytes) -> Described:
    """Return the description of that JSON.

    Raises:
        UnusableSubject: no header can hold it.
    """
    try:
        return Described(spec, JSON.decode(message, SubjectDescription))
    except (TypeError, ValueError) as error:
        raise _undescribed(spec, error) from error


def describe(message: bytes) -> bytes:
    """Return the description of the subject of that name: for a child process."""
    spec = message.decode()
    subject = subjects.resolve(spec)
    with subjects.answering(spec, "telling versions and save paths"):
        description = description_of(subject, files=_own_file(spec))
    try:
        return JSON.encode(description)
    except (TypeError, ValueError) as error:
        raise _undescribed(spec, error) from error


@cache
def exports(spec: str) -> Exports:
    """Return the classes that the subject of that name exports, asked of a process of its own.

    Raises:
        UnusableSubject: the process ends, or gives no answer.
    """
    try:
        with Child(EXPORTS, memory=MEMORY) as child:
            return JSON.decode(child.call(spec.encode(), seconds=SECONDS), Exports)
    except NoAnswer as error:
        raise UnusableSubject(f"subject {spec!r}: telling its classes: {error}") from error


def tell_exports(message: bytes) -> bytes:
    """Return the classes that the subject of that name exports: for a child process."""
    subject = subjects.resolve(message.decode())
    return JSON.encode(subject.exports() if isinstance(subject, Exporting) else Exports())


def description_of(
    subject: Offering, *, files: Mapping[str, str] = MappingProxyType({})
) -> SubjectDescription:
    """Return the subject's description, with its files added to the given ones."""
    paths = tuple(map(DescribedPath.of, subject.paths()))
    files = {**files, **(subject.files() if isinstance(subject, Located) else {})}
    declared = subject.capabilities if isinstance(subject, Capable) else None
    had = None if declared is None else typed(declared)
    versions = dict(subject.environment())
    return SubjectDescription(VERSION, subject.name, versions, paths, files, had)


def _own_file(spec: str) -> Mapping[str, str]:
    """Return the file of the module that a user has named."""
    if spec in subjects.SUBJECTS or launch(spec) is not None:
        return {}
    return environment.files([spec.partition(":")[0]])


def _undescribed(spec: str, error: Exception) -> UnusableSubject:
    return UnusableSubject(
        f"subject {spec!r}: expected texts as versions, names and documents of save paths, found "
        f"another: {error}; mend `environment` or `paths`"
    )
