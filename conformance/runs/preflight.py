"""What a run refuses before anything runs: numbers, names and subjects that make none."""

import os
from collections.abc import Sequence, Set
from pathlib import Path

from saveproof.conformance.families.description import Described, described
from saveproof.conformance.families.environment import NOT_INSTALLED
from saveproof.conformance.model_state.subject import UnusableSubject
from saveproof.conformance.runs.header import path_info
from saveproof.reports.records import SubjectInfo


class Unknown(LookupError):
    """A name of something that there is not."""


class NotAFolder(ValueError):
    """A run's folder can't be where it should be."""


class NotInstalled(LookupError):
    """A subject's framework is not installed."""


class SameName(ValueError):
    """Two subjects, or two save paths of one, that a run could not tell apart."""


def refuse_unknown(what: str, wanted: Sequence[str], known: Set[str]) -> None:
    """Refuse names that are not among the known ones.

    Raises:
        Unknown: one is not; the message lists those that are.
    """
    unknown = sorted(set(wanted) - known)
    if unknown:
        raise Unknown(f"unknown {what} {', '.join(unknown)}; expected one of {sorted(known)}")


def refuse_out(folder: Path) -> None:
    """Refuse a run's place where no folder can be made or written into.

    Raises:
        NotAFolder: a file is there, or on the way to it, or a folder that others alone may change.
    """
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise NotAFolder(
            f"out: expected a folder to write into, or nothing yet, found {str(there)!r}"
        )


def admitted(names: Sequence[str]) -> list[SubjectInfo]:
    """Return what a run's header says of each subject, its every save path included.

    Raises:
        UnusableSubject: as `described` says, or a subject has no save path.
        NotInstalled: a subject's framework is not there.
        SameName: a subject is named twice, or two save paths of one have one name.
    """
    _refuse_twice("the subjects", names)
    infos = [info(described(name)) for name in names]
    for one in infos:
        _refuse_missing(one)
        if not one.paths:
            raise UnusableSubject(
                f"subject {one.name!r}: expected a save path at least, found none"
            )
        _refuse_twice(f"the save paths of subject {one.name!r}", [p.name for p in one.paths])
    return infos


def info(subject: Described) -> SubjectInfo:
    """Return what a run's header says of a subject, its every save path included."""
    paths = tuple(path_info(path.name, path.contract) for path in subject.paths())
    versions, files = dict(subject.environment()), dict(subject.files())
    return SubjectInfo(subject.name, versions, paths, files=files)


def _refuse_missing(info: SubjectInfo) -> None:
    missing = [at for at, version in info.environment.items() if version == NOT_INSTALLED]
    if missing:
        raise NotInstalled(
            f"subject {info.name!r} needs {', '.join(missing)}, not installed here; install it "
            f"(saveproof's extras are tf and keras), or name an environment that has it: "
            f"{info.name}@/path/to/venv"
        )


def _refuse_twice(of: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SameName(
            f"{of}: expected names of their own, found {', '.join(twice)} more than once"
        )
