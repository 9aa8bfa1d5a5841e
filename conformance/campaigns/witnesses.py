"""Witnesses of known issues: replayed, they show whether an issue is still there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from msgspec.structs import replace as with_fields

from saveproof.conformance.campaigns.dispatch import reports
from saveproof.conformance.campaigns.known_issues import (
    KnownIssue,
    ListedFinding,
    environment_of,
    explaining,
)
from saveproof.conformance.campaigns.plan import Examiner, Plan
from saveproof.conformance.campaigns.shrinking import Shown, Sighting
from saveproof.conformance.campaigns.spoiling import spoiling
from saveproof.conformance.campaigns.worker import Report, Reports, Request
from saveproof.conformance.checks import EVERY_CHECK, probes_for
from saveproof.conformance.execution.runner import Question
from saveproof.conformance.families.description import described
from saveproof.conformance.model_state.trace import Probe
from saveproof.reports.findings import Defect, DefectKind
from saveproof.reports.records import SHOWN_NOTHING, Finding, Witness, WitnessStatus
from saveproof.strategies.case import Case, InvalidCase, from_json
from saveproof.strategies.validation import validate


class Replay(NamedTuple):
    """A witness, and the report on it."""

    case: Case
    report: Report

    def shown(self) -> Iterator[tuple[str, Shown]]:
        """Yield the defects, each with its check."""
        for judgement in self.report.judgements:
            for defect in judgement.defects:
                yield judgement.check, Shown(self.case, defect, judgement.verdict)


@dataclass
class Replays:
    """The replays of witnesses in one process, each made once; `timeout` bounds a replay."""

    timeout: float = 120.0
    _made: dict[tuple[str, str, str], tuple[Replay, ...]] = field(default_factory=dict)

    def of(
        self, examiner: Examiner, subject: str, path: str, issue: KnownIssue
    ) -> tuple[Replay, ...]:
        """Return the replays of the issue's witnesses on the subject's save path.

        Raises:
            InvalidCase: a witness is no case that can be built.
        """
        at = (subject, path, issue.id)
        if at not in self._made:
            question = Question(path, EVERY_CHECK, _probes(issue))
            self._made[at] = tuple(
                Replay(case, report)
                for case in map(_case, issue.witnesses)
                for report in self._reports(examiner, subject, case, question, issue)
            )
        return self._made[at]

    def _reports(
        self, examiner: Examiner, subject: str, case: Case, question: Question, issue: KnownIssue
    ) -> Iterator[Report]:
        """Yield the report on the path alone, and on each order in which it spoils another."""

        def ask(*questions: Question) -> Reports:
            return reports(examiner, Request(subject, case, questions, self.timeout))

        yield from ask(question)
        for finding in issue.findings_on(question.path):
            if finding.fields.get("kind") == DefectKind.SPOILED:
                suffering = with_fields(question, path=finding.fields["name"])
                yield spoiling(ask, suffering, finding.fields["order"])

    def shown(
        self, examiner: Examiner, subject: str, path: str, issue: KnownIssue
    ) -> Iterator[tuple[str, Shown]]:
        """Yield what the issue's witnesses show, each with its check; nothing if they can't be run.

        The path may be a format of a pair of subjects.
        """
        try:
            for replay in self.of(examiner, subject, path, issue):
                yield from replay.shown()
        except InvalidCase:
            return

    def witness(
        self,
        examiner: Examiner,
        subject: str,
        path: str,
        issue: KnownIssue,
        *,
        issues: Sequence[KnownIssue],
        today: date,
    ) -> Witness:
        """Replay the issue's witnesses on a save path, and return what they show.

        `issues` explain what else the witnesses show.
        """
        seen = _unusable(issue, subject, path, today)
        if seen is None:
            try:
                replays = self.of(examiner, subject, path, issue)
                seen = _seen(issue, subject, path, replays, issues)
            except InvalidCase as error:
                seen = _stale(f"its witness is no case that can be built: {error}", issue)
        status, detail = seen
        return Witness(issue.id, subject, path, status, issue.reason, issue.link, detail)


@dataclass
class Listed:
    """The known issues among the defects of one campaign, and what their witnesses show."""

    plan: Plan
    replays: Replays
    _witnessed: dict[tuple[str, str], Shown] = field(default_factory=dict)

    def issue(self, check: str, defect: Defect) -> KnownIssue | None:
        """Return the known issue that explains the defect."""
        return self._explaining(check, defect)[0]

    def replay(self, examiner: Examiner, defects: Iterable[tuple[str, Defect]]) -> None:
        """Replay the witnesses of the issues that explain the defects, each with its check."""
        known = (self.issue(*one) for one in defects)
        plan = self.plan
        for issue in {issue.id: issue for issue in known if issue is not None}.values():
            for check, shown in self.replays.shown(examiner, plan.subject, plan.path, issue):
                if self.issue(check, shown.defect) == issue:
                    self._witnessed.setdefault((check, issue.id), shown)

    def findings(self, check: str, every: Iterable[Sighting]) -> tuple[Finding, ...]:
        """Return the check's findings; of a known issue only one, as its witness shows it."""
        found: dict[str, Finding] = {}
        for seen in every:
            issue, note = self._explaining(check, seen.defect)
            if issue is None:
                found[seen.defect.key] = seen.finding(self.plan, note=note)
                continue
            witnessed = self._witnessed.get((check, issue.id))
            one = seen if witnessed is None else Sighting(witnessed, seen.examples, shrunk=True)
            found.setdefault(f"known issue {issue.id}", one.finding(self.plan, issue=issue))
        return tuple(found.values())

    def _explaining(self, check: str, defect: Defect) -> tuple[KnownIssue | None, str]:
        plan = self.plan
        places = plan.places or ((plan.subject, plan.path),)
        return explaining(places, check, defect, plan.issues)


