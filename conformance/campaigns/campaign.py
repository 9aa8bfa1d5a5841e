"""Campaigns: many cases through save paths, and the minimal case of each defect."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial

from hypothesis import Phase

from saveproof.conformance.campaigns.applicability import Applicability, as_errors
from saveproof.conformance.campaigns.confirmation import (
    NEED_DETERMINISM,
    Confirmation,
    Defects,
    asked,
)
from saveproof.conformance.campaigns.dispatch import reports
from saveproof.conformance.campaigns.known_issues import known_issue
from saveproof.conformance.campaigns.plan import Batch, Examiner, Plan
from saveproof.conformance.campaigns.process_failures import END_VERDICTS
from saveproof.conformance.campaigns.progress import Progress
from saveproof.conformance.campaigns.shrinking import Shown, reduce
from saveproof.conformance.campaigns.worker import Report, Reports, Request
from saveproof.conformance.checks import Judgement
from saveproof.conformance.execution.runner import Question
from saveproof.conformance.model_state.contract import Promise
from saveproof.conformance.model_state.trace import Probe
from saveproof.reports.findings import Defect
from saveproof.reports.records import UNEXPECTED, Result, Verdict, worst
from saveproof.strategies.case import Case

EVERY = dict.fromkeys(Probe, 10) | dict.fromkeys((Probe.SECOND_GENERATION, Probe.UNBUILT), 5)
"""A probe is made on one example in so many, from the first one; twins are for new defects."""

FINDINGS_A_CHECK = 5
"""Distinct defects of a check that are shrunk; more are counted."""


@dataclass(frozen=True)
class _Sighting:
    """The first case on which a defect had its worst verdict, and the batch that gives it again."""

    first: Shown
    batch: Batch


@dataclass
class Campaign:
    """A plan being run: tallies by check, defects by key.

    `found` is called with the results so far at each new defect, and `examined` is the number of
    cases so far.
    """

    plan: Plan
    examiner: Examiner
    found: Callable[[Sequence[Result]], None]
    examined: int = 0
    _tallies: dict[str, Counter[Verdict]] = field(default_factory=dict)
    _promises: dict[str, set[Promise]] = field(default_factory=dict)
    _distances: dict[str, float] = field(default_factory=dict)
    _sightings: dict[tuple[str, str], _Sighting] = field(default_factory=dict)
    _reduced: dict[tuple[str, str], Shown] = field(default_factory=dict)
    _applicability: Applicability = field(default_factory=Applicability)
    _seconds: float = 0.0

    def run(self) -> tuple[Result, ...]:
        """Run the plan and return a result for each check."""
        run_together([self], Progress(self.plan.path, self.plan.examples, lambda _: None))
        return self.results()

    def results(self) -> tuple[Result, ...]:
        """Return the results so far."""
        return tuple(self._result(c.name) for c in self.plan.checks if c.name in self._tallies)

    def question(self) -> Question:
        """Return the question on the next case, and count it."""
        wanted = {check.probe for check in self.plan.checks}
        probes = {p for p, every in EVERY.items() if self.examined % every == 0 and p in wanted}
        self.examined += 1
        return self._question(probes)

    def ask(self, case: Case, *questions: Question) -> Reports:
        """Return the report on the case on each path."""
        plan = self.plan
        return reports(self.examiner, Request(plan.subject, case, questions, plan.timeout))

    def ask_again(self, case: Case, *questions: Question) -> Reports:
        """Return the report on the case on each path, in time of this campaign."""
        answers = self.ask(case, *questions)
        self._seconds += sum(report.seconds for report in answers)
        return answers

    def book(self, report: Report, case: Case, batch: Batch) -> None:
        """Record the report, in which each new defect is confirmed."""
        self._seconds += report.seconds
        self._applicability.note(report, case, batch)
        for judgement in self._by_check(report):
            self._book(judgement, case, batch)

    @property
    def unexpected(self) -> int:
        """The number of distinct defects that make a run fail."""
        return sum(
            shown.verdict in UNEXPECTED and not self._known(check, shown.defect)
            for (check, _), shown in self._all_shown()
        )

    def finish(self, progress: Progress) -> None:
        """Note the checks without judgements, and shrink the defects."""
        for check in self.plan.checks:
            self._tallies.setdefault(check.name, Counter({Verdict.NOT_APPLICABLE: self.examined}))
        if worth := list(self._worth_reducing()):
            progress.reducing(len(worth), self.plan.path)
            self._reduce_all(worth)
        self._book_too_few()

    def _book_too_few(self) -> None:
        """Record a harness error for cases that the subject could not do, if they are too many."""
        judged = self._applicability.of_all(self.examined)
        if judged is None:
            return
        for judgement in self._by_check(Report((judged.judgement,))):
            tally = as_errors(self._tallies[judgement.check], judged.cases)
            self._book(judgement, judged.case, judged.batch)
            self._tallies[judgement.check] = tally

    def _by_check(self, report: Report) -> Iterator[Judgement]:
        """Yield the judgements of the plan's checks.

        A judgement by a check that is not in the plan is of the entire case: it goes to each check
        without a judgement.
        """
        wanted = [check.name for check in self.plan.checks]
        heard = {judgement.check for judgement in report.judgements}
        for judgement in report.judgements:
            if judgement.check in wanted:
                yield judgement
            else:
                silent = (check for check in wanted if check not in heard)
                yield from (replace(judgement, check=check) for check in silent)

    def _question(self, probes: Set[Probe], *checks: str) -> Question:
        wanted = checks or (check.name for check in self.plan.checks)
        return Question(self.plan.path, frozenset(wanted), frozenset(probes))

    def new_defects(self, report: Report) -> Defects:
        """Return the defects that are not known, and new with so severe a verdict."""
        return {
            (judgement.check, defect.key): defect
            for judgement in report.judgements
            if judgement.verdict not in END_VERDICTS.values()
            for defect in judgement.defects
            if self._is_worse(judgement.check, defect, judgement.verdict)
            and not self._known(judgement.check, defect)
        }

    def _is_worse(self, check: str, defect: Defect, verdict: Verdict) -> bool:
        """Return whether the defect is new, or new with so severe a verdict."""
        seen = self._sightings.get((check, defect.key))
        return seen is None or worst((verdict, seen.first.verdict)) != seen.first.verdict

    def _book(self, judgement: Judgement, case: Case, batch: Batch) -> None:
        check = judgement.check
        self._promises.setdefault(check, set()).add(judgement.promise)
        if judgement.distance is not None:
            self._distances[check] = max(judgement.distance, self._distances.get(check, 0.0))
        new = [one for one in judgement.sightings if self._is_worse(check, one[0], one[1])]
        for defect, verdict, evidence in new:
            shown = Shown(case, defect, verdict, evidence)
            self._sightings[check, defect.key] = _Sighting(shown, batch)
        self._tallies.setdefault(check, Counter())[self._verdict(judgement)] += 1
        if new:
            self.found(self.results())

    def _verdict(self, judgement: Judgement) -> Verdict:
        """Return known where every defect is a known issue, and unstable where none counts."""
        known = [self._known(judgement.check, defect) for defect in judgement.defects]
        return Verdict.KNOWN if known and all(known) else judgement.verdict

    def _known(self, check: str, defect: Defect) -> str:
        """Return the statement of the known issue that explains the defect; empty without one."""
        places = self.plan.places or ((self.plan.subject, self.plan.path),)
        issues = (known_issue(*place, check, defect) for place in places)
        return next((issue.statement for issue in issues if issue is not None), "")

    def _reduce_all(self, worth: Sequence[tuple[str, str]]) -> None:
        """Shrink the failures, then the gaps in a quarter of the time."""
        gaps = [at for at in worth if self._shown(*at).verdict is Verdict.GAP]
        self._reduce_each([at for at in worth if at not in gaps], self.plan.shrink_seconds)
        self._reduce_each(gaps, self.plan.shrink_seconds / 4)

    def _reduce_each(self, worth: Sequence[tuple[str, str]], seconds: float) -> None:
        """Shrink the defects in turn, each in an equal share of the remaining time."""
        end = time.monotonic() + seconds
        for index, (check, key) in enumerate(worth):
            now = time.monotonic()
            self._reduce(check, key, now + max(0.0, end - now) / (len(worth) - index))

    def _worth_reducing(self) -> Iterator[tuple[str, str]]:
        reduced: Counter[str] = Counter()
        for check, key in self._sightings:
            shown = self._shown(check, key)
            if shown.verdict is Verdict.UNSTABLE:
                continue
            reduced[check] += 1
            if reduced[check] <= FINDINGS_A_CHECK and not self._known(check, shown.defect):
                yield check, key

    def _reduce(self, check: str, key: str, deadline: float) -> None:
        sighting = self._sightings[check, key]
        anything = sighting.first.verdict in END_VERDICTS.values()
        probes = {c.probe for c in self.plan.checks if c.name == check and c.probe}
        if sighting.first.defect.probe:
            probes.add(Probe(sighting.first.defect.probe))
        if check in NEED_DETERMINISM:
            probes.add(Probe.TWIN)
        question = self._question(probes, *(() if anything else (check,)))

        def shows(case: Case) -> Shown | None:
            ask = partial(self.ask_again, case)
            judgements = self._by_check(asked(ask, question, sighting.first.defect))
            defects = ((d, j.verdict) for j in judgements if j.check == check for d in j.defects)
            seen = (Shown(case, d, verdict) for d, verdict in defects if d.key == key)
            return next((s for s in seen if not s.milder(self._shown(check, key))), None)

        def keep(shown: Shown) -> None:
            before = self._shown(check, key)
            if before.milder(shown):
                self._tallies[check][shown.verdict] += 1  # no example was so severe
            if not shown.milder(before):
                self._reduced[check, key] = shown

        reduce(self.plan, sighting.batch, sighting.first, shows, keep, deadline=deadline)

    def _shown(self, check: str, key: str) -> Shown:
        """Return the smallest case so far with the defect's worst verdict."""
        return self._reduced.get((check, key), self._sightings[check, key].first)

    def _all_shown(self) -> Iterator[tuple[tuple[str, str], Shown]]:
        return ((at, self._shown(*at)) for at in self._sightings)

    def _result(self, check: str) -> Result:
        tally, promises = self._tallies[check], self._promises.get(check, set())
        return Result(
            subject=self.plan.subject,
            path=self.plan.path,
            kind=self.plan.kind,
            check=check,
            promise=Promise.MUST if Promise.MUST in promises else Promise.SHOULD,
            verdict=worst(tally),
            tally=dict(tally),
            findings=tuple(
                shown.finding(known=self._known(check, shown.defect))
                for (name, _), shown in self._all_shown()
                if name == check
            ),
            seconds=round(self._seconds, 3),
            distance=self._distances.get(check),
        )


