"""A known issue: a finding on a real subject that was shrunk, confirmed and listed."""

from collections.abc import Mapping
from dataclasses import dataclass
from inspect import getmembers

from packaging.specifiers import SpecifierSet

from saveproof.reports.findings import Defect, DefectKind

FIELDS = frozenset(name for name, _ in getmembers(Defect) if not name.startswith("_"))
"""The fields of a defect, with derived ones, that a known issue may match."""


class UnknownField(TypeError):
    """A known issue asks for a field that no defect has."""


@dataclass(frozen=True)
class Begins:
    """Any text that begins so."""

    text: str


class Like:
    """Defects that have these fields: a value, one of a set, or a text that `Begins` so.

    `origin` may be another `Like`, or None where the defect must have none.
    """

    def __init__(self, **fields: object) -> None:
        if unknown := sorted(fields.keys() - FIELDS):
            raise UnknownField(f"expected fields of {sorted(FIELDS)}, found {unknown}")
        self.fields: Mapping[str, object] = fields

    def matches(self, defect: Defect) -> bool:
        """Return whether the defect has all of the fields."""
        return all(_fits(getattr(defect, name), wanted) for name, wanted in self.fields.items())


def state(facet: str, name: object = "", how: object = "value", **fields: object) -> Like:
    """Return what an entry of a facet that differs is like."""
    return Like(kind=DefectKind.STATE, facet=facet, name=name, how=how, **fields)


def raised(action: str, words: object, exception: str = "ValueError", **fields: object) -> Like:
    """Return what an exception of Python's own is like."""
    kind = f"builtins.{exception}"
    return Like(kind=DefectKind.RAISED, action=action, exception=kind, words=words, **fields)


def _fits(value: object, wanted: object) -> bool:
    if isinstance(wanted, Like):
        return isinstance(value, Defect) and wanted.matches(value)
    if isinstance(wanted, Begins):
        return str(value).startswith(wanted.text)
    return value in wanted if isinstance(wanted, frozenset) else value == wanted


@dataclass(frozen=True)
class KnownIssue:
    """A finding that is expected of a framework, whatever its backend, and why.

    `statement` says what is lost, with the versions; it leads the reader to docs/findings.md.
    `releases` is a range (PEP 440) of those that have the issue; empty where no end is known.
    """

    framework: str
    path: str
    check: str
    defect: Like
    statement: str
    releases: str = ""

    def matches(self, framework: str, path: str, check: str, defect: Defect) -> bool:
        """Return whether the finding is this one, in any release."""
        place = (framework, path, check)
        return place == (self.framework, self.path, self.check) and self.defect.matches(defect)

    def is_of(self, release: str) -> bool:
        """Return whether the release has the issue."""
        return SpecifierSet(self.releases).contains(release, prereleases=True)
