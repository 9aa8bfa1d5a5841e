"""The symbols and phrases of reports."""

import re
from collections.abc import Mapping, Sequence

from saveproof.reports.causes import Cause
from saveproof.reports.matrix import Cell, CellDefect, Matrix
from saveproof.reports.records import PathInfo, Verdict

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
    Verdict.PASS: "no example failed",
    Verdict.FAIL: "a documented promise is broken",
    Verdict.CRASH: "the process died",
    Verdict.TIMEOUT: "no answer within the time limit",
    Verdict.MEMORY: "the process reached its memory limit",
    Verdict.HARNESS_ERROR: "saveproof or the subject's adapter failed",
    Verdict.GAP: "an exact resume needs it, but no document promises it",
    Verdict.KNOWN: "a failure or gap that is already listed",
    Verdict.UNSTABLE: "repeating the same steps gave a different result",
    Verdict.VACUOUS: "no example could have failed",
    Verdict.REFUSED: "the subject refused clearly, as the contract allows",
    Verdict.NOT_SHOWN: "the contract promises it, but no example could be judged",
    Verdict.NOT_APPLICABLE: "the contract does not promise it",
    None: "no result was recorded",
}

INCOMPLETE = "This run is incomplete. A missing result is not a pass."

PROMISES: Mapping[str, str] = {
    "must": "must come back: documented",
    "should": "should come back: an exact resume needs it, but no document promises it",
    "fresh": "must not come back: fresh state in its place",
    "code": "comes from the model's code",
}

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


def tallied(cell: Cell) -> str:
    """Return the number of the cell's examples by verdict, or the reason why it has none."""
    if cell.tally:
        return ", ".join(f"{count} {verdict}" for verdict, count in cell.tally.items())
    if cell.unpromised:
        return f"not promised: {', '.join(cell.unpromised)}"
    return "not applicable" if cell.results else MEANINGS[None]


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
    for (subject, path, kind), number in matrix.examined.items():
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
    return f"{named}, {cause.findings} finding{'' if cause.findings == 1 else 's'}"
