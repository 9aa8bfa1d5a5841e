"""Replay of a run: each finding's case runs again, maybe on another release, and is compared."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from saveproof.conformance.campaigns.dispatch import reports
from saveproof.conformance.campaigns.process_failures import CARRIER, END_VERDICTS
from saveproof.conformance.campaigns.worker import Report, Request
from saveproof.conformance.checks import EVERY_CHECK, Judgement
from saveproof.conformance.execution.runner import Question
from saveproof.conformance.families.description import described
from saveproof.conformance.interchange.exchange import procedure_of
from saveproof.conformance.interchange.pairs import is_pair
from saveproof.conformance.model_state.trace import Probe
from saveproof.conformance.processes.isolation import Child
from saveproof.conformance.replay import built_in, case_of
from saveproof.conformance.runs.options import Limits
from saveproof.reports import store
from saveproof.reports.findings import DefectKind
from saveproof.reports.merging import merge
from saveproof.reports.records import (
    SHOWN_NOTHING,
    UNEXPECTED,
    Finding,
    Result,
    SubjectInfo,
    Verdict,
)
from saveproof.strategies.case import InvalidCase


class NothingToReplay(LookupError):
    """The run has no finding that the subject and the save paths could show."""


class ReplayResult(StrEnum):
    """What a replay of a finding showed."""

    FIXED = "FIXED"
    """The check was judged again, and found nothing."""
    STILL_FAILS = "STILL FAILS"
    """The same defect."""
    DIFFERENT = "DIFFERENT"
    """Another defect of the check, another end, or another result at a second try."""
    ERROR = "ERROR"
    """The case could not be judged."""


@dataclass(frozen=True)
class Replayed:
    """A finding, what its replay showed, and a detail to print.

    It is `expected` if it is fixed, or still a gap or a known issue.
    """

    result: Result
    finding: Finding
    outcome: ReplayResult
    detail: str = ""
    expected: bool = True


@dataclass(frozen=True)
class SubjectFindings:
    """The findings of a run to replay on a subject, those of one case and path together."""

    subject: str
    findings: tuple[tuple[Result, Finding], ...]


@dataclass
class OutcomeCounts:
    """Counts outcomes; `exit_code` is 2 on errors, 1 if a finding is not as expected."""

    outcomes: Counter[ReplayResult] = field(default_factory=Counter)
    unexpected: int = 0

    def add(self, one: Replayed) -> None:
        """Count an outcome."""
        self.outcomes[one.outcome] += 1
        self.unexpected += not one.expected

    @property
    def line(self) -> str:
        """The counts in one line."""
        return ", ".join(f"{self.outcomes[one]} {one}" for one in ReplayResult)

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        return 2 if self.outcomes[ReplayResult.ERROR] else int(self.unexpected > 0)


def to_replay(
    runs: Sequence[Path], subject: str | None, paths: Sequence[str]
) -> tuple[SubjectFindings, ...]:
    """Return what to replay: the findings of each subject of the runs, or those for one subject.

    Another subject gets the findings of the subject of that name, or else of those with the same
    packages: the same framework and backend in another release.

    Raises:
        NothingToReplay: there is no such finding.
        NotBuiltIn: the run names a subject that is not built in.
        UnusableSubject: the subject can't be used.
        RunError: the file of a run can't be read, or the runs contradict each other.
    """
    run = merge([store.read(one) for one in runs])
    found: dict[str, list[tuple[Result, Finding]]] = {}
    for result in run.results:
        if not paths or result.path in paths:
            found.setdefault(result.subject, []).extend((result, f) for f in result.findings)
    if subject is not None:
        chosen = _like(subject, run.header.subjects)
        found = {subject: [one for name in chosen for one in found.get(name, ())]}
    else:
        found = {built_in(name, "of the run"): seen for name, seen in found.items() if seen}
    if not any(found.values()):
        raise NothingToReplay(
            f"expected findings to replay, found none in {', '.join(map(str, runs))}"
            + (f" for subject {subject!r}" if subject is not None else "")
            + (f" on {', '.join(paths)}" if paths else "")
        )
    return tuple(SubjectFindings(name, tuple(seen)) for name, seen in found.items())


def replays(group: SubjectFindings, limits: Limits) -> Iterator[Replayed]:
    """Run the findings' cases on the subject in one child process; yield each outcome.

    Findings of one case and path share an example.
    """
    subject = group.subject
    seen: dict[tuple[str, str, tuple[str, ...]], Report | str] = {}
    with Child(procedure_of(subject), memory=limits.memory) as child:
        for result, finding in group.findings:
            at = (finding.case_id, result.path, finding.after)
            if at not in seen:
                seen[at] = _report(child, subject, result, finding, limits)
            yield replayed(result, finding, seen[at])


def replayed(result: Result, finding: Finding, report: Report | str) -> Replayed:
    """Return what the report on the finding's case says of the finding; a text is an error."""
    if isinstance(report, str):
        return Replayed(result, finding, ReplayResult.ERROR, report, expected=False)
    relevant = [one for one in report.judgements if _speaks_of(one, finding, result.check)]
    same = [one for one in relevant if _shows(one, finding)]
    if same:
        now = same[0].verdict
        detail = f"now {now}" if finding.verdict not in (None, now) else ""
        expected = bool(finding.known) or now not in UNEXPECTED
        return Replayed(result, finding, ReplayResult.STILL_FAILS, detail, expected)
    if error := _error(report, relevant):
        return Replayed(result, finding, ReplayResult.ERROR, error, expected=False)
    other = next((one for one in relevant if one.defects or one.verdict is Verdict.UNSTABLE), None)
    if other is not None:
        title = other.defects[0].title if other.defects else other.reason
        detail = f"{other.verdict}: {title}"
        return Replayed(result, finding, ReplayResult.DIFFERENT, detail, expected=False)
    return Replayed(result, finding, ReplayResult.FIXED)


