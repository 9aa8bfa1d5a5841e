"""Records of a run: header, results, footer, as one JSON line each (schema version 3).

Further records are in `strata.py`, and all of them in `lines.py`.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec

from saveproof.reports.findings import Defect
from saveproof.reports.policy import Policy, Shard

SCHEMA = 3


Place = tuple[str, str, str]
"""Subject, save path, check."""


BACKENDS = (":jax", ":tensorflow", ":torch")


def family(subject: str) -> str:
    """Return the framework of a subject's name: `keras` for `keras:jax` and `keras==3.8.0`."""
    name = re.split("==|@", subject, maxsplit=1)[0]
    return name.removesuffix(next((end for end in BACKENDS if name.endswith(end)), ""))


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="record"):
    """A line of a run's event file."""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of a record."""


class Verdict(StrEnum):
    """The result of a check on one case."""

    PASS = "pass"
    FAIL = "fail"
    GAP = "gap"
    """State that an exact resume needs and no document promises did not come back."""
    REFUSED = "refused"
    CRASH = "crash"
    TIMEOUT = "timeout"
    MEMORY = "memory limit"
    VACUOUS = "vacuous"
    NOT_SHOWN = "not shown"
    """The contract promises it, but no example of the run could be judged."""
    UNSTABLE = "unstable"
    NOT_APPLICABLE = "not applicable"
    KNOWN = "known"
    HARNESS_ERROR = "harness error"


ENDS = frozenset({Verdict.CRASH, Verdict.TIMEOUT, Verdict.MEMORY})
"""Verdicts of a process that ended or gave no answer."""

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
    Verdict.UNSTABLE,
    Verdict.PASS,
    Verdict.REFUSED,
    Verdict.NOT_SHOWN,
    Verdict.VACUOUS,
    Verdict.NOT_APPLICABLE,
)
"""Verdicts, worst first; those after refused mean that no example could have failed."""

SHOWN_NOTHING = frozenset({Verdict.NOT_SHOWN, Verdict.VACUOUS, Verdict.NOT_APPLICABLE})
"""Verdicts that are no pass, since no example could have failed; all others are judged."""


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of at least one verdict."""
    return min(verdicts, key=SEVERITY.index)


class PathInfo(Part, frozen=True):
    """A save path of the run, with the document and the promises (by facet) of its contract."""

    name: str
    document: str
    facets: dict[str, str]


class SubjectInfo(Part, frozen=True):
    """A subject of the run, with the versions of its packages.

    `files` are the files that its process imports, by module name. In a run of exchanges, a
    subject is a pair: `writer` and `reader` name its two subjects, and its paths are the formats
    that both support.
    """

    name: str
    environment: dict[str, str]
    paths: tuple[PathInfo, ...]
    writer: str = ""
    reader: str = ""
    files: dict[str, str] = {}

    @property
    def family(self) -> str:
        """The framework: the name without backend, version or environment; a pair has two."""
        names = (self.writer, self.reader) if self.writer else (self.name,)
        return " and ".join(dict.fromkeys(map(family, names)))


class CheckInfo(Part, frozen=True):
    """A check of the run, with its sentence and the facets that it needs."""

    name: str
    statement: str
    facets: tuple[str, ...]


class Header(Record, frozen=True, tag="header"):
    """The first line: the command, the machine, the versions, the subjects and the checks.

    `examples` is the smallest number of cases of any save path and kind, and `max_time` the time
    limit of the run in seconds, if it has one. `shard` is None for a run that is no part of one.
    """

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
    policy: Policy = Policy()
    shard: Shard | None = None
    max_time: float | None = None


class Repetition(Part, frozen=True):
    """One more run of an unstable example: how it was run, and what came out."""

    how: str
    found: str


