"""The symbols and phrases of reports."""

import re
from collections.abc import Mapping, Sequence

from saveproof.reports.causes import Cause, CellDefect
from saveproof.reports.matrix import Cell, Matrix
from saveproof.reports.records import SHOWN_NOTHING, Finding, PathInfo, Verdict
from saveproof.reports.summary import counted, why

SYMBOLS: Mapping[Verdict | None, str] = {
    Verdict.PASS: "✓",
    Verdict.FAIL: "✗",
    Verdict.CRASH: "C",
    Verdict.TIMEOUT: "T",
    Verdict.MEMORY: "M",
    Verdict.HARNESS_ERROR: "H",
    Verdict.GAP: "△",
    Verdict.KNOWN: "K",
    Verdict.UNSTABLE: "U",
    Verdict.VACUOUS: "V",
    Verdict.REFUSED: "R",
    Verdict.NOT_SHOWN: "N",
    Verdict.NOT_APPLICABLE: "·",
    None: "?",
}
"""One narrow character for each verdict; None is for a missing result."""

MEANINGS: Mapping[Verdict | None, str] = {
    Verdict.PASS: "every judged example held, and could have failed",
    Verdict.FAIL: "a documented promise is broken",
    Verdict.CRASH: "the process died",
    Verdict.TIMEOUT: "no answer within the time limit",
    Verdict.MEMORY: "the process reached its memory limit",
    Verdict.HARNESS_ERROR: "saveproof or the subject's adapter failed",
    Verdict.GAP: "an exact resume needs it, but no document promises it",
    Verdict.KNOWN: "a failure or gap that is already listed",
    Verdict.UNSTABLE: "repeating the same steps gave a different result",
    Verdict.VACUOUS: "examples ran, but none could have failed",
    Verdict.REFUSED: "the subject refused clearly, as the contract allows",
    Verdict.NOT_SHOWN: "the contract promises it, but no example could be judged",
    Verdict.NOT_APPLICABLE: "the contract does not promise it",
    None: "no result was recorded",
}

HELD = frozenset({Verdict.PASS, Verdict.REFUSED})
"""Verdicts of a cell in which nothing was found."""

FIGURES = "✓ 21: all 21 examples that could have failed held; △ 3/21: 3 of these 21 did not."
"""What the figures in a cell mean."""

INCOMPLETE = "This run is incomplete. A missing result is not a pass."

PROMISES: Mapping[str, str] = {
    "must": "must come back: documented",
    "should": "should come back: an exact resume needs it, but no document promises it",
    "fresh": "must not come back: fresh state in its place",
    "code": "comes from the model's code",
}

SMALLEST = "The smallest case that shows it"
CUT_SHORT = "A case that shows it; shrinking was cut short, and saveproof reduce goes on"

UNPRINTABLE = re.compile(
    "[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    "|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
"""Control characters: terminals interpret them, and XML 1.0 (section 2.2) can't contain them.

Those of the writing direction (Unicode, UAX #9) make a command look different from its text.
"""


def printable(text: str) -> str:
    """Return the text with every control character replaced."""
    return UNPRINTABLE.sub("�", text)


def promised(facet: str, path: PathInfo) -> str:
    """Return the path's promise for a facet, in plain words."""
    promise = path.facets.get(facet, "not promised")
    return PROMISES.get(promise, promise)


def figure(cell: Cell) -> str:
    """Return the cell's symbol and figures: examples that held, or found of judged ones."""
    symbol = SYMBOLS[cell.verdict]
    if not cell.judged or cell.verdict in SHOWN_NOTHING:
        return symbol
    of = "" if cell.verdict in HELD else f"/{cell.judged}"
    return f"{symbol} {cell.found}{of}"


def tallied(cell: Cell) -> str:
    """Return the number of judged examples, of examples by verdict, and the reasons for others."""
    if cell.tally:
        judged = ", ".join(f"{n} {v}" for v, n in cell.tally.items() if v not in SHOWN_NOTHING)
        others = (unjudged(v, n, cell.reasons.get(v, {})) for v, n in cell.tally.items())
        return "; ".join(
            [f"{cell.judged} judged" + (f": {judged}" if judged else ""), *filter(None, others)]
        )
    if cell.unpromised:
        return f"not promised: {', '.join(cell.unpromised)}"
    return "not applicable" if cell.results else MEANINGS[None]


def unjudged(verdict: Verdict, number: int, reasons: Mapping[str, int]) -> str:
    """Return a number of examples that could not be judged, with the reasons; '' for others."""
    if verdict not in SHOWN_NOTHING:
        return ""
    return f"{number} {verdict}" + (f" ({why(reasons)})" if reasons else "")


def share(defect: CellDefect) -> str:
    """Return how many of the judged examples showed the defect; early runs did not count them."""
    return f"{defect.examples or 'some'} of {defect.judged}"


def shown(verdict: Verdict | None) -> str:
    """Return the verdict's word."""
    return "no result" if verdict is None else str(verdict)


def explained(defect: CellDefect) -> str:
    """Return the defect's title, with the reason if it is known."""
    known = f" (known: {defect.finding.known})" if defect.finding.known else ""
    return defect.finding.defect.title + known


def shares(matrix: Matrix) -> list[str]:
    """Return how many examples each save path got, for a run with a time limit; else nothing."""
    if matrix.header.max_time is None:
        return []
    by_path: dict[tuple[str, str], list[str]] = {}
    for subject, path, kind, number in matrix.examined:
        by_path.setdefault((subject, path), []).append(f"{number} {kind}")
    same: dict[tuple[str, str], list[str]] = {}
    for (subject, path), counts in by_path.items():
        same.setdefault((subject, ", ".join(counts)), []).append(path)
    lines = [
        f"{subject}: {counts}: {', '.join(paths)}" for (subject, counts), paths in same.items()
    ]
    return [f"Examples in {matrix.header.max_time:g} s:", *lines]


def places(cause: Cause) -> str:
    """Return the subjects, save paths and kinds of model on which a cause appears."""
    return "; ".join(f"{name}: {kinds_by_path(paths)}" for name, paths in cause.places.items())


def kinds_by_path(paths: Mapping[str, Sequence[str]]) -> str:
    """Return save paths with their kinds of model; paths with the same kinds share a bracket."""
    by_kinds: dict[str, list[str]] = {}
    for path, kinds in paths.items():
        by_kinds.setdefault(", ".join(kinds), []).append(path)
    return ", ".join(f"{', '.join(names)} ({kinds})" for kinds, names in by_kinds.items())


def totals(cause: Cause) -> str:
    """Return the check of a cause, or the number of its checks, and the number of findings."""
    checks = cause.checks
    named = checks[0] if len(checks) == 1 else f"{len(checks)} checks"
    return f"{named}, {counted(cause.findings, 'finding', 'findings')}"


def case_shown(finding: Finding) -> str:
    """Return what the shown case is: the smallest, or one whose shrinking was cut short."""
    return SMALLEST if finding.shrunk else CUT_SHORT
