"""The figures of a run: a sheet per subject, a row per save path, a cell per check."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from saveproof.reports.exit_codes import NOTHING_UNEXPECTED
from saveproof.reports.findings import Defect, DefectKind, Difference
from saveproof.reports.gate import Gate, gate
from saveproof.reports.records import (
    SEVERITY,
    UNEXPECTED,
    CheckInfo,
    Finding,
    Footer,
    Header,
    PathInfo,
    Place,
    Result,
    SubjectInfo,
    Verdict,
    worst,
)
from saveproof.reports.store import Run

DEFECTIVE = UNEXPECTED | {Verdict.GAP, Verdict.KNOWN}
"""Verdicts whose findings are defects of the subject, of its documents or of the harness."""

BEHAVIOUR, STATE, SAVING_AND_LOADING = "Behaviour", "State", "Saving and loading"
"""Groups of checks: outputs and training; one kind of state each; the save and load themselves."""


@dataclass(frozen=True)
class CellDefect:
    """A defect in a cell: the finding with the smallest case, and the kinds of model that have it.

    `verdict` is 'known' where a known issue explains the finding.
    """

    subject: str
    path: str
    check: CheckInfo
    verdict: Verdict
    kinds: tuple[str, ...]
    finding: Finding
    key: str
    title: str

    @property
    def place(self) -> Place:
        """The subject, save path and check."""
        return (self.subject, self.path, self.check.name)

    @property
    def identity(self) -> tuple[str, str, Verdict, str]:
        """The subject, check, verdict and key: equal for one defect on several save paths."""
        return (self.subject, self.check.name, self.verdict, self.key)


@dataclass(frozen=True)
class Cell:
    """One check on one save path, over all kinds of model; `verdict` is None without a result.

    `tally` is the number of examples by verdict. `unpromised` names the facets that the check
    needs and the contract does not promise.
    """

    check: CheckInfo
    results: tuple[Result, ...]
    verdict: Verdict | None
    tally: Mapping[Verdict, int]
    defects: tuple[CellDefect, ...]
    unpromised: tuple[str, ...]

    @property
    def examples(self) -> int:
        """The number of examples."""
        return sum(self.tally.values())


@dataclass(frozen=True)
class Row:
    """A save path: its contract, and a cell for each check in the order of the matrix."""

    path: PathInfo
    cells: tuple[Cell, ...]

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
class Matrix:
    """The figures of a run. `groups` has checks by group name, in the order of the cells.

    `defects` is the number of distinct defects by verdict, over all subjects; `examples` is the
    number of verdicts on examples, over all checks. `examined` is the number of examples by
    subject, save path and kind of model. `gate` says whether the run passes.
    """

    header: Header
    footer: Footer | None
    sources: tuple[str, ...]
    complete: bool
    groups: Mapping[str, tuple[CheckInfo, ...]]
    sheets: tuple[Sheet, ...]
    defects: Mapping[Verdict, int]
    examples: int
    examined: Mapping[tuple[str, str, str], int]
    gate: Gate

    @property
    def headline(self) -> str:
        """The result of the run in one line."""
        counts = [f"{n} {PLURALS[v][n != 1]}" for v, n in self.defects.items()]
        unmet = len(self.gate.unmet)
        counts += [f"{unmet} requirement{'s' * (unmet != 1)} not met"] if unmet else []
        found = ", ".join(counts) if counts else "nothing unexpected"
        return found if self.complete else f"incomplete: {found} so far"

    @property
    def clean(self) -> bool:
        """Whether the run is complete, and nothing makes it fail."""
        return self.gate.exit_code == NOTHING_UNEXPECTED


PLURALS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.FAIL: ("failure", "failures"),
    Verdict.CRASH: ("crash", "crashes"),
    Verdict.TIMEOUT: ("timeout", "timeouts"),
    Verdict.MEMORY: ("memory limit", "memory limits"),
    Verdict.HARNESS_ERROR: ("harness error", "harness errors"),
    Verdict.GAP: ("gap", "gaps"),
    Verdict.KNOWN: ("known issue", "known issues"),
}


def matrix(run: Run) -> Matrix:
    """Return the figures of a run."""
    groups = _groups(run.header.checks)
    checks = [check for group in groups.values() for check in group]
    sheets = tuple(_sheet(subject, checks, run.results) for subject in run.header.subjects)
    defects = Counter(places[0].verdict for sheet in sheets for places in sheet.defects)
    return Matrix(
        header=run.header,
        footer=run.footer,
        sources=run.sources,
        complete=run.complete,
        groups=groups,
        sheets=sheets,
        defects=_ordered(defects),
        examples=sum(sum(result.tally.values()) for result in run.results),
        examined=run.examined,
        gate=gate(run),
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
            tuple(_cell(path, check, found.get((path.name, check.name), ())) for check in checks),
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


def _cell(path: PathInfo, check: CheckInfo, results: Sequence[Result]) -> Cell:
    tally: Counter[Verdict] = Counter()
    for result in results:
        tally.update(result.tally)
    nothing = {None, "fresh", "code"} if len(check.facets) == 1 else {None, "fresh"}
    unpromised = tuple(f for f in check.facets if path.facets.get(f) in nothing)
    absent = Verdict.NOT_APPLICABLE if unpromised else None
    return Cell(
        check=check,
        results=tuple(results),
        verdict=worst(result.verdict for result in results) if results else absent,
        tally=_ordered(tally),
        defects=_defects(check, results),
        unpromised=unpromised,
    )


def _defects(check: CheckInfo, results: Sequence[Result]) -> tuple[CellDefect, ...]:
    same: dict[tuple[Verdict, str], list[tuple[Result, Finding]]] = {}
    for result in results:
        for finding in result.findings or _unexplained(result):
            verdict = Verdict.KNOWN if finding.known else finding.verdict or result.verdict
            same.setdefault((verdict, finding.defect.key), []).append((result, finding))
    return tuple(
        CellDefect(
            subject=seen[0][0].subject,
            path=seen[0][0].path,
            check=check,
            verdict=verdict,
            kinds=tuple(dict.fromkeys(result.kind for result, _ in seen)),
            finding=(smallest := min((f for _, f in seen), key=lambda f: len(f.drawing))),
            key=key,
            title=smallest.defect.title,
        )
        for (verdict, key), seen in same.items()
    )


def _unexplained(result: Result) -> tuple[Finding, ...]:
    if result.verdict not in DEFECTIVE:
        return ()
    defect = Defect(DefectKind.UNEXPLAINED, Difference("", "", ""), name=str(result.verdict))
    return (Finding(defect, case_id="", case={}, drawing=""),)


def _ordered(counts: Mapping[Verdict, int]) -> dict[Verdict, int]:
    return {verdict: counts[verdict] for verdict in SEVERITY if counts.get(verdict)}
