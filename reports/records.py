"""Records of a run: header, results, footer, as one JSON line each (schema version 2)."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec

from saveproof.reports.findings import Defect

SCHEMA = 2


Place = tuple[str, str, str]
"""Subject, save path, check."""


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="record"):
    """A frozen line of a run's event file."""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frozen part of a record."""


class Verdict(StrEnum):
    """What a check has shown on one case."""

    PASS = "pass"
    FAIL = "fail"
    GAP = "gap"
    """A SHOULD was missed: an exact resume needs it, no document promises it."""
    REFUSED = "refused"
    CRASH = "crash"
    TIMEOUT = "timeout"
    MEMORY = "memory limit"
    VACUOUS = "vacuous"
    UNSTABLE = "unstable"
    NOT_APPLICABLE = "not applicable"
    KNOWN = "known"
    HARNESS_ERROR = "harness error"


ENDS = frozenset({Verdict.CRASH, Verdict.TIMEOUT, Verdict.MEMORY})
"""Verdicts of a process that ended, or gave no answer."""

UNEXPECTED = frozenset({Verdict.FAIL, *ENDS, Verdict.HARNESS_ERROR})
"""Verdicts that make a run exit with 1 (harness errors: 2)."""

SEVERITY = (
    Verdict.FAIL,
    Verdict.CRASH,
    Verdict.TIMEOUT,
    Verdict.MEMORY,
    Verdict.HARNESS_ERROR,
    Verdict.GAP,
    Verdict.KNOWN,
    Verdict.PASS,
    Verdict.UNSTABLE,
    Verdict.VACUOUS,
    Verdict.REFUSED,
    Verdict.NOT_APPLICABLE,
)
"""Verdicts, worst first; behind a pass stand those that have shown nothing."""

SHOWN_NOTHING = frozenset({Verdict.UNSTABLE, Verdict.VACUOUS, Verdict.NOT_APPLICABLE})
"""Verdicts that are no pass: no example could have broken the sentence."""


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of at least one verdict."""
    return min(verdicts, key=SEVERITY.index)


class PathInfo(Part, frozen=True):
    """A save path of the run, its contract in plain words: promise by facet."""

    name: str
    document: str
    facets: dict[str, str]


class SubjectInfo(Part, frozen=True):
    """A subject of the run, with the versions that it reports.

    `files` has by module name the files that its process imports.
    In a run of exchanges it is a pair: `writer` and `reader` name its subjects, its paths are the
    formats that both claim.
    """

    name: str
    environment: dict[str, str]
    paths: tuple[PathInfo, ...]
    writer: str = ""
    reader: str = ""
    files: dict[str, str] = {}


class CheckInfo(Part, frozen=True):
    """A check of the run: its sentence and the facets that it needs."""

    name: str
    statement: str
    facets: tuple[str, ...]


class Header(Record, frozen=True, tag="header"):
    """What was run, where and with which versions; the first line."""

    run: str
    started: str
    saveproof: str
    command: str
    seed: int
    examples: int
    environment: dict[str, str]
    subjects: tuple[SubjectInfo, ...]
    checks: tuple[CheckInfo, ...]
    schema: int = SCHEMA


class Finding(Part, frozen=True):
    """A defect on its minimal case.

    `case` is the case's JSON, `case_id` its hash, `drawing` the case as a readable model.
    """

    defect: Defect
    case_id: str
    case: dict[str, Any]
    drawing: str
    known: str = ""
    """Why this finding is expected (a listed known issue); empty where it is new."""
    verdict: Verdict | None = None
    """How grave this finding is by itself; None where the run said only the check's worst."""


class Result(Record, frozen=True, tag="result"):
    """One check on one save path of one subject, over all examples of one kind.

    `verdict` is the worst that was seen (known findings apart), `tally` the number of examples by
    verdict. A check with several distinct defects has a finding each. `seconds` is what the save
    path and kind took, with all their checks. `distance` is the greatest
    absolute difference among the examples that passed, where the check compares with a tolerance.
    """

    subject: str
    path: str
    kind: str
    check: str
    promise: str
    verdict: Verdict
    tally: dict[Verdict, int]
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0
    distance: float | None = None

    @property
    def slot(self) -> tuple[str, str, str, str]:
        """What identifies the result in a run; the later line of a slot replaces the earlier."""
        return (self.subject, self.path, self.kind, self.check)

    @property
    def group(self) -> tuple[str, str, str]:
        """Subject, save path and kind of model: the results of a group are of the same cases."""
        return (self.subject, self.path, self.kind)

    @property
    def place(self) -> Place:
        """The result's cell: where its findings were made."""
        return (self.subject, self.path, self.check)


class Footer(Record, frozen=True, tag="footer"):
    """The last line: a file without it was cut short, and is reported as incomplete."""

    finished: str
    seconds: float
    results: int
    interrupted: bool = False


Line = Header | Result | Footer
