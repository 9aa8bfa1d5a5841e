"""The differences between two runs, as records."""

from dataclasses import dataclass

from saveproof.reports.causes import CellDefect
from saveproof.reports.records import UNEXPECTED, Place, SubjectInfo, Verdict

FARTHER = 10.0
"""The factor by which the largest difference within a tolerance must change to be listed."""


@dataclass(frozen=True)
class SubjectPair:
    """A subject of the old run and the same subject of the new run, maybe in another release."""

    old: SubjectInfo
    new: SubjectInfo

    @property
    def versions(self) -> tuple[tuple[str, str, str], ...]:
        """The packages whose versions differ, with the old and the new version."""
        one, other = self.old.environment, self.new.environment
        each = ((name, one.get(name, "none"), other.get(name, "none")) for name in one | other)
        return tuple(package for package in each if package[1] != package[2])


@dataclass(frozen=True)
class DistinctChange:
    """A distinct defect that is new, gone or another verdict, in every cell where it changed.

    `elsewhere` names the save paths on which both runs have it.
    """

    defects: tuple[CellDefect, ...]
    old: Verdict | None
    new: Verdict | None
    elsewhere: tuple[str, ...] = ()

    @property
    def fails(self) -> bool:
        """Whether it is a failure that the old run did not have."""
        return self.new in UNEXPECTED and self.old not in UNEXPECTED

    @property
    def paths(self) -> tuple[str, ...]:
        """The save paths on which it changed."""
        return tuple(dict.fromkeys(defect.path for defect in self.defects))

    @property
    def smallest(self) -> CellDefect:
        """The defect with the smallest case."""
        return min(self.defects, key=lambda d: (not d.finding.case_id, len(d.finding.drawing)))


@dataclass(frozen=True)
class ChangedCell:
    """A cell whose verdict changed."""

    place: Place
    old: Verdict | None
    new: Verdict | None


@dataclass(frozen=True)
class ChangedState:
    """State that no promise covers, and that came back never, sometimes or always: now otherwise.

    `old` and `new` are the examples in which it came back, and those in which a loss would show.
    """

    subject: str
    path: str
    facet: str
    old: tuple[int, int]
    new: tuple[int, int]


@dataclass(frozen=True)
class ChangedPromise:
    """A save path's promise of a facet, or its document, that differs; empty: no promise."""

    subject: str
    path: str
    facet: str
    old: str
    new: str


@dataclass(frozen=True)
class ChangedDistance:
    """The largest difference within a tolerance, where it changed by more than `FARTHER`."""

    place: Place
    old: float
    new: float


@dataclass(frozen=True)
class Comparison:
    """The differences between an old and a new run, under the subjects' names in the new run.

    Results are compared only where both runs have them. `dropped` names what only the old run
    tested, and `begun` what only the new run tested: subject, save path and kind of model, and the
    check if both runs have other checks there. `cells` are changed verdicts that no listed defect
    explains.
    """

    old: str
    new: str
    complete: bool
    subjects: tuple[SubjectPair, ...]
    added: tuple[DistinctChange, ...]
    gone: tuple[DistinctChange, ...]
    changed: tuple[DistinctChange, ...]
    kept: tuple[ChangedState, ...]
    cells: tuple[ChangedCell, ...]
    promises: tuple[ChangedPromise, ...]
    distances: tuple[ChangedDistance, ...]
    dropped: tuple[tuple[str, ...], ...]
    begun: tuple[tuple[str, ...], ...]

    @property
    def failures(self) -> tuple[DistinctChange, ...]:
        """The distinct defects that fail the new run and did not fail the old one."""
        return tuple(change for change in (*self.added, *self.changed) if change.fails)

    @property
    def same(self) -> bool:
        """Whether both runs are complete and have the same results."""
        defects = (self.added, self.gone, self.changed)
        conforming = (self.kept, self.cells, self.promises, self.distances)
        return self.complete and not any((*defects, *conforming, self.dropped, self.begun))
