"""The Markdown report, for the summary of a CI job."""

import re
from collections.abc import Sequence
from urllib.parse import quote

from saveproof.reports.causes import Cause, CellDefect
from saveproof.reports.commands import commands, reduction
from saveproof.reports.coverage import NOT_TESTED, Coverage, figures
from saveproof.reports.interchange import ExchangeResult, Grid, grid, measured, unpaired
from saveproof.reports.matrix import Matrix, Sheet
from saveproof.reports.summary import (
    MOST_REASONS,
    Section,
    headline,
    replayed,
    sections,
    tested,
    why,
)
from saveproof.reports.untested import (
    TITLE,
    bounds,
    listed,
    reached,
    untested,
    why_not,
)
from saveproof.reports.untested import share as share_of
from saveproof.reports.wording import (
    FIGURES,
    INCOMPLETE,
    MEANINGS,
    SYMBOLS,
    case_shown,
    figure,
    kinds_by_path,
    places,
    printable,
    share,
    shares,
    shown,
    totals,
)

SAFE = "/:#?&=%+,;@~"
"""Characters of an address that need no escape inside a link."""

LIMIT = 50
"""Maximum number of causes in the report: GitHub cuts a job's summary at 1 MiB."""

MOST_LINES = 20
"""Maximum number of reasons why something was not tested."""

MARKS = re.compile(r"[\\`*{}\[\]<>|#~$@&]|(?<!\w)_|_(?!\w)")
"""Characters with a meaning in Markdown, HTML or tables; an underscore inside a word has none."""


def markdown(matrix: Matrix) -> str:
    """Return what was tested and the verdict, distinct defects, then a table for each subject."""
    parts = [f"# saveproof: {escaped(headline(matrix))}", *_banner(matrix), _tested(matrix)]
    exchanges = grid(matrix)
    parts += _exchanges(exchanges) if exchanges else []
    if matrix.coverages:
        parts.append("  \n".join(escaped(reached(one)) for one in matrix.coverages))
    parts += _witnesses(matrix)
    parts += ["  \n".join(map(escaped, shares(matrix)))] if shares(matrix) else []
    left = LIMIT
    for section in sections(matrix):
        parts += _section(section, matrix.sources, left)
        left = max(0, left - len(section.causes))
    parts += [part for one in matrix.coverages for part in _untested(one)]
    parts += [_table(sheet) for sheet in unpaired(matrix)]
    parts += [_legend(matrix), _origin(matrix)]
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


def _tested(matrix: Matrix) -> str:
    """Return a line for each subject: its versions, and the files that it was imported from."""
    lines = []
    for sheet in matrix.sheets:
        files = "".join(f"; {name} from {file}" for name, file in sheet.subject.files.items())
        lines.append(escaped(f"{sheet.subject.name}: {tested(sheet.subject)}{files}"))
    if matrix.models.reasons:
        lines.append(escaped(f"Not judged: {why(matrix.models.reasons, most=MOST_REASONS)}"))
    return "\n".join(f"- {line}" for line in lines)


def _origin(matrix: Matrix) -> str:
    header = matrix.header
    environment = ", ".join(f"{name} {version}" for name, version in header.environment.items())
    return escaped(
        f"saveproof {header.saveproof}, seed {header.seed}, "
        f"{header.examples} examples for each save path and kind of model; {environment}; "
        f"started {header.started}"
    )


def _witnesses(matrix: Matrix) -> list[str]:
    if not matrix.witnesses:
        return []
    lines = [
        escaped(f"{one.issue} ({one.subject}, {one.path}) {one.status}: {one.reason} {one.detail}")
        + _page(one.link)
        for one in matrix.gate.outdated
    ]
    return ["\n".join([escaped(replayed(matrix.witnesses)), "", *(f"- {line}" for line in lines)])]


def _page(link: str) -> str:
    """Return a link to the page of a known issue, or its place as text; empty without one."""
    if not link.startswith("https://"):
        return f" {escaped(link)}".rstrip()
    return f" [{escaped(link)}](<{quote(link, safe=SAFE)}>)"


