"""The figures of a run: a sheet per subject, a row per save path, a cell per check."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from saveproof.reports.causes import Cause, CellDefect, causes, root
from saveproof.reports.coverage import Coverage, coverages
from saveproof.reports.exit_codes import NOTHING_UNEXPECTED
from saveproof.reports.findings import Defect, DefectKind, Difference
from saveproof.reports.gate import Gate, gate
from saveproof.reports.records import (
    SEVERITY,
    SHOWN_NOTHING,
    UNEXPECTED,
    CheckInfo,
    Finding,
    Footer,
    Header,
    PathInfo,
    Result,
    SubjectInfo,
    Verdict,
    Witness,
    worst,
)
from saveproof.reports.store import Run

DEFECTIVE = UNEXPECTED | {Verdict.GAP, Verdict.KNOWN}
"""Verdicts whose findings are defects of the subject, of its documents or of the harness."""

BEHAVIOUR, STATE, SAVING_AND_LOADING = "Behaviour", "State", "Saving and loading"
"""Groups of checks: outputs and training; one kind of state each; the save and load themselves."""


@dataclass(frozen=True)
class Cell:
    """One check on one save path, over all kinds of model; `verdict` is None without a result.

    `tally` is the number of examples by verdict, and `reasons` counts, by verdict, why examples
    could not be judged. `unpromised` names the facets that the check needs and the contract does
    not promise.
    """

    check: CheckInfo
    results: tuple[Result, ...]
    verdict: Verdict | None
    tally: Mapping[Verdict, int]
    reasons: Mapping[Verdict, Mapping[str, int]]
    defects: tuple[CellDefect, ...]
    unpromised: tuple[str, ...]

    @property
    def judged(self) -> int:
        """The number of examples that could have failed."""
        return sum(result.judged for result in self.results)

    @property
    def found(self) -> int:
        """The number of examples with the cell's verdict."""
        return 0 if self.verdict is None else self.tally.get(self.verdict, 0)


@dataclass(frozen=True)
class Row:
    """A save path: its contract, and a cell for each check in the order of the matrix."""

    path: PathInfo
    cells: tuple[Cell, ...]

    def at(self, check: str) -> Cell:
        """Return the cell of the check."""
        return next(cell for cell in self.cells if cell.check.name == check)

    @property
    def figures(self) -> Mapping[Verdict, int]:
        """The number of the row's cells by verdict."""
        return _figures(self.cells)


@dataclass(frozen=True)
class Sheet:
    """A subject: its rows, its defects, and the number of its cells by verdict.

    `defects` starts with the worst; a defect on several save paths is one entry with all its cells.
    """

    subject: SubjectInfo
    rows: tuple[Row, ...]
    defects: tuple[tuple[CellDefect, ...], ...]
    figures: Mapping[Verdict, int]


@dataclass(frozen=True)
class Models:
    """How many models the run generated, and how many of them any check could judge.

    The results of a save path and kind of model share their models. `reasons` counts why the
    others could not be judged.
    """

    generated: int
    judged: int
    reasons: Mapping[str, int]


