"""The preflight: refuses unknown names, unusable folders and broken subjects before a run."""

from collections.abc import Sequence, Set
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryFile

from saveproof.conformance.families.description import Described, described
from saveproof.conformance.families.environment import NOT_INSTALLED
from saveproof.conformance.model_state.subject import UnusableSubject
from saveproof.conformance.runs.header import path_info
from saveproof.conformance.runs.options import RunOptions
from saveproof.reports.folders import has_run, unused
from saveproof.reports.records import SubjectInfo
from saveproof.strategies.capabilities import Capabilities, InvalidCapabilities
from saveproof.strategies.declared import checked
from saveproof.strategies.selection import Selection


class Unknown(LookupError):
    """A check, kind of model or save path of that name does not exist."""


class NotAFolder(ValueError):
    """The run's folder can't be made or written at the given place."""


class HasRun(ValueError):
    """The run's folder has a run already."""


class NotInstalled(LookupError):
    """A subject's framework is not installed."""


class SameName(ValueError):
    """Two subjects, or two save paths of a subject, have the same name."""


def refuse_unknown(what: str, wanted: Sequence[str], known: Set[str]) -> None:
    """Refuse names that are not known.

    Raises:
        Unknown: a name is not known; the message lists the known ones.
    """
    unknown = sorted(set(wanted) - known)
    if unknown:
        raise Unknown(f"unknown {what} {', '.join(unknown)}; expected one of {sorted(known)}")


def refuse_unselected(chosen: Selection, known: Selection) -> None:
    """Refuse names of strata that select nothing of what is `known`.

    Raises:
        Unknown: the message has the nearest names.
    """
    for option, names, there in (
        ("stratum", chosen.wanted, known.wanted),
        ("without", chosen.without, known.without),
    ):
        for name in sorted({*names} - {*there}):
            near = get_close_matches(name, there) or [one for one in there if "." not in one][:9]
            raise Unknown(
                f"{option}: {name!r} selects nothing; expected a namespace, a class or an "
                f"argument of a class that a subject has, such as {', '.join(near)}"
            )


def run_folder(options: RunOptions) -> Path:
    """Return the folder that the run goes into.

    Raises:
        HasRun: the given folder has a run, which the options do not allow to be replaced.
        NotAFolder: the folder can't be made or written.
    """
    if options.out is not None:
        folder = options.out
        refuse_run(folder, force=options.force)
    else:
        folder = options.folder if options.force else unused(options.folder)
    refuse_out(folder)
    return folder


def refuse_run(folder: Path, *, force: bool) -> None:
    """Refuse an output folder that has a run, unless it may be replaced.

    Raises:
        HasRun: the message says both ways out.
    """
    if has_run(folder) and not force:
        raise HasRun(
            f"out: {str(folder)!r} has a run; replace it with --force, or name another folder "
            "with --out"
        )


def refuse_out(folder: Path) -> None:
    """Refuse an output folder that can't be made or written.

    A temporary file shows whether it can: a system may refuse what permissions allow.

    Raises:
        NotAFolder: the path or a parent of it is a file, or a folder that can't be written.
    """
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    why = "a file"
    try:
        if there.is_dir():
            with TemporaryFile(dir=there):
                return
    except OSError as error:
        why = error.strerror or str(error)
    raise NotAFolder(
        f"out: expected a folder that can be written or made, found {str(there)!r} ({why}); name "
        "another folder with --out"
    )


def admitted(names: Sequence[str]) -> list[SubjectInfo]:
    """Return the header's record of each subject, with all its save paths.

    Raises:
        UnusableSubject: see `subjects.resolve`; or a subject has no save path, or describes itself
            with values that a header can't hold.
        NotInstalled: a subject's framework is not installed.
        SameName: a subject is given twice, or two of its save paths have the same name.
    """
    _refuse_twice("the subjects", names)
    return [admissible(described(name)) for name in names]


def admissible(subject: Described) -> SubjectInfo:
    """Return the header's record of one subject, with all its save paths.

    Raises:
        UnusableSubject, NotInstalled, SameName: as above.
    """
    one = info(subject)
    _refuse_missing(one)
    if not one.paths:
        raise UnusableSubject(f"subject {one.name!r}: expected at least one save path, found none")
    _refuse_twice(f"the save paths of subject {one.name!r}", [p.name for p in one.paths])
    had(subject)
    return one


def had(subject: Described) -> Capabilities:
    """Return what the subject has.

    Raises:
        UnusableSubject: its capabilities name what no case has, or leave no case.
    """
    try:
        return checked(subject.capabilities)
    except InvalidCapabilities as error:
        raise UnusableSubject(f"subject {subject.name!r}: {error}") from error


def info(subject: Described) -> SubjectInfo:
    """Return the header's record of a subject, with all its save paths."""
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
        raise SameName(f"{of}: expected different names, found {', '.join(twice)} more than once")
