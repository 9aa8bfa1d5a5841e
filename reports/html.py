"""The HTML report: one file that needs no network."""

import msgspec

from saveproof.reports.causes import sections
from saveproof.reports.commands import commands
from saveproof.reports.glossary import GLOSSARY
from saveproof.reports.interchange import grid, measured
from saveproof.reports.matrix import DEFECTIVE, Cell, Matrix
from saveproof.reports.records import PathInfo
from saveproof.reports.rendering import rendered
from saveproof.reports.wording import (
    INCOMPLETE,
    MEANINGS,
    SYMBOLS,
    places,
    printable,
    promised,
    shares,
    tallied,
    totals,
)
from saveproof.reports.wording import shown as word


def html(matrix: Matrix) -> str:
    """Return the page: headline, causes, a matrix for each subject, and details of each cell."""
    page = rendered(
        "report.html.j2",
        {
            "matrix": matrix,
            "sections": sections(matrix),
            "grid": grid(matrix),
            "measured": measured,
            "symbols": SYMBOLS,
            "glossary": GLOSSARY,
            "incomplete": INCOMPLETE,
            "shares": shares(matrix),
            "meanings": MEANINGS,
            "promised": promised,
            "tallied": tallied,
            "places": places,
            "totals": totals,
            "word": word,
            "anchors": _anchors(matrix),
            "has_defects": _has_defects,
            "contract": _contract,
            "case_json": _case_json,
            "commands": commands,
        },
    )
    return printable(page)


def _anchors(matrix: Matrix) -> dict[tuple[str, str, str], str]:
    """Return the id of every cell's element by subject, path and check."""
    return {
        (sheet.subject.name, row.path.name, cell.check.name): f"cell-{s}-{r}-{c}"
        for s, sheet in enumerate(matrix.sheets)
        for r, row in enumerate(sheet.rows)
        for c, cell in enumerate(row.cells)
    }


def _has_defects(cell: Cell) -> bool:
    return cell.verdict in DEFECTIVE or any(defect.verdict in DEFECTIVE for defect in cell.defects)


def _contract(path: PathInfo) -> dict[str, list[str]]:
    facets: dict[str, list[str]] = {}
    for facet in path.facets:
        facets.setdefault(promised(facet, path), []).append(facet)
    return facets


def _case_json(case: dict[str, object]) -> str:
    return msgspec.json.format(msgspec.json.encode(case)).decode()