@dataclass(frozen=True)
class Matrix:
    """The figures of a run. `groups` has checks by group name, in the order of the cells.

    `causes` are the distinct defects and the unstable results, the worst first, and `defects` is
    the number of distinct defects by verdict. `examined` is the number of examples by subject, save
    path and kind of model. `gate` says whether the run passes. `coverages` say what was reached of
    each subject.
    """

    header: Header
    footer: Footer | None
    sources: tuple[str, ...]
    complete: bool
    groups: Mapping[str, tuple[CheckInfo, ...]]
    sheets: tuple[Sheet, ...]
    causes: tuple[Cause, ...]
    defects: Mapping[Verdict, int]
    examined: tuple[tuple[str, str, str, int], ...]
    gate: Gate
    witnesses: tuple[Witness, ...]
    models: Models
    coverages: tuple[Coverage, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether the run is complete, judged a model, and nothing makes it fail."""
        return self.gate.exit_code == NOTHING_UNEXPECTED and self.models.judged > 0

    @property
    def cells(self) -> Mapping[Verdict, int]:
        """The number of cells by verdict, over all subjects."""
        return _figures(cell for sheet in self.sheets for row in sheet.rows for cell in row.cells)


def matrix(run: Run) -> Matrix:
    """Return the figures of a run."""
    groups = _groups(run.header.checks)
    checks = [check for group in groups.values() for check in group]
    sheets = tuple(_sheet(subject, checks, run.results) for subject in run.header.subjects)
    every = [d for sheet in sheets for row in sheet.rows for c in row.cells for d in c.defects]
    found = causes(d for d in every if d.verdict in DEFECTIVE | {Verdict.UNSTABLE})
    defects = Counter(cause.verdict for cause in found if cause.verdict in DEFECTIVE)
    return Matrix(
        header=run.header,
        footer=run.footer,
        sources=run.sources,
        complete=run.complete,
        groups=groups,
        sheets=sheets,
        causes=found,
        defects=_ordered(defects),
        examined=tuple((*group, number) for group, number in run.examined.items()),
        gate=gate(run),
        witnesses=run.witnesses,
        models=_models(run.results),
        coverages=coverages(run),
    )


def _models(results: Iterable[Result]) -> Models:
    groups: dict[object, list[Result]] = {}
    for result in results:
        groups.setdefault(result.group, []).append(result)
    reasons: Counter[str] = Counter()
    for same in groups.values():
        most = max(same, key=lambda result: result.judged)
        for counts in most.reasons.values():
            reasons.update(counts)
    return Models(
        generated=sum(max(result.examined for result in same) for same in groups.values()),
        judged=sum(max(result.judged for result in same) for same in groups.values()),
        reasons=dict(reasons.most_common()),
    )


def _groups(checks: Sequence[CheckInfo]) -> dict[str, tuple[CheckInfo, ...]]:
    by_name = {
        BEHAVIOUR: tuple(check for check in checks if len(check.facets) > 1),
        STATE: tuple(check for check in checks if len(check.facets) == 1),
        SAVING_AND_LOADING: tuple(check for check in checks if not check.facets),
    }
    return {name: group for name, group in by_name.items() if group}


def _sheet(subject: SubjectInfo, checks: Sequence[CheckInfo], results: Iterable[Result]) -> Sheet:
    found: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        if result.subject == subject.name:
            found.setdefault((result.path, result.check), []).append(result)
    rows = tuple(
        Row(
            path,
            tuple(
                _cell(subject, path, check, found.get((path.name, check.name), ()))
                for check in checks
            ),
        )
        for path in subject.paths
    )
    cells = [cell for row in rows for cell in row.cells]
    return Sheet(
        subject=subject,
        rows=rows,
        defects=_distinct(defect for cell in cells for defect in cell.defects),
        figures=_figures(cells),
    )


def _figures(cells: Iterable[Cell]) -> dict[Verdict, int]:
    return _ordered(Counter(cell.verdict for cell in cells if cell.verdict is not None))


def _distinct(defects: Iterable[CellDefect]) -> tuple[tuple[CellDefect, ...], ...]:
    by_identity: dict[object, list[CellDefect]] = {}
    for defect in defects:
        if defect.verdict in DEFECTIVE:
            by_identity.setdefault(defect.identity, []).append(defect)
    worst_first = sorted(by_identity.values(), key=lambda same: SEVERITY.index(same[0].verdict))
    return tuple(tuple(same) for same in worst_first)


def _cell(
    subject: SubjectInfo, path: PathInfo, check: CheckInfo, results: Sequence[Result]
) -> Cell:
    tally: Counter[Verdict] = Counter()
    reasons: dict[Verdict, Counter[str]] = {}
    for result in results:
        tally.update(result.tally)
        for verdict, counts in result.reasons.items():
            reasons.setdefault(verdict, Counter()).update(counts)
    nothing = {None, "fresh", "code"} if len(check.facets) == 1 else {None, "fresh"}
    unpromised = tuple(f for f in check.facets if path.facets.get(f) in nothing)
    absent = Verdict.NOT_APPLICABLE if unpromised else None
    return Cell(
        check=check,
        results=tuple(results),
        verdict=_verdict(results, promised=bool(check.facets) and not unpromised)
        if results
        else absent,
        tally=_ordered(tally),
        reasons={verdict: dict(counts.most_common()) for verdict, counts in reasons.items()},
        defects=_defects(subject, path, check, results),
        unpromised=unpromised,
    )


def _verdict(results: Sequence[Result], *, promised: bool) -> Verdict:
    """Return the worst verdict; 'not shown' for a promise without any judged example."""
    verdict = worst(result.verdict for result in results)
    judged = any(result.judged for result in results)
    unearned = verdict not in SHOWN_NOTHING | UNEXPECTED and not judged
    unexplained = verdict is Verdict.NOT_APPLICABLE and not any(r.reasons for r in results)
    return Verdict.NOT_SHOWN if unearned or (promised and unexplained) else verdict


def _defects(
    subject: SubjectInfo, path: PathInfo, check: CheckInfo, results: Sequence[Result]
) -> tuple[CellDefect, ...]:
    same: dict[tuple[Verdict, str], list[tuple[Result, Finding]]] = {}
    for result in results:
        for finding in result.findings or _unexplained(result):
            verdict = Verdict.KNOWN if finding.known else finding.verdict or result.verdict
            same.setdefault((verdict, finding.defect.key), []).append((result, finding))
    return tuple(
        CellDefect(
            subject=subject.name,
            family=subject.family,
            path=path.name,
            check=check,
            verdict=verdict,
            kinds=tuple(dict.fromkeys(result.kind for result, _ in seen)),
            finding=(smallest := min((f for _, f in seen), key=_size)),
            key=key,
            title=_title(smallest, path),
            root=root(smallest.defect, path, smallest.after),
            examples=sum(finding.examples for _, finding in seen),
            judged=sum(result.judged for result, _ in seen),
        )
        for (verdict, key), seen in same.items()
    )


def _size(finding: Finding) -> tuple[bool, int]:
    return (not finding.shrunk, len(finding.drawing))


def _title(finding: Finding, path: PathInfo) -> str:
    """Return the finding's title, after the save paths whose saves it needs, in order."""
    before = f"{', then '.join((*finding.after, path.name))}: " if finding.after else ""
    return before + finding.defect.title


def _unexplained(result: Result) -> tuple[Finding, ...]:
    if result.verdict not in DEFECTIVE:
        return ()
    defect = Defect(DefectKind.UNEXPLAINED, Difference("", "", ""), name=str(result.verdict))
    return (Finding(defect, case_id="", case={}, drawing=""),)


def _ordered(counts: Mapping[Verdict, int]) -> dict[Verdict, int]:
    return {verdict: counts[verdict] for verdict in SEVERITY if counts.get(verdict)}
