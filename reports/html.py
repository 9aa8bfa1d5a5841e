"""The HTML report: one file that needs no network."""

from collections.abc import Mapping

import msgspec

from saveproof.reports import untested
from saveproof.reports.codes import code
from saveproof.reports.commands import commands, reduction
from saveproof.reports.coverage import NOT_TESTED, figures
from saveproof.reports.glossary import GLOSSARY
from saveproof.reports.interchange import grid, measured
from saveproof.reports.matrix import DEFECTIVE, Cell, Matrix
from saveproof.reports.records import PathInfo, Verdict
from saveproof.reports.rendering import rendered
from saveproof.reports.summary import (
    MOST_REASONS,
    models,
    replayed,
    sections,
    tested,
    verdict,
    why,
)
from saveproof.reports.wording import (
    FIGURES,
    INCOMPLETE,
    MEANINGS,
    SYMBOLS,
    case_shown,
    figure,
    places,
    printable,
    promised,
    share,
    shares,
    tallied,
    totals,
    unjudged,
)
from saveproof.reports.wording import shown as word

NOT_TESTED_WORDS: Mapping[str, object] = {
    "not_tested": untested.TITLE,
    "not_tested_means": untested.MEANING,
    "not_tested_states": NOT_TESTED,
    "reached": untested.reached,
    "untested": untested.untested,
    "share_of": untested.share,
    "bounds": untested.bounds,
    "why_not": untested.why_not,
    "examples": untested.examples,
    "figures_of": figures,
}
"""What the page on what was not tested uses."""


def html(matrix: Matrix) -> str:
    """Return the page: verdict, distinct defects, a matrix for each subject, and each cell."""
    page = rendered(
        "report.html.j2",
        {
            "matrix": matrix,
            "verdict": verdict(matrix),
            "models": models(matrix),
            "tested": tested,
            "why": why,
            "most_reasons": MOST_REASONS,
            "replayed": replayed,
            "sections": sections(matrix),
            "grid": grid(matrix),
            "measured": measured,
            "symbols": SYMBOLS,
            "glossary": GLOSSARY,
            "incomplete": INCOMPLETE,
            "shares": shares(matrix),
            "meanings": MEANINGS,
            "promised": promised,
            "seen": {c.verdict for s in matrix.sheets for row in s.rows for c in row.cells},
            "figures_mean": FIGURES,
            "figure": figure,
            "tallied": tallied,
            "unjudged": unjudged,
            "share": share,
            **NOT_TESTED_WORDS,
            "case_shown": case_shown,
            "places": places,
            "totals": totals,
            "word": word,
            "anchors": _anchors(matrix),
            "has_defects": _has_defects,
            "contract": _contract,
            "case_json": _case_json,
            "code": code,
            "commands": commands,
            "reduction": reduction,
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
    worth = DEFECTIVE | {Verdict.UNSTABLE}
    return cell.verdict in worth or any(defect.verdict in worth for defect in cell.defects)


def _contract(path: PathInfo) -> dict[str, list[str]]:
    facets: dict[str, list[str]] = {}
    for facet in path.facets:
        facets.setdefault(promised(facet, path), []).append(facet)
    return facets


def _case_json(case: dict[str, object]) -> str:
    return msgspec.json.format(msgspec.json.encode(case)).decode()
