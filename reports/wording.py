"""How reports show verdicts and promises: symbols and sentences."""

import re
from collections.abc import Mapping, Sequence

from saveproof.reports.causes import Cause
from saveproof.reports.matrix import Cell, CellDefect
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
    Verdict.NOT_APPLICABLE: "·",
    None: "?",
}
"""One narrow character a verdict; None stands for no result."""

MEANINGS: Mapping[Verdict | None, str] = {
    Verdict.PASS: "no example failed",
    Verdict.FAIL: "a documented promise is broken",
    Verdict.CRASH: "the process died",
    Verdict.TIMEOUT: "no answer within the time limit",
    Verdict.MEMORY: "the process reached its memory limit",
    Verdict.HARNESS_ERROR: "saveproof or the subject's adapter failed",
    Verdict.GAP: "an exact resume needs it, but no document promises it",
    Verdict.KNOWN: "a failure or gap that is already listed",
    Verdict.UNSTABLE: "repeating the same steps gave another result",
    Verdict.VACUOUS: "no example could have failed",
    Verdict.REFUSED: "the subject refused clearly, as the contract allows",
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
"""Control characters: a terminal obeys them and XML 1.0 (section 2.2) can't hold them.

Those of the direction of writing (Unicode, UAX #9) show a command otherwise than it is pasted.
"""


def printable(text: str) -> str:
    """Return the text with a replacement character for every control character."""
    return UNPRINTABLE.sub("�", text)


def promised(facet: str, path: PathInfo) -> str:
    """Return the path's promise for a facet, in plain words."""
    promise = path.facets.get(facet, "not promised")
    return PROMISES.get(promise, promise)


def tallied(cell: Cell) -> str:
    """Return the cell's examples by verdict; why there are none where there are none."""
    if cell.tally:
        return ", ".join(f"{count} {verdict}" for verdict, count in cell.tally.items())
    if cell.unpromised:
        return f"not promised: {', '.join(cell.unpromised)}"
    return "not applicable" if cell.results else MEANINGS[None]


def shown(verdict: Verdict | None) -> str:
    """Return the verdict's word."""
    return "no result" if verdict is None else str(verdict)


def explained(defect: CellDefect) -> str:
    """Return the defect in a line, and why it is expected where it is known."""
    known = f" (known: {defect.finding.known})" if defect.finding.known else ""
    return defect.finding.defect.title + known


def placed(cause: Cause) -> str:
    """Return where a cause shows: subjects, save paths and kinds of model."""
    return "; ".join(f"{name}: {listed(paths)}" for name, paths in cause.places.items())


def listed(paths: Mapping[str, Sequence[str]]) -> str:
    """Return save paths with the kinds of model, those together that have the same kinds."""
    by_kinds: dict[str, list[str]] = {}
    for path, kinds in paths.items():
        by_kinds.setdefault(", ".join(kinds), []).append(path)
    return ", ".join(f"{', '.join(names)} ({kinds})" for kinds, names in by_kinds.items())


def counted(cause: Cause) -> str:
    """Return how much of a run a cause explains: the check, or how many, and the findings."""
    checks = cause.checks
    named = checks[0] if len(checks) == 1 else f"{len(checks)} checks"
    return f"{named}, {cause.findings} finding{'' if cause.findings == 1 else 's'}"
