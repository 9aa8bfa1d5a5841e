"""The trend: how verdicts and distinct defects changed over several runs."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from saveproof.reports.causes import CellDefect, cause_of
from saveproof.reports.compare import cells, defects, under_names_of
from saveproof.reports.markdown import escaped
from saveproof.reports.matrix import DEFECTIVE, Cell, Matrix, matrix
from saveproof.reports.records import (
    SEVERITY,
    SHOWN_NOTHING,
    Place,
    SubjectInfo,
    Verdict,
    worst,
)
from saveproof.reports.rendering import rendered
from saveproof.reports.store import Run
from saveproof.reports.wording import MEANINGS, SYMBOLS, printable, shown

PLAIN = frozenset({None, Verdict.PASS, Verdict.REFUSED, *SHOWN_NOTHING})
"""Verdicts of which a row is left out if each run has the same, or no result."""


@dataclass(frozen=True)
class TrendRun:
    """A column: a run's date, versions, and figures.

    `defects` is the number of distinct defects by verdict, and `judged` the number of examples that
    could have failed, over all checks; of `examples` in total.
    """

    run: str
    started: str
    complete: bool
    versions: tuple[str, ...]
    defects: Mapping[Verdict, int]
    judged: int
    examples: int

    @property
    def date(self) -> str:
        """The day on which the run started."""
        return self.started.partition("T")[0]


@dataclass(frozen=True)
class TrendRow:
    """A cell of the matrix or a distinct defect, with its verdict in each run.

    A verdict is None where the run has no result there. `absent` is true where a run tested the
    places of a defect and did not find it. `found` is how many examples had the verdict, of those
    judged.
    """

    subject: str
    name: str
    verdicts: tuple[Verdict | None, ...]
    absent: tuple[bool, ...] = ()
    found: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trend:
    """The runs by date; a row for each distinct defect, and for each cell that is worth a look.

    `plain` is the number of cells that were the same and without a defect in every run.
    """

    runs: tuple[TrendRun, ...]
    defects: tuple[TrendRow, ...]
    cells: tuple[TrendRow, ...]
    plain: int


def trend(runs: Sequence[Run]) -> Trend:
    """Return the trend of at least one run.

    A subject has one row in all its releases, under its name in the latest run that it matches.
    """
    by_date = sorted(runs, key=lambda run: run.header.started)
    figures = [matrix(under_names_of(by_date[-1], run)) for run in by_date]
    rows = _cell_rows(figures)
    worth = tuple(row for row in rows if not PLAIN.issuperset(row.verdicts) or _changes(row))
    found = _defect_rows(figures)
    return Trend(
        runs=tuple(
            _column(run, one, [row.verdicts[at] for row in found])
            for at, (run, one) in enumerate(zip(by_date, figures, strict=True))
        ),
        defects=found,
        cells=worth,
        plain=len(rows) - len(worth),
    )


def trend_markdown(trend: Trend) -> str:
    """Return the trend as three Markdown tables: figures, distinct defects, verdicts."""
    heads = [escaped(f"{run.date} {run.run}") for run in trend.runs]
    figures = [
        ["versions", *(escaped("; ".join(run.versions)) for run in trend.runs)],
        ["distinct defects", *(_counted(run) for run in trend.runs)],
        ["examples judged", *(f"{run.judged} of {run.examples}" for run in trend.runs)],
    ]
    parts = ["# saveproof: trend", _table(["", *heads], figures)]
    for title, rows in (("Distinct defects", trend.defects), ("Verdicts", trend.cells)):
        if rows:
            lines = [[f"{escaped(r.subject)} · {escaped(r.name)}", *marks(r)] for r in rows]
            parts += [f"## {title}", _table(["", *heads], lines)]
    parts += [_left_out(trend), _legend(trend)]
    return printable("\n\n".join(parts)) + "\n"


def trend_html(trend: Trend) -> str:
    """Return the trend as one HTML file that needs no network."""
    values = {
        "trend": trend,
        "marks": marks,
        "counted": _counted,
        "left_out": _left_out(trend),
        "symbols": SYMBOLS,
        "meanings": MEANINGS,
        "word": shown,
        "seen": _seen(trend),
    }
    return printable(rendered("trend.html.j2", values))


TRENDS: Mapping[str, Callable[[Trend], str]] = {"html": trend_html, "markdown": trend_markdown}
"""The renderers of a trend, by the name of their format."""


def marks(row: TrendRow) -> list[str]:
    """Return the text of each run's cell: a symbol and how often, or - for a defect not found."""
    texts = [f"{SYMBOLS[v]} {shown(v)}" if v else "?" for v in row.verdicts]
    if row.absent:
        return ["-" if gone else text for gone, text in zip(row.absent, texts, strict=True)]
    return [f"{text} {found}".strip() for text, found in zip(texts, row.found, strict=True)]


