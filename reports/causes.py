"""The defects of a run by their cause: each unexpected one, each kind of gap, each known issue."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from saveproof.reports.findings import Defect
from saveproof.reports.matrix import CellDefect, Matrix
from saveproof.reports.records import SEVERITY, UNEXPECTED, Verdict


@dataclass(frozen=True)
class Cause:
    """What one cause shows as: for each check and key, the defect in every cell that has it.

    An unexpected defect is a cause of its own. A gap's is the kind of state that was lost, whatever
    the layer; a known issue's is its statement. Causes reach over subjects.
    """

    verdict: Verdict
    title: str
    defects: tuple[tuple[CellDefect, ...], ...]

    @property
    def smallest(self) -> CellDefect:
        """The defect with the smallest case that can be run again."""
        every = (defect for same in self.defects for defect in same)
        return min(every, key=lambda d: (not d.finding.case_id, len(d.finding.drawing)))

    @property
    def places(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """Kinds of model by subject and save path."""
        found: dict[str, dict[str, tuple[str, ...]]] = {}
        for same in self.defects:
            for defect in same:
                paths = found.setdefault(defect.subject, {})
                kinds = (*paths.get(defect.path, ()), *defect.kinds)
                paths[defect.path] = tuple(sorted(set(kinds)))
        return found

    @property
    def checks(self) -> tuple[str, ...]:
        """The names of the checks that see it."""
        return tuple(dict.fromkeys(same[0].check.name for same in self.defects))

    @property
    def findings(self) -> int:
        """How many findings it has in the run's event file."""
        return sum(len(defect.kinds) for same in self.defects for defect in same)


@dataclass(frozen=True)
class Section:
    """The causes of one section of a report. `defects` counts as the headline does."""

    name: str
    meaning: str
    defects: int
    causes: tuple[Cause, ...]

    @property
    def title(self) -> str:
        """The section's name and its figures."""
        causes = len(self.causes)
        of = "" if causes == self.defects else f", of {causes} cause{'' if causes == 1 else 's'}"
        return f"{self.name}: {self.defects}{of}"


SECTIONS: Mapping[str, tuple[str, frozenset[Verdict]]] = {
    "Unexpected": ("A documented promise is broken, or the run itself went wrong.", UNEXPECTED),
    "Gaps": (
        "An exact resume needs it, no document promises it; it does not fail the run.",
        frozenset({Verdict.GAP}),
    ),
    "Known issues": (
        "Reduced, confirmed and listed; they do not fail the run.",
        frozenset({Verdict.KNOWN}),
    ),
}
"""Sections in the order of a report: name, meaning and verdicts."""


def sections(matrix: Matrix) -> tuple[Section, ...]:
    """Return what was found: what is unexpected first, then gaps, then known issues."""
    found = (defect for sheet in matrix.sheets for same in sheet.defects for defect in same)
    every = sorted(found, key=lambda defect: SEVERITY.index(defect.verdict))
    return tuple(
        Section(
            name=name,
            meaning=meaning,
            defects=sum(matrix.defects.get(verdict, 0) for verdict in verdicts),
            causes=_causes([defect for defect in every if defect.verdict in verdicts]),
        )
        for name, (meaning, verdicts) in SECTIONS.items()
        if verdicts & matrix.defects.keys()
    )


def _causes(defects: Iterable[CellDefect]) -> tuple[Cause, ...]:
    by_cause: dict[object, dict[object, list[CellDefect]]] = {}
    for defect in defects:
        same = by_cause.setdefault(_cause(defect), {})
        same.setdefault(defect.identity, []).append(defect)
    gathered = [tuple(tuple(same) for same in found.values()) for found in by_cause.values()]
    return tuple(Cause(found[0][0].verdict, _title(found), found) for found in gathered)


def _cause(defect: CellDefect) -> object:
    finding = defect.finding
    if defect.verdict is Verdict.KNOWN:
        return finding.known
    if defect.verdict is Verdict.GAP:
        return (_conduct(defect), _root(finding.defect))
    return defect.identity


def _root(defect: Defect) -> str:
    return defect.lost_state.facet if defect.lost_state else defect.key


def _conduct(defect: CellDefect) -> str:
    """Return the name of a check that rests on no state: what it sees is another matter."""
    return "" if defect.check.facets else defect.check.name


def _title(found: Sequence[Sequence[CellDefect]]) -> str:
    first = found[0][0]
    if first.verdict is Verdict.KNOWN:
        return first.finding.known
    lost = [state for same in found if (state := same[0].finding.defect.lost_state)]
    if first.verdict is not Verdict.GAP or not lost:
        return first.finding.defect.title
    places = ", ".join(dict.fromkeys(state.place for state in lost if state.place))
    title = f"{lost[0].facet} not kept" + (f" ({places})" if places else "")
    return f"{_conduct(first)}: {title}" if _conduct(first) else title
