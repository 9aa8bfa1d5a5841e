"""Completes the names of subjects, save paths, checks and kinds of model in a shell."""

from collections.abc import Callable, Iterable, Mapping

from saveproof.conformance.checks import ALL_CHECKS
from saveproof.conformance.families import subjects
from saveproof.strategies.case import Kind


def completed(option: str, incomplete: str) -> list[str]:
    """Return the values of the option that begin so."""
    return sorted({name for name in NAMES[option]() if name.startswith(incomplete)})


def _checks() -> Iterable[str]:
    return (check.name for check in ALL_CHECKS)


def _paths() -> Iterable[str]:
    """Yield the save paths of built-in subjects; this imports no framework."""
    return (path.name for name in subjects.SUBJECTS for path in subjects.resolve(name).paths())


NAMES: Mapping[str, Callable[[], Iterable[str]]] = {
    "subject": lambda: subjects.SUBJECTS,
    "path": _paths,
    "check": _checks,
    "require": _checks,
    "kind": lambda: map(str, Kind),
}
"""The values of each option."""
