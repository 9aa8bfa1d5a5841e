"""The Markdown report, for the summary of a CI job."""

import re
from collections.abc import Sequence

from saveproof.reports.causes import Cause, Section, sections
from saveproof.reports.commands import commands
from saveproof.reports.interchange import ExchangeResult, Grid, grid, measured, unpaired
from saveproof.reports.matrix import Cell, CellDefect, Matrix, Sheet
from saveproof.reports.records import ENDS, Verdict
from saveproof.reports.wording import (
    INCOMPLETE,
    MEANINGS,
    SYMBOLS,
    kinds_by_path,
    places,
    printable,
    shares,
    shown,
    totals,
)

LIMIT = 50
"""Maximum number of causes in the report: GitHub cuts a job's summary at 1 MiB."""

MARKS = re.compile(r"[\\`*{}\[\]<>|#~$@&]|(?<!\w)_|_(?!\w)")
"""Characters with a meaning in Markdown, HTML or tables; an underscore inside a word has none."""


def markdown(matrix: Matrix) -> str:
    """Return a table of all exchanges, a table for each subject (rows are checks), and causes."""
    parts = [f"# saveproof: {escaped(matrix.headline)}", *_banner(matrix), _origin(matrix)]
    exchanges = grid(matrix)
    parts += _exchanges(exchanges) if exchanges else []
    parts += [_table(sheet) for sheet in unpaired(matrix)]
    parts += ["  \n".join(map(escaped, shares(matrix)))] if shares(matrix) else []
    parts.append(_legend(matrix))
    left = LIMIT
    for section in sections(matrix):
        parts += _section(section, matrix.sources, left)
        left = max(0, left - len(section.causes))
    return printable("\n\n".join(parts)) + "\n"


def escaped(text: str) -> str:
    """Return the text on one line, with characters of Markdown, HTML and tables escaped."""
    marked = MARKS.sub(lambda found: f"&#{ord(found[0])};", text)
    return " ".join(marked.split())


def fenced(text: str, *, language: str = "text") -> str:
    """Return a code block, with a fence longer than any in the text."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"


def _banner(matrix: Matrix) -> list[str]:
    lines = [] if matrix.complete else [INCOMPLETE]
    lines += map(escaped, matrix.gate.reasons)
    return ["> [!CAUTION]\n" + "\n".join(f"> {line}" for line in lines)] if lines else []


def _origin(matrix: Matrix) -> str:
    header = matrix.header
    environment = ", ".join(f"{name} {version}" for name, version in header.environment.items())
    return escaped(
        f"saveproof {header.saveproof}, {matrix.examples} results, seed {header.seed}, "
        f"{header.examples} examples for each save path and kind of model; {environment}; "
        f"started {header.started}"
    )


def _table(sheet: Sheet) -> str:
    versions = ", ".join(f"{name} {v}" for name, v in sheet.subject.environment.items())
    names = [escaped(row.path.name) for row in sheet.rows]
    lines = [
        f"## {escaped(sheet.subject.name)}",
        "",
        escaped(versions),
        *(f"- {escaped(module)}: {escaped(file)}" for module, file in sheet.subject.files.items()),
        "",
        f"| check | {' | '.join(names)} |",
        f"|:--|{':-:|' * len(names)}",
    ]
    for cells in zip(*(row.cells for row in sheet.rows), strict=True):
        verdicts = " | ".join(_figure(cell) for cell in cells)
        lines.append(f"| {escaped(cells[0].check.name)} | {verdicts} |")
    return "\n".join(lines)


def _exchanges(grid: Grid) -> list[str]:
    names = [escaped(reader) for reader in grid.readers]
    lines = [f"| format | written by | {' | '.join(names)} |", f"|:--|:--|{':-:|' * len(names)}"]
    for name, writer in grid.rows:
        cells = [_exchange(grid.at(name, writer, reader)) for reader in grid.readers]
        lines.append(f"| {escaped(name)} | {escaped(writer)} | {' | '.join(cells)} |")
    return ["\n".join(lines)]


def _exchange(one: ExchangeResult | None) -> str:
    if one is None:
        return ""
    return f"{SYMBOLS[one.verdict]} {one.examples} {measured(one.distance)}".strip()


def _figure(cell: Cell) -> str:
    symbol = SYMBOLS[cell.verdict]
    if cell.verdict in {Verdict.FAIL, Verdict.GAP, *ENDS}:
        return f"**{symbol}** {cell.tally.get(cell.verdict, 0)}/{cell.examples}"
    return symbol


def _legend(matrix: Matrix) -> str:
    seen = {cell.verdict for sheet in matrix.sheets for row in sheet.rows for cell in row.cells}
    return "  \n".join(
        f"{symbol} {shown(verdict)}: {MEANINGS[verdict]}"
        for verdict, symbol in SYMBOLS.items()
        if verdict in seen
    )


def _section(section: Section, sources: Sequence[str], limit: int) -> list[str]:
    """Return the section with at most `limit` causes, and the number of those left out."""
    parts = [f"## {section.title}", section.meaning]
    parts += [_cause(cause, sources) for cause in section.causes[:limit]]
    if len(section.causes) > limit:
        parts.append(f"{len(section.causes) - limit} more in the HTML report.")
    return parts


def _cause(cause: Cause, sources: Sequence[str]) -> str:
    title = escaped(f"{SYMBOLS[cause.verdict]} {shown(cause.verdict)}: {cause.title}")
    where = escaped(f"{places(cause)}; {totals(cause)}")
    return "\n\n".join(
        [
            f"<details><summary>{title}<br>{where}</summary>",
            "\n".join(_line(same) for same in cause.defects),
            *_evidence(cause.smallest, sources),
            "</details>",
        ]
    )


def _line(same: Sequence[CellDefect]) -> str:
    first, paths = same[0], {defect.path: defect.kinds for defect in same}
    seen = first.finding.defect
    line = f"{first.check.name}: {seen.title}; {kinds_by_path(paths)}; key: {seen.key}"
    return f"- {escaped(line)}"


def _evidence(defect: CellDefect, sources: Sequence[str]) -> list[str]:
    finding, seen = defect.finding, defect.finding.defect
    parts = [fenced(finding.drawing)] if finding.drawing else []
    expected, found = seen.difference.expected, seen.difference.found
    if expected or found:
        parts.append(fenced(f"at       {seen.where}\nexpected {expected}\nfound    {found}"))
    if seen.traceback:
        parts.append(fenced(seen.traceback))
    if finding.case_id:
        lines = commands(finding, defect.place, sources)
        parts.append(fenced("\n".join(lines), language="sh"))
    return parts