def _table(sheet: Sheet) -> str:
    names = [escaped(row.path.name) for row in sheet.rows]
    lines = [
        f"## {escaped(sheet.subject.name)}",
        "",
        f"| check | {' | '.join(names)} |",
        f"|:--|{':-:|' * len(names)}",
    ]
    for cells in zip(*(row.cells for row in sheet.rows), strict=True):
        verdicts = " | ".join(figure(cell) for cell in cells)
        lines.append(f"| {escaped(cells[0].check.name)} | {verdicts} |")
    return "\n".join(lines)


def _untested(coverage: Coverage) -> list[str]:
    """Return a table by namespace; the strata with one reason are a number and some names."""
    lines = [
        f"| namespace | classes | arguments | {' | '.join(NOT_TESTED)} | bound at 95 % |",
        f"|:--|{'--:|' * (len(NOT_TESTED) + 2)}:--|",
    ]
    for room in coverage.namespaces:
        states = figures(room.every).states
        cells = (
            escaped(room.name),
            *(share_of(figures(one)) for one in (room.classes, room.arguments)),
            *(str(states.get(state, 0)) for state in NOT_TESTED),
            escaped(bounds(room)),
        )
        lines.append(f"| {' | '.join(cells)} |")
    reasons = [
        f"- {escaped(f'{len(names)} {state}: {why or listed(names)}')}"
        for state, why, names in why_not(coverage.every)
    ]
    more = len(reasons) - MOST_LINES
    rest = [f"- {more} more reasons in the HTML report."] if more > 0 else []
    head = f"## {TITLE}: {escaped(untested(coverage).partition(': ')[2])}"
    return [head, "\n".join(lines), "\n".join([*reasons[:MOST_LINES], *rest])]


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
    return f"{SYMBOLS[one.verdict]} {one.judged} {measured(one.distance)}".strip()


def _legend(matrix: Matrix) -> str:
    seen = {cell.verdict for sheet in matrix.sheets for row in sheet.rows for cell in row.cells}
    lines = [
        f"{symbol} {shown(verdict)}: {MEANINGS[verdict]}"
        for verdict, symbol in SYMBOLS.items()
        if verdict in seen
    ]
    return "  \n".join([FIGURES, *lines])


def _section(section: Section, sources: Sequence[str], limit: int) -> list[str]:
    """Return the section with at most `limit` causes, and the number of those left out."""
    parts = [f"## {section.title}", section.meaning]
    parts += [_cause(cause, sources) for cause in section.causes[:limit]]
    if len(section.causes) > limit:
        parts.append(f"{len(section.causes) - limit} more in the HTML report.")
    return parts


def _cause(cause: Cause, sources: Sequence[str]) -> str:
    title = escaped(f"{SYMBOLS[cause.verdict]} {cause.title} ({cause.code} {cause.id})")
    where = escaped(f"{places(cause)}; {totals(cause)}")
    link = cause.lead.finding.link
    return "\n\n".join(
        [
            f"<details><summary>{title}<br>{where}</summary>",
            *([_page(link).strip()] if link else []),
            "\n".join(_line(same) for same in cause.defects),
            *_evidence(cause.lead, sources),
            "</details>",
        ]
    )


def _line(same: Sequence[CellDefect]) -> str:
    first, paths = same[0], {defect.path: defect.kinds for defect in same}
    counts = ", ".join(f"{share(defect)} judged on {defect.path}" for defect in same)
    line = f"{first.check.name}: {first.title}; {kinds_by_path(paths)}: {counts}"
    return f"- {escaped(line)}; key: {escaped(first.key)}"


def _evidence(defect: CellDefect, sources: Sequence[str]) -> list[str]:
    finding, seen = defect.finding, defect.finding.defect
    parts = [f"{case_shown(finding)}:", fenced(finding.drawing)] if finding.drawing else []
    expected, found = seen.difference.expected, seen.difference.found
    if expected or found:
        parts.append(fenced(f"at       {seen.where}\nexpected {expected}\nfound    {found}"))
    if finding.again:
        parts.append(fenced("\n".join(f"{one.how}: {one.found}" for one in finding.again)))
    if seen.traceback:
        parts.append(fenced(seen.traceback))
    if finding.case_id:
        lines = [*commands(finding, defect.place, sources)]
        more = reduction(finding, defect.place, sources)
        parts.append(fenced("\n".join([*lines, more] if more else lines), language="sh"))
    return parts