def _cell_rows(figures: Sequence[Matrix]) -> list[TrendRow]:
    by_run = [cells(one) for one in figures]
    places = dict.fromkeys(place for one in by_run for place in one)
    return [_cell_row(place, [one.get(place) for one in by_run]) for place in places]


def _cell_row(place: Place, in_runs: Sequence[Cell | None]) -> TrendRow:
    subject, path, check = place
    return TrendRow(
        subject,
        f"{path} · {check}",
        tuple(cell.verdict if cell and cell.results else None for cell in in_runs),
        found=tuple(_found(cell) if cell else "" for cell in in_runs),
    )


def _found(cell: Cell) -> str:
    """Return how many of the judged examples had the cell's verdict, if it is a defect's."""
    if cell.verdict not in DEFECTIVE:
        return ""
    judged = sum(n for verdict, n in cell.tally.items() if verdict not in SHOWN_NOTHING)
    return f"{cell.tally.get(cell.verdict, 0)}/{judged}"


def _defect_rows(figures: Sequence[Matrix]) -> tuple[TrendRow, ...]:
    """Return a row for each distinct defect, the worst of the latest run first."""
    by_run: list[dict[object, list[CellDefect]]] = []
    for one in figures:
        causes: dict[object, list[CellDefect]] = {}
        for defect in defects(one).values():
            causes.setdefault((defect.subject, cause_of(defect)), []).append(defect)
        by_run.append(causes)
    tested = [{place for place, cell in cells(one).items() if cell.results} for one in figures]
    rows = []
    for key in dict.fromkeys(key for causes in reversed(by_run) for key in causes):
        seen = [causes.get(key, []) for causes in by_run]
        every = [defect for found in reversed(seen) for defect in found]
        places = {defect.place for defect in every}
        rows.append(
            TrendRow(
                every[0].subject,
                f"{', '.join(dict.fromkeys(d.path for d in every))} · {every[0].title}",
                tuple(worst(d.verdict for d in found) if found else None for found in seen),
                tuple(
                    not found and bool(places & there)
                    for found, there in zip(seen, tested, strict=True)
                ),
            )
        )
    return tuple(sorted(rows, key=_severity))


def _severity(row: TrendRow) -> tuple[int, ...]:
    """Return the order of a row: by its verdict in the latest run, then in those before."""
    last = len(SEVERITY)
    return tuple(SEVERITY.index(v) if v else last for v in reversed(row.verdicts))


def _column(run: Run, figures: Matrix, found: Sequence[Verdict | None]) -> TrendRun:
    counts = Counter(verdict for verdict in found if verdict)
    return TrendRun(
        run=run.header.run,
        started=run.header.started,
        complete=run.complete,
        versions=tuple(_versions(sheet.subject) for sheet in figures.sheets),
        defects={verdict: counts[verdict] for verdict in SEVERITY if counts[verdict]},
        judged=sum(result.judged for result in run.results),
        examples=sum(result.examined for result in run.results),
    )


def _versions(subject: SubjectInfo) -> str:
    return ", ".join(f"{name} {version}" for name, version in subject.environment.items())


def _changes(row: TrendRow) -> bool:
    return len(set(row.verdicts) - {None}) > 1


def _counted(run: TrendRun) -> str:
    counts = ", ".join(f"{n} {shown(verdict)}" for verdict, n in run.defects.items())
    return (counts or "none") + ("" if run.complete else "; the run is incomplete")


def _left_out(trend: Trend) -> str:
    return f"{trend.plain} cells had the same verdict and no defect in every run with a result."


def _seen(trend: Trend) -> frozenset[Verdict | None]:
    rows = (*trend.defects, *trend.cells)
    return frozenset(verdict for row in rows for verdict in row.verdicts)


def _legend(trend: Trend) -> str:
    seen = [verdict for verdict in SYMBOLS if verdict in _seen(trend) and verdict]
    lines = [f"{SYMBOLS[verdict]} {shown(verdict)}: {MEANINGS[verdict]}" for verdict in seen]
    return "  \n".join((*lines, "-: tested and not found", "?: not tested"))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, [":--"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
