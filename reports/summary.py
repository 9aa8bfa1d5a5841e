"""The result of a run in words: what was tested, the verdict, and the sections of a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from saveproof.reports.causes import Cause
from saveproof.reports.matrix import Matrix
from saveproof.reports.records import ENDS, SubjectInfo, Verdict, Witness, WitnessStatus

PHRASES: Mapping[Verdict, tuple[str, str]] = {
    Verdict.FAIL: ("documented promise broken", "documented promises broken"),
    Verdict.CRASH: ("crash", "crashes"),
    Verdict.TIMEOUT: ("timeout", "timeouts"),
    Verdict.MEMORY: ("memory limit reached", "memory limits reached"),
    Verdict.HARNESS_ERROR: ("harness error", "harness errors"),
    Verdict.GAP: ("undocumented loss", "undocumented losses"),
    Verdict.KNOWN: ("known issue", "known issues"),
    Verdict.UNSTABLE: ("unstable result", "unstable results"),
}
"""What a number of distinct defects of a verdict is called: one, and several."""

MOST_REASONS = 3
"""How many reasons a line gives, the most frequent ones."""


@dataclass(frozen=True)
class Section:
    """The distinct defects in one section of a report."""

    name: str
    meaning: str
    causes: tuple[Cause, ...]

    @property
    def title(self) -> str:
        """The section's name and its number of distinct defects."""
        return f"{self.name}: {len(self.causes)}"


SECTIONS: Mapping[str, tuple[str, frozenset[Verdict]]] = {
    "Documented promises broken": (
        "The framework's documentation promises it, and it does not hold.",
        frozenset({Verdict.FAIL}),
    ),
    "No answer": (
        "The process crashed, hung or ran out of memory, or saveproof or the adapter failed.",
        ENDS | {Verdict.HARNESS_ERROR},
    ),
    "Undocumented losses": (
        "State that an exact resume needs and no document promises; they do not fail the run.",
        frozenset({Verdict.GAP}),
    ),
    "Known issues": (
        "Already confirmed and listed; they do not fail the run.",
        frozenset({Verdict.KNOWN}),
    ),
    "Unstable results": (
        "The same program gave different results; nothing follows about saving.",
        frozenset({Verdict.UNSTABLE}),
    ),
}
"""Sections in the order of a report: name, meaning and verdicts."""


def sections(matrix: Matrix) -> tuple[Section, ...]:
    """Return the sections that have defects, broken promises first."""
    return tuple(
        Section(name, meaning, found)
        for name, (meaning, verdicts) in SECTIONS.items()
        if (found := tuple(cause for cause in matrix.causes if cause.verdict in verdicts))
    )


def headline(matrix: Matrix) -> str:
    """Return the result of the run in one line: defects, and how many models were judged."""
    return f"{verdict(matrix)}; {models(matrix)}"


def verdict(matrix: Matrix) -> str:
    """Return the number of distinct defects, and how many of them are of each sort."""
    defects = {v: n for v, n in matrix.defects.items() if v is not Verdict.HARNESS_ERROR}
    found = ", ".join(counted(n, *PHRASES[v]) for v, n in defects.items())
    if defects:
        total = counted(sum(defects.values()), "distinct defect", "distinct defects")
        found = f"{total}: {found}"
    if errors := matrix.defects.get(Verdict.HARNESS_ERROR):
        error = counted(errors, *PHRASES[Verdict.HARNESS_ERROR])
        found = f"{found}; {error}" if found else error
    found = found or ("nothing unexpected" if matrix.models.judged else "nothing was judged")
    if unmet := len(matrix.gate.unmet):
        found += f"; {counted(unmet, 'requirement', 'requirements')} not met"
    if outdated := len(matrix.gate.outdated):
        found += f"; {counted(outdated, 'known issue', 'known issues')} to change in the list"
    if hidden := matrix.cells.get(Verdict.NOT_SHOWN):
        found += f"; {counted(hidden, 'promise', 'promises')} not shown"
    if unstable := matrix.cells.get(Verdict.UNSTABLE):
        found += f"; {counted(unstable, 'cell', 'cells')} unstable"
    return found if matrix.complete else f"incomplete: {found} so far"


def models(matrix: Matrix) -> str:
    """Return how many of the generated models were judged."""
    return f"{matrix.models.judged} of {matrix.models.generated} generated models judged"


def counted(number: int, one: str, several: str) -> str:
    """Return a number and what it counts."""
    return f"{number} {one if number == 1 else several}"


def why(reasons: Mapping[str, int], *, most: int | None = None) -> str:
    """Return counted reasons in one line, the most frequent first; `most` of them at most."""
    shown = [f"{count} × {reason}" for reason, count in reasons.items()]
    left = len(shown) - len(shown[:most])
    return "; ".join(shown[:most]) + (f"; and {counted(left, 'more', 'more')}" if left else "")


def tested(subject: SubjectInfo) -> str:
    """Return the versions of a subject's packages in one line."""
    return ", ".join(f"{name} {version}" for name, version in subject.environment.items())


def replayed(witnesses: Sequence[Witness]) -> str:
    """Return in one line how many witnesses were replayed, and what they showed."""
    counts = {status: sum(one.status is status for one in witnesses) for status in WitnessStatus}
    said = ", ".join(f"{number} {status}" for status, number in counts.items() if number)
    return f"Witnesses of known issues, replayed first: {said}."
