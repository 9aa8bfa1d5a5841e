"""Groups the defects of a run by cause, for the sections of a report."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from saveproof.reports.findings import Defect
from saveproof.reports.matrix import CellDefect, Matrix
from saveproof.reports.records import SEVERITY, UNEXPECTED, Verdict


@dataclass(frozen=True)
class Cause:
    """Defects with one cause: for each check and key, the defect in every cell that has it.

    Each unexpected defect is a separate cause. The cause of a gap is the kind of state that was
    lost, in any layer; the cause of a known issue is its reason. A cause may span subjects.
    """

    verdict: Verdict
    title: str
    defects: tuple[tuple[CellDefect, ...], ...]

    @property
    def smallest(self) -> CellDefect:
        """The defect with the smallest case, if possible one that can be replayed."""
        every = (defect for same in self.defects for defect in same)
        return min(every, key=lambda d: (not d.finding.case_id, len(d.finding.drawing)))

    @property
    def places(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """Kinds of model, by subject and by save path."""
        found: dict[str, dict[str, tuple[str, ...]]] = {}
        for same in self.defects:
            for defect in same:
                paths = found.setdefault(defect.subject, {})
                kinds = (*paths.get(defect.path, ()), *defect.kinds)
                paths[defect.path] = tuple(sorted(set(kinds)))
        return found

    @property
    def checks(self) -> tuple[str, ...]:
        """The names of the checks that find it."""
        return tuple(dict.fromkeys(same[0].check.name for same in self.defects))

    @property
    def findings(self) -> int:
        """The number of its findings in the event file."""
        return sum(len(defect.kinds) for same in self.defects for defect in same)


@dataclass(frozen=True)
class Section:
    """The causes in one section of a report; `defects` is the number in the headline."""

    name: str
    meaning: str
    defects: int
    causes: tuple[Cause, ...]

    @property
    def title(self) -> str:
        """The section's name, its number of defects and its number of causes."""
        causes = len(self.causes)
        by = "" if causes == self.defects else f" from {causes} cause{'' if causes == 1 else 's'}"
        return f"{self.name}: {self.defects}{by}"


SECTIONS: Mapping[str, tuple[str, frozenset[Verdict]]] = {
    "Unexpected": ("A documented promise is broken, or the run itself failed.", UNEXPECTED),
    "Gaps": (
        "State that an exact resume needs and no document promises; gaps do not fail the run.",
        frozenset({Verdict.GAP}),
    ),
    "Known issues": (
        "Already confirmed and listed; they do not fail the run.",
        frozenset({Verdict.KNOWN}),
    ),
}
"""Sections in the order of a report: name, meaning and verdicts."""


def sections(matrix: Matrix) -> tuple[Section, ...]:
    """Return the sections that have defects: unexpected ones, then gaps, then known issues."""
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
    groups = [tuple(tuple(same) for same in found.values()) for found in by_cause.values()]
    return tuple(Cause(found[0][0].verdict, _title(found), found) for found in groups)


def _cause(defect: CellDefect) -> object:
    finding = defect.finding
    if defect.verdict is Verdict.KNOWN:
        return finding.known
    if defect.verdict is Verdict.GAP:
        return (_stateless_check(defect), _root(finding.defect))
    return defect.identity


def _root(defect: Defect) -> str:
    return defect.lost_state.facet if defect.lost_state else defect.key


def _stateless_check(defect: CellDefect) -> str:
    """Return the check's name if it needs no facet: the state is then only part of the cause."""
    return "" if defect.check.facets else defect.check.name


def _title(found: Sequence[Sequence[CellDefect]]) -> str:
    first = found[0][0]
    if first.verdict is Verdict.KNOWN:
        return first.finding.known
    lost = [state for same in found if (state := same[0].finding.defect.lost_state)]
    if first.verdict is not Verdict.GAP or not lost:
        return first.finding.defect.title
    places = ", ".join(dict.fromkeys(state.place for state in lost if state.place))
    title = f"{lost[0].facet} not restored" + (f" ({places})" if places else "")
    check = _stateless_check(first)
    return f"{check}: {title}" if check else title
