"""The terminal report: a table for each subject, then the defects by cause."""

import io
from collections.abc import Iterable, Mapping, Sequence

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from saveproof.reports.causes import Cause, Section, sections
from saveproof.reports.commands import commands
from saveproof.reports.findings import Defect
from saveproof.reports.interchange import ExchangeResult, Grid, grid, measured, unpaired
from saveproof.reports.matrix import Cell, Matrix, Sheet
from saveproof.reports.records import UNEXPECTED, CheckInfo, Verdict
from saveproof.reports.wording import (
    INCOMPLETE,
    MEANINGS,
    SYMBOLS,
    places,
    printable,
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

NAME_WIDTH = 20
"""Columns for the name of a save path and a space."""


def terminal(matrix: Matrix, *, width: int = 100, color: bool = False) -> str:
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
    numbers = {
        check.name: number
        for number, check in enumerate((c for g in matrix.groups.values() for c in g), 1)
    }
    exchanges = grid(matrix)
    if exchanges is not None:
        yield from _exchanges(exchanges)
    if unpaired(matrix):
        yield from _sheets(matrix, numbers, width)
    yield from (Text(printable(line), "dim") for line in shares(matrix))
    yield _legend(matrix)
    for section in sections(matrix):
        yield from _section(section, matrix.sources)
    yield Rule(style="dim")
    yield _conclusion(matrix)


def _sheets(matrix: Matrix, numbers: Mapping[str, int], width: int) -> Iterable[RenderableType]:
    for sheet in unpaired(matrix):
        versions = "  ".join(f"{name} {v}" for name, v in sheet.subject.environment.items())
        name = Text(printable(f"{sheet.subject.name}  "), style="bold")
        yield name.append(printable(versions), "dim")
        for module, file in sheet.subject.files.items():
            yield Text(printable(f"  {module}: {file}"), style="dim")
        yield from (_table(sheet, groups, numbers) for groups in _panels(matrix, width))
    yield _checks(matrix, numbers)


def _exchanges(grid: Grid) -> Iterable[RenderableType]:
    """Return a table with a row for each format and writer, and a column for each reader."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    for name in ("format", "written by", *grid.readers):
        table.add_column(Text(printable(name)), overflow="fold")
    for name, writer in grid.rows:
        cells = [_exchange(grid.at(name, writer, reader)) for reader in grid.readers]
        table.add_row(Text(printable(name)), Text(printable(writer)), *cells)
    yield Padding(table, (0, 0, 1, 0))


def _exchange(one: ExchangeResult | None) -> Text:
    if one is None:
        return Text("")
    text = Text(SYMBOLS[one.verdict], STYLES[one.verdict])
    return text.append(f" {one.examples} {measured(one.distance)}".rstrip(), "default")


def _panels(matrix: Matrix, width: int) -> list[list[Sequence[CheckInfo]]]:
    """Return the groups of checks for each table: all in one table if they fit the width."""
    groups: list[Sequence[CheckInfo]] = list(matrix.groups.values())
    checks = sum(len(group) for group in groups)
    if NAME_WIDTH + 3 * checks + 2 * len(groups) <= width:
        return [groups]
    return [[group] for group in groups]


def _table(
    sheet: Sheet, groups: Sequence[Sequence[CheckInfo]], numbers: Mapping[str, int]
) -> RenderableType:
    table = Table(box=None, padding=(0, 0, 0, 1), header_style="dim")
    table.add_column("save path", no_wrap=True, min_width=NAME_WIDTH - 1)
    for group in groups:
        table.add_column("│", style="dim")
        for check in group:
            table.add_column(f"{numbers[check.name]:2}", justify="right", width=2)
    for row in sheet.rows:
        verdicts = {cell.check.name: cell for cell in row.cells}
        marks = []
        for group in groups:
            marks += [Text("│"), *(_mark(verdicts[check.name]) for check in group)]
        table.add_row(Text(printable(row.path.name)), *marks)
    return Padding(table, (0, 0, 1, 0))


def _mark(cell: Cell) -> Text:
    return Text(SYMBOLS[cell.verdict], style=STYLES[cell.verdict])


def _checks(matrix: Matrix, numbers: Mapping[str, int]) -> RenderableType:
    parts: list[RenderableType] = []
    for name, group in matrix.groups.items():
        parts += [Text(name, style="bold"), _names(group, numbers)]
    return Group(*parts)


def _names(checks: Sequence[CheckInfo], numbers: Mapping[str, int]) -> RenderableType:
    names = [Text(printable(f"{numbers[check.name]:2} {check.name}")) for check in checks]
    return Padding(Columns(names, padding=(0, 2), column_first=True), (0, 0, 0, 1))


def _legend(matrix: Matrix) -> RenderableType:
    seen = {cell.verdict for sheet in matrix.sheets for row in sheet.rows for cell in row.cells}
    table = Table.grid(padding=(0, 1))
    for verdict, symbol in SYMBOLS.items():
        if verdict in seen:
            table.add_row(Text(symbol, STYLES[verdict]), shown(verdict), MEANINGS[verdict])
    return Padding(table, (1, 0))


def _section(section: Section, sources: Sequence[str]) -> Iterable[RenderableType]:
    """Return the section's causes: unexpected ones in full, others in short."""
    yield Rule(style="dim")
    yield Text(f"{section.title}  ", "bold").append(section.meaning, "not bold dim")
    for cause in section.causes:
        yield Text()
        in_full = cause.verdict in UNEXPECTED
        yield _in_full(cause) if in_full else _in_short(cause)
        smallest = cause.smallest
        lines = commands(smallest.finding, smallest.place, sources)
        yield Group(*map(_command, lines if in_full else lines[:1]))


def _in_short(cause: Cause) -> RenderableType:
    lines = [_title(cause), Text(printable(f"{places(cause)}; {totals(cause)}"), "dim")]
    return _hanging(cause, lines)


def _in_full(cause: Cause) -> RenderableType:
    check, finding = cause.smallest.check, cause.smallest.finding
    defect = finding.defect
    lines: list[RenderableType] = [
        _title(cause),
        Text(printable(f"{shown(cause.verdict)} on {places(cause)}")),
        Text(printable(f"{check.name}: {check.statement}")),
        Text(printable(f"key: {defect.key}"), "dim"),
    ]
    if defect.difference.expected or defect.difference.found:
        lines.append(_difference(defect))
    if finding.drawing:
        lines.append(Padding(Text(printable(finding.drawing)), (1, 0, 1, 2)))
    if defect.traceback:
        lines.append(Padding(Text(printable(defect.traceback), "dim"), (0, 0, 1, 2)))
    return _hanging(cause, lines)


def _title(cause: Cause) -> Text:
    return Text(printable(cause.title), "bold")


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
        table.add_row(Text(name, "dim"), Text(printable(text)))
    return table


def _conclusion(matrix: Matrix) -> RenderableType:
    style = "bold green" if matrix.clean else "bold red"
    lines = [Text(printable(reason), "red") for reason in matrix.gate.reasons]
    if not matrix.complete:
        lines.append(Text(INCOMPLETE, "red"))
    return Group(Text(matrix.headline, style), *lines)