def line(one: Replayed) -> str:
    """Return the outcome in one line: save path, check, title and detail."""
    words = [f"{one.outcome:11} {one.result.path} {one.result.check}: {one.finding.defect.title}"]
    if one.detail:
        words.append(one.detail)
    if one.finding.known:
        words.append(f"known: {one.finding.known}")
    elif one.finding.verdict is Verdict.GAP:
        words.append("a gap")
    return "; ".join(words)


def _like(subject: str, infos: Sequence[SubjectInfo]) -> list[str]:
    """Return the run's subject of that name, or those with its packages."""
    named = [info.name for info in infos if info.name == subject]
    packages = set() if named else set(described(subject).environment())
    return named or [info.name for info in infos if set(info.environment) == packages]


def _report(
    child: Child, subject: str, result: Result, finding: Finding, limits: Limits
) -> Report | str:
    """Return the report on the finding's case with every check and probe, or what prevents it."""
    if not is_pair(subject) and result.path not in {p.name for p in described(subject).paths()}:
        return f"{subject} has no save path {result.path!r}"
    try:
        case = case_of(finding).through(result.path, hops=True)
    except InvalidCase as error:
        return f"the run has no valid case: {error}"
    before = [Question(path, frozenset()) for path in finding.after]
    question = Question(result.path, EVERY_CHECK, frozenset(Probe))
    request = Request(subject, case, (*before, question), limits.timeout)
    return reports(child, request)[-1]


def _speaks_of(judgement: Judgement, finding: Finding, check: str) -> bool:
    """Return whether the judgement is of the finding's check, or of an end of the process."""
    ended = judgement.verdict in END_VERDICTS.values()
    return judgement.check == check or (
        judgement.check == CARRIER and (ended or finding.defect.kind is DefectKind.ENDED)
    )


def _shows(judgement: Judgement, finding: Finding) -> bool:
    return any(defect.key == finding.defect.key for defect in judgement.defects)


def _error(report: Report, relevant: Sequence[Judgement]) -> str:
    """Return why the case could not be judged; empty if it was."""
    if report.unsupported:
        return f"not applicable: {report.unsupported}"
    failed = [one for one in relevant if one.verdict is Verdict.HARNESS_ERROR]
    if failed:
        return f"{failed[0].verdict}: {failed[0].defects[0].title}"
    if not relevant:
        return "the check was not judged"
    if all(one.verdict in SHOWN_NOTHING for one in relevant):
        return f"{relevant[0].verdict}: {relevant[0].reason}"
    return ""
