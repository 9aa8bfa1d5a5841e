"""The terminal report: a table for each subject, then the distinct defects."""

import io
import shutil
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from saveproof.reports.causes import Cause, CellDefect
from saveproof.reports.commands import commands, reduction
from saveproof.reports.findings import Defect
from saveproof.reports.interchange import ExchangeResult, Grid, grid, measured, unpaired
from saveproof.reports.matrix import Cell, Matrix, Row, Sheet
from saveproof.reports.records import UNEXPECTED, Verdict
from saveproof.reports.summary import (
    MOST_REASONS,
    Section,
    headline,
    replayed,
    sections,
    tested,
    why,
)
from saveproof.reports.untested import reached, untested
from saveproof.reports.wording import (
    INCOMPLETE,
    MEANINGS,
    SYMBOLS,
    case_shown,
    places,
    printable,
    share,
    shares,
    shown,
    totals,
)

STYLES: Mapping[Verdict | None, str] = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold white on red",
    Verdict.CRASH: "bold white on red",
    Verdict.TIMEOUT: "bold white on red",
    Verdict.MEMORY: "bold white on red",
    Verdict.HARNESS_ERROR: "bold white on magenta",
    Verdict.GAP: "bold yellow",
    Verdict.KNOWN: "yellow",
    Verdict.UNSTABLE: "cyan",
    Verdict.VACUOUS: "cyan",
    Verdict.REFUSED: "blue",
    Verdict.NOT_SHOWN: "bold cyan",
    Verdict.NOT_APPLICABLE: "dim",
    None: "bold red",
}

NARROWEST, WIDEST = 60, 100
"""Columns of the report at least and at most; longer lines are hard to read."""

IN_FULL = UNEXPECTED | {Verdict.UNSTABLE}
"""Verdicts whose evidence the report shows; others take a few lines each."""


def columns() -> int:
    """Return the columns of the terminal that the report is for: at most 100, at least 60."""
    return min(WIDEST, max(NARROWEST, shutil.get_terminal_size((WIDEST, 24)).columns))


def terminal(matrix: Matrix, *, width: int = WIDEST, color: bool = False) -> str:
    """Return the report as text of `width` columns, with ANSI colours if wanted."""
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        markup=False,
        emoji=False,
    )
    for part in _parts(matrix, width):
        console.print(part, crop=False)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def _parts(matrix: Matrix, width: int) -> Iterable[RenderableType]:
    exchanges = grid(matrix)
    if exchanges is not None:
        yield _exchanges(exchanges)
    for sheet in unpaired(matrix):
        yield from _sheet(sheet, matrix, width)
    yield from (Text(printable(line), "dim") for line in shares(matrix))
    yield _legend(matrix)
    for section in sections(matrix):
        yield from _section(section, matrix.sources)
    yield Rule(style="dim")
    yield from _conclusion(matrix)


def _exchanges(grid: Grid) -> RenderableType:
    """Return a table with a row for each format and writer, and a column for each reader."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    for name in ("format", "written by", *grid.readers):
        table.add_column(Text(printable(name)), overflow="fold")
    for name, writer in grid.rows:
        cells = [_exchange(grid.at(name, writer, reader)) for reader in grid.readers]
        table.add_row(Text(printable(name)), Text(printable(writer)), *cells)
    return Padding(table, (0, 0, 1, 0))


def _exchange(one: ExchangeResult | None) -> Text:
    if one is None:
        return Text("")
    text = Text(SYMBOLS[one.verdict], STYLES[one.verdict])
    return text.append(f" {one.judged} {measured(one.distance)}".rstrip(), "default")


def _sheet(sheet: Sheet, matrix: Matrix, width: int) -> Iterable[RenderableType]:
    """Yield a subject's tables: a row for each check, and a column for each save path."""
    name = Text(printable(f"{sheet.subject.name}  "), style="bold")
    yield name.append(printable(tested(sheet.subject)), "dim")
    for module, file in sheet.subject.files.items():
        yield Text(printable(f"  {module}: {file}"), style="dim", overflow="fold")
    names = max((len(check.name) for group in matrix.groups.values() for check in group), default=0)
    for rows in _chunks(sheet.rows, width - names - 4):
        yield Text()
        for n, row in enumerate(rows):
            bars = Text(" " * (names + 3) + "│  " * n, "dim")
            yield bars.append(printable(row.path.name), "not dim")
        for group, checks in matrix.groups.items():
            yield Text(printable(group), "bold")
            for check in checks:
                line = Text(printable(f"  {check.name}".ljust(names + 3)))
                for row in rows:
                    line.append_text(_mark(row.at(check.name))).append("  ")
                yield line
    yield Text()


def _chunks(rows: Sequence[Row], width: int) -> Iterable[Sequence[Row]]:
    """Yield the save paths of each table: as many as fit, with their names one below another."""
    chunk: list[Row] = []
    for row in rows:
        if chunk and 3 * len(chunk) + len(row.path.name) > width:
            yield chunk
            chunk = []
        chunk.append(row)
    if chunk:
        yield chunk