class Draw(Part, frozen=True):
    """What generates a finding's case again, so that it can be shrunk further.

    `choices` are those of the strategy, as the header's version of Hypothesis encodes them. With
    `hops`, the strategy gives histories that save and load the model; with `own_hops`, the
    finding's save path takes part in them. `extreme` is the name of the extreme that the generated
    case was given, such as a large array.
    """

    choices: bytes
    hops: bool = False
    own_hops: bool = False
    extreme: str = ""


class Finding(Part, frozen=True):
    """A defect, with the smallest case that shows it.

    `case` is the case as JSON, `case_id` its hash, and `drawing` a readable text of its model.
    `examples` is the number of examples that showed the defect. `shrunk` says whether shrinking
    ended by itself: only then is the case the smallest. `after` are the save paths that must save
    the model first, in order, for the defect to show. `again` is the evidence of an unstable
    finding.
    """

    defect: Defect
    case_id: str
    case: dict[str, Any]
    drawing: str
    known: str = ""
    """The reason of the known issue that explains this finding; empty if none does."""
    verdict: Verdict | None = None
    """The verdict of this finding; None if the run recorded only the worst of the check."""
    link: str = ""
    """The page of the known issue; empty if none explains this finding, or if it has no page."""
    examples: int = 1
    shrunk: bool = False
    note: str = ""
    """A known issue of other releases that this finding looks like; empty without one."""
    after: tuple[str, ...] = ()
    again: tuple[Repetition, ...] = ()
    draw: Draw | None = None
    """None if an earlier version recorded the finding."""


class Result(Record, frozen=True, tag="result"):
    """The result of one check on one save path of a subject, over all examples of one kind.

    `verdict` is the worst verdict apart from known findings, and `tally` the number of examples by
    verdict. Each distinct defect of the check has one finding. `seconds` is the time of the save
    path and kind with all their checks. `distance` is the largest absolute difference among the
    examples that passed, if the check compares with a tolerance. `reasons` counts, by verdict, why
    examples were vacuous or not applicable. `kept` has the kinds of state that the contract does
    not mention: in how many examples each came back, and in how many a loss would have shown; only
    one check's result has it. `extremes` has by name the number of examples with an extreme, such
    as a large array, that could be built and trained; only that result has it, too.
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
    reasons: dict[Verdict, dict[str, int]] = {}
    kept: dict[str, tuple[int, int]] = {}
    extremes: dict[str, int] = {}

    @property
    def examined(self) -> int:
        """The number of examples."""
        return sum(self.tally.values())

    @property
    def judged(self) -> int:
        """The number of examples that could have failed."""
        return sum(n for verdict, n in self.tally.items() if verdict not in SHOWN_NOTHING)

    @property
    def slot(self) -> tuple[str, str, str, str]:
        """The result's identity in a run; a later line of the same slot replaces an earlier one."""
        return (self.subject, self.path, self.kind, self.check)

    @property
    def group(self) -> tuple[str, str, str]:
        """The subject, save path and kind of model; the results of a group share their cases."""
        return (self.subject, self.path, self.kind)

    @property
    def place(self) -> Place:
        """The subject, save path and check: the result's cell in the matrix."""
        return (self.subject, self.path, self.check)


class WitnessStatus(StrEnum):
    """What the replay of a known issue's witness showed."""

    STILL_FAILS = "still fails"
    MENDED = "mended"
    FAILS_OTHERWISE = "fails otherwise"
    STALE = "stale"


class Witness(Record, frozen=True, tag="witness"):
    """A known issue whose witness the run replayed first, and the result.

    `issue` is the issue's name, `reason` and `link` are its own, and `detail` says what differs
    and what to change; it is empty if the witness still fails as listed.
    """

    issue: str
    subject: str
    path: str
    status: WitnessStatus
    reason: str
    link: str = ""
    detail: str = ""


class Footer(Record, frozen=True, tag="footer"):
    """The last line; a file without it is incomplete, and its report says so."""

    finished: str
    seconds: float
    results: int
    interrupted: bool = False