_Seen = tuple[WitnessStatus, str]
"""A status and its detail."""


def applicable(
    issues: Sequence[KnownIssue], subject: str, environment: Mapping[str, str]
) -> list[KnownIssue]:
    """Return the issues that a subject of these versions is expected to have."""
    mine = (issue for issue in issues if issue.is_of(subject))
    return [one for one in mine if one.is_on_backend(environment) and one.covers(environment)]


def _probes(issue: KnownIssue) -> frozenset[Probe]:
    checks = {check for finding in issue.findings for check in finding.checks}
    named = {finding.fields.get("probe") for finding in issue.findings}
    return probes_for(checks) | frozenset(probe for probe in Probe if str(probe) in named)


def _case(witness: str) -> Case:
    case = from_json(witness)
    validate(case)
    return case


def _stale(why: str, issue: KnownIssue) -> _Seen:
    return WitnessStatus.STALE, f"known issue {issue.id!r}: {why}; mend it in {issue.file}"


def _unusable(issue: KnownIssue, subject: str, path: str, today: date) -> _Seen | None:
    """Return why the witness can't be replayed, or None."""
    if issue.has_expired(today):
        return _stale(
            f"expired on {issue.expires}: confirm it and set a later `expires`, or remove it", issue
        )
    paths = sorted(one.name for one in described(subject).paths())
    if path not in paths:
        return _stale(f"expected a save path of {paths}, found {path!r}", issue)
    return None


def _seen(
    issue: KnownIssue,
    subject: str,
    path: str,
    replays: Sequence[Replay],
    issues: Sequence[KnownIssue],
) -> _Seen:
    shown = [one for replay in replays for one in replay.shown()]
    listed = issue.findings_on(path)
    unseen = [
        finding
        for finding in listed
        if not any(finding.explains(path, check, one.defect) for check, one in shown)
    ]
    if not unseen:
        return WitnessStatus.STILL_FAILS, ""
    others = [
        f"{check}: {one.defect.title}"
        for check, one in shown
        if (one.ended or any(check in finding.checks for finding in unseen))
        and explaining([(subject, path)], check, one.defect, issues)[0] is None
    ]
    if others or len(unseen) < len(listed):
        gone = "; ".join(map(str, unseen))
        found = "; ".join(others) or "no defect there"
        detail = (
            f"known issue {issue.id!r}: expected {gone}; found {found}; change `findings` or "
            f"`witnesses` in {issue.file}"
        )
        return WitnessStatus.FAILS_OTHERWISE, detail
    if unjudged := _unjudged(unseen, replays):
        return _stale(f"its witness shows nothing: {unjudged}", issue)
    return WitnessStatus.MENDED, _mended(issue, subject, path)


def _unjudged(unseen: Sequence[ListedFinding], replays: Sequence[Replay]) -> str:
    """Return why no check of these findings was judged on any witness; empty if one was."""
    reasons = [replay.report.unsupported for replay in replays if replay.report.unsupported]
    for replay in replays:
        for judgement in replay.report.judgements:
            if not any(judgement.check in finding.checks for finding in unseen):
                continue
            if judgement.verdict not in SHOWN_NOTHING:
                return ""
            reasons.append(f"{judgement.check} is {judgement.verdict}: {judgement.reason}")
    return "; ".join(dict.fromkeys(reasons)) or "no check of it was judged"


def _mended(issue: KnownIssue, subject: str, path: str) -> str:
    release = environment_of(subject).get(issue.of_package, "")
    lower = [part for part in issue.releases.split(",") if part.startswith((">", "!", "~"))]
    spec = ",".join([*lower, f"<{release}"])
    return (
        f"known issue {issue.id!r}: mended in {issue.of_package} {release} on {path}; set "
        f'`releases = "{spec}"` in {issue.file}, or take {path!r} out if other paths still fail'
    )