def _mark(cell: Cell) -> Text:
    return Text(SYMBOLS[cell.verdict], style=STYLES[cell.verdict])


def _legend(matrix: Matrix) -> RenderableType:
    seen = {cell.verdict for sheet in matrix.sheets for row in sheet.rows for cell in row.cells}
    table = Table.grid(padding=(0, 1))
    for verdict, symbol in SYMBOLS.items():
        if verdict in seen:
            word = Text(shown(verdict), no_wrap=True)
            table.add_row(Text(symbol, STYLES[verdict]), word, MEANINGS[verdict])
    return Padding(table, (0, 0, 1, 0))


def _section(section: Section, sources: Sequence[str]) -> Iterable[RenderableType]:
    """Yield the section's causes: unexpected ones in full, others in short."""
    yield Rule(style="dim")
    yield Text(section.title, "bold")
    yield Text(section.meaning, "dim")
    for cause in section.causes:
        yield Text()
        in_full = cause.verdict in IN_FULL
        yield _in_full(cause) if in_full else _in_short(cause)
        lead = cause.lead
        lines = commands(lead.finding, lead.place, sources)
        more = reduction(lead.finding, lead.place, sources)
        shown_lines = [*lines, more] if more else lines
        yield Group(*map(_command, shown_lines if in_full else lines[:1]))


def _in_short(cause: Cause) -> RenderableType:
    where = (f"{places(cause)}; {totals(cause)}", _example(cause.lead))
    return _hanging(cause, [_title(cause), *(Text(printable(text), "dim") for text in where)])


def _in_full(cause: Cause) -> RenderableType:
    check, finding = cause.lead.check, cause.lead.finding
    defect = finding.defect
    lines: list[RenderableType] = [
        _title(cause),
        Text(printable(f"{shown(cause.verdict)} on {places(cause)}; {totals(cause)}")),
        Text(printable(_example(cause.lead))),
        Text(printable(f"{check.name}: {check.statement}")),
        Text(printable(f"key: {defect.key}"), "dim"),
    ]
    if defect.difference.expected or defect.difference.found:
        lines.append(_difference(defect))
    for one in finding.again:
        lines.append(Text(printable(f"{one.how}: {one.found}")))
    if finding.drawing:
        lines.append(Text(f"{case_shown(finding)}:"))
        lines.append(Padding(Text(printable(finding.drawing)), (0, 0, 1, 2)))
    if defect.traceback:
        lines.append(Padding(Text(printable(defect.traceback), "dim"), (0, 0, 1, 2)))
    return _hanging(cause, lines)


def _title(cause: Cause) -> Text:
    text = Text(printable(cause.title), "bold")
    return text.append(printable(f"  {cause.code} {cause.id}"), "not bold dim")


def _example(defect: CellDefect) -> str:
    """Return the place of the shown example, and how many examples there showed the defect."""
    place = f"{share(defect)} judged examples on {defect.path}, {defect.check.name}"
    known = defect.finding.link
    return f"{place}; {known}" if known else place


def _command(text: str) -> Text:
    """Return the command on one line of any length, so that it can be copied."""
    return Text(f"  {printable(text)}", no_wrap=True, overflow="ignore")


def _hanging(cause: Cause, lines: Sequence[RenderableType]) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    table.add_row(Text(SYMBOLS[cause.verdict], STYLES[cause.verdict]), Group(*lines))
    return table


def _difference(defect: Defect) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    expected, found = defect.difference.expected, defect.difference.found
    for name, text in (("at", defect.where), ("expected", expected), ("found", found)):
        table.add_row(Text(name, "dim", no_wrap=True), Text(printable(text), overflow="fold"))
    return table


def _conclusion(matrix: Matrix) -> Iterable[RenderableType]:
    """Yield what was tested, the witnesses, why models were not judged, and the headline."""
    for sheet in matrix.sheets:
        yield Text(printable(f"{sheet.subject.name}: {tested(sheet.subject)}"), "dim")
    for coverage in matrix.coverages:
        yield Text(printable(f"{reached(coverage)}; {untested(coverage)}"))
    if matrix.witnesses:
        yield Text(printable(replayed(matrix.witnesses)))
    for one in matrix.gate.outdated:
        place = f"{one.issue} ({one.subject}, {one.path}) {one.status}: {one.reason}"
        yield Text(printable("  " + "; ".join(filter(None, (place, one.detail, one.link)))))
    if matrix.models.reasons:
        reasons = why(matrix.models.reasons, most=MOST_REASONS)
        yield Text(printable(f"not judged: {reasons}"), "dim")
    if not matrix.complete:
        yield Text(INCOMPLETE, "red")
    yield from (Text(printable(reason), "red") for reason in matrix.gate.reasons)
    yield Text(printable(headline(matrix)), "bold green" if matrix.clean else "bold red")
