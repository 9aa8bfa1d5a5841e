"""Campaigns: many cases through save paths, and the minimal case of each defect."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace

from hypothesis import Phase
from msgspec.structs import replace as with_fields

from saveproof.conformance.campaigns.applicability import Applicability, as_errors
from saveproof.conformance.campaigns.dispatch import confirmed, reports
from saveproof.conformance.campaigns.known_issues import known_issue
from saveproof.conformance.campaigns.plan import BATCH, Batch, Examiner, Plan
from saveproof.conformance.campaigns.process_failures import END_VERDICTS
from saveproof.conformance.campaigns.shrinking import Shown, reduce
from saveproof.conformance.campaigns.worker import Report, Reports, Request
from saveproof.conformance.checks import ALL_CHECKS, Judgement
from saveproof.conformance.execution.runner import Question
from saveproof.conformance.model_state.contract import Promise
from saveproof.conformance.model_state.trace import Probe
from saveproof.reports.findings import Defect
from saveproof.reports.records import SHOWN_NOTHING, UNEXPECTED, Result, Verdict, worst
from saveproof.strategies.case import Case

EVERY = dict.fromkeys(Probe, 10) | dict.fromkeys((Probe.SECOND_GENERATION, Probe.UNBUILT), 5)
"""A probe is made on one example in so many, from the first one; twins are for new defects."""

FINDINGS_A_CHECK = 5
"""Distinct defects of a check that are shrunk; more are counted."""
NEED_DETERMINISM = frozenset(check.name for check in ALL_CHECKS if check.needs_determinism)
"""Checks that need a subject with equal results in equal runs."""


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
        run_together([self], lambda: None)
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

    def book(
        self, report: Report, case: Case, batch: Batch, question: Question, *, together: bool
    ) -> None:
        """Record the report, after each new defect in it was confirmed."""
        self._seconds += report.seconds
        self._applicability.note(report, case, batch)
        settled = self._settled(report, case, question, together=together)
        for judgement in self._by_check(settled):
            self._book(judgement, case, batch)

    @property
    def unexpected(self) -> frozenset[str]:
        """The distinct defects that make a run fail, by check and key."""
        return frozenset(
            f"{check}: {key}"
            for (check, key), shown in self._all_shown()
            if shown.verdict in UNEXPECTED and not self._known(check, shown.defect)
        )

    @property
    def judged(self) -> int:
        """The number of cases that some check could judge."""
        counts = (t.total() - sum(t[v] for v in SHOWN_NOTHING) for t in self._tallies.values())
        return max(counts, default=0)

    def finish(self) -> None:
        """Note the checks without judgements, and shrink the defects."""
        for check in self.plan.checks:
            self._tallies.setdefault(check.name, Counter({Verdict.NOT_APPLICABLE: self.examined}))
        self._reduce_all(list(self._worth_reducing()))
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

    def _settled(self, report: Report, case: Case, question: Question, *, together: bool) -> Report:
        """Return the report, confirmed on this path alone where it has a new defect.

        Another path may have caused a new defect; and where a check needs determinism, a twin must
        give equal results.
        """
        new = self._new_defects(report)
        doubted = bool(new & NEED_DETERMINISM) and Probe.TWIN not in question.probes
        if not doubted and not (new and together):
            return report
        twin = {Probe.TWIN} if doubted else set()
        alone = with_fields(question, probes=question.probes | twin)
        again = confirmed(report, self._ask(case, alone))
        return self._settled(again, case, alone, together=False)

    def _question(self, probes: Set[Probe], *checks: str) -> Question:
        wanted = checks or (check.name for check in self.plan.checks)
        return Question(self.plan.path, frozenset(wanted), frozenset(probes))

    def _ask(self, case: Case, question: Question) -> Report:
        (report,) = self.ask(case, question)
        self._seconds += report.seconds
        return report

    def _new_defects(self, report: Report) -> Set[str]:
        """Return the checks with a defect that is not known, and new with so severe a verdict."""
        return {
            judgement.check
            for judgement in report.judgements
            if judgement.verdict not in END_VERDICTS.values()
            for defect in judgement.defects
            if self._is_worse(judgement, defect) and not self._known(judgement.check, defect)
        }

    def _is_worse(self, judgement: Judgement, defect: Defect) -> bool:
        """Return whether the defect is new, or new with so severe a verdict."""
        seen = self._sightings.get((judgement.check, defect.key))
        return seen is None or worst((judgement.verdict, seen.first.verdict)) != seen.first.verdict

    def _book(self, judgement: Judgement, case: Case, batch: Batch) -> None:
        check = judgement.check
        self._promises.setdefault(check, set()).add(judgement.promise)
        if judgement.distance is not None:
            self._distances[check] = max(judgement.distance, self._distances.get(check, 0.0))
        new = [defect for defect in judgement.defects if self._is_worse(judgement, defect)]
        for defect in new:
            shown = Shown(case, defect, judgement.verdict)
            self._sightings[check, defect.key] = _Sighting(shown, batch)
        self._tallies.setdefault(check, Counter())[self._verdict(judgement)] += 1
        if new:
            self.found(self.results())

    def _verdict(self, judgement: Judgement) -> Verdict:
        """Return known where every defect is a known issue."""
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
            reduced[check] += 1
            if reduced[check] <= FINDINGS_A_CHECK and not self._known(
                check, self._shown(check, key).defect
            ):
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
            judgements = self._by_check(self._ask(case, question))
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


def run_together(campaigns: Sequence[Campaign], examined: Callable[[], None]) -> None:
    """Run campaigns that differ in their save paths alone; call `examined` after each case."""
    for _ in exploring(campaigns, examined):
        pass
    for campaign in campaigns:
        campaign.finish()


def exploring(
    campaigns: Sequence[Campaign], examined: Callable[[], None], *, most: int = BATCH
) -> Iterator[int]:
    """Examine the cases, at most so many at a time; yield their number after each time."""
    plan = campaigns[0].plan
    seconds = None if plan.seconds is None else plan.seconds * len(campaigns)
    for batch in plan.batches(seconds=seconds, most=most):
        plan.generate(batch, _exploring(campaigns, batch, examined), Phase.generate)
        yield batch.size


def _exploring(
    campaigns: Sequence[Campaign], batch: Batch, examined: Callable[[], None]
) -> Callable[[Case], None]:
    def explore(generated: Case) -> None:
        for case, several in _by_case(campaigns, generated):
            first = several[0].examined % len(several)
            in_turn = [*several[first:], *several[:first]]  # each path is the first at times
            questions = [campaign.question() for campaign in in_turn]
            answers = in_turn[0].ask(case, *questions)
            together = len(several) > 1
            for campaign, question, report in zip(in_turn, questions, answers, strict=True):
                campaign.book(report, case, batch, question, together=together)
        examined()

    return explore


def _by_case(
    campaigns: Sequence[Campaign], generated: Case
) -> Iterator[tuple[Case, Sequence[Campaign]]]:
    """Yield each form of the case, with the campaigns that examine it."""
    own = [(campaign.plan.own(generated), campaign) for campaign in campaigns]
    for case in {case.id: case for case, _ in own}.values():
        yield case, [campaign for other, campaign in own if other.id == case.id]
