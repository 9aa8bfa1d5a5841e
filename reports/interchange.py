"""The results of exchanges: one for each format, writer and reader."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from saveproof.reports.matrix import DEFECTIVE, Matrix, Row, Sheet
from saveproof.reports.records import SEVERITY, SHOWN_NOTHING, Verdict, worst

COUNTS_LAST = SHOWN_NOTHING | {Verdict.REFUSED}
"""Verdicts of a check that do not count if the pair's other checks have shown something."""


@dataclass(frozen=True)
class Lost:
    """State that the reader did not restore: the defect's key, and the check that found it."""

    verdict: Verdict
    check: str
    key: str


@dataclass(frozen=True)
class ExchangeResult:
    """The result of one format, writer and reader: the worst verdict over checks and kinds.

    `judged` is the number of cases that could have failed. `distances` are the largest absolute
    differences among the cases that passed, by check. `anchor` is the id of the pair's section in
    the HTML report.
    """

    writer: str
    reader: str
    format: str
    verdict: Verdict | None
    judged: int
    distances: Mapping[str, float]
    lost: tuple[Lost, ...]
    anchor: str

    @property
    def distance(self) -> float | None:
        """The largest distance of any check; None where nothing was compared."""
        return max(self.distances.values(), default=None)


@dataclass(frozen=True)
class Grid:
    """Every exchange of a run, by format, writer and reader."""

    formats: tuple[str, ...]
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    exchanges: Mapping[tuple[str, str, str], ExchangeResult]

    def at(self, name: str, writer: str, reader: str) -> ExchangeResult | None:
        """Return the exchange of a format; None if a side does not support it."""
        return self.exchanges.get((name, writer, reader))

    @property
    def rows(self) -> Sequence[tuple[str, str]]:
        """The formats and writers that have an exchange."""
        return [
            (name, writer)
            for name in self.formats
            for writer in self.writers
            if any(self.at(name, writer, reader) for reader in self.readers)
        ]


def grid(matrix: Matrix) -> Grid | None:
    """Return the exchanges of a run; None if it has none."""
    pairs = [(n, s) for n, s in enumerate(matrix.sheets) if s.subject.writer]
    exchanges = [_exchange(n, sheet, row) for n, sheet in pairs for row in sheet.rows]
    if not pairs:
        return None
    return Grid(
        formats=tuple(dict.fromkeys(one.format for one in exchanges)),
        writers=tuple(dict.fromkeys(sheet.subject.writer for _, sheet in pairs)),
        readers=tuple(dict.fromkeys(sheet.subject.reader for _, sheet in pairs)),
        exchanges={(one.format, one.writer, one.reader): one for one in exchanges},
    )


def unpaired(matrix: Matrix) -> Sequence[Sheet]:
    """Return the sheets of single subjects, which the grid of exchanges does not show."""
    return [sheet for sheet in matrix.sheets if not sheet.subject.writer]


def measured(distance: float | None) -> str:
    """Return a distance as text: empty if not measured, 'exact' if 0, or the number."""
    if distance is None:
        return ""
    return "exact" if distance == 0.0 else f"{distance:.0e}"


def _exchange(number: int, sheet: Sheet, row: Row) -> ExchangeResult:
    return ExchangeResult(
        writer=sheet.subject.writer,
        reader=sheet.subject.reader,
        format=row.path.name,
        verdict=_verdict(cell.verdict for cell in row.cells if cell.results),
        judged=max((cell.judged for cell in row.cells), default=0),
        distances=_distances(row),
        lost=_lost(row),
        anchor=f"sheet-{number}",
    )


def _verdict(verdicts: Iterable[Verdict | None]) -> Verdict | None:
    seen = [verdict for verdict in verdicts if verdict is not None]
    judged = [verdict for verdict in seen if verdict not in COUNTS_LAST]
    return worst(judged or seen) if seen else None


def _distances(row: Row) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for cell in row.cells:
        for result in cell.results:
            if result.distance is not None:
                name = cell.check.name
                found[name] = max(result.distance, found.get(name, 0.0))
    return found


def _lost(row: Row) -> tuple[Lost, ...]:
    lost = {
        Lost(defect.verdict, cell.check.name, defect.key): None
        for cell in row.cells
        for defect in cell.defects
        if defect.verdict in DEFECTIVE
    }
    return tuple(sorted(lost, key=lambda one: SEVERITY.index(one.verdict)))