def run_together(campaigns: Sequence[Campaign], progress: Progress) -> None:
    """Run campaigns that differ in their save paths alone, with one model a case for all."""
    plan = campaigns[0].plan
    seconds = None if plan.seconds is None else plan.seconds * len(campaigns)
    confirmation = Confirmation()
    for batch in plan.batches(seconds=seconds):
        explore = _exploring(campaigns, batch, progress, confirmation)
        plan.generate(batch, explore, Phase.generate)
    for campaign in campaigns:
        campaign.finish(progress)


def _exploring(
    campaigns: Sequence[Campaign], batch: Batch, progress: Progress, confirmation: Confirmation
) -> Callable[[Case], None]:
    def explore(generated: Case) -> None:
        for case, several in _by_case(campaigns, generated):
            first = several[0].examined % len(several)
            in_turn = [*several[first:], *several[:first]]  # each path is the first at times
            questions = [campaign.question() for campaign in in_turn]
            seen = in_turn[0].ask(case, *questions)
            answers = confirmation.confirmed(case, in_turn, questions, seen)
            for campaign, report in zip(in_turn, answers, strict=True):
                campaign.book(report, case, batch)
        progress.case_done(lambda: sum(campaign.unexpected for campaign in campaigns))

    return explore


def _by_case(
    campaigns: Sequence[Campaign], generated: Case
) -> Iterator[tuple[Case, Sequence[Campaign]]]:
    """Yield each form of the case, with the campaigns that examine it."""
    own = [(campaign.plan.own(generated), campaign) for campaign in campaigns]
    for case in {case.id: case for case, _ in own}.values():
        yield case, [campaign for other, campaign in own if other.id == case.id]
