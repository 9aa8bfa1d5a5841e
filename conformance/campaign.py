"""Campaigns: many cases through one save path, and the minimal case of each defect."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

import msgspec
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings

from conformance import wire
from conformance.checks import ALL_CHECKS, Defect, Judgement
from conformance.contract import Promise
from conformance.examine import Report, Request
from conformance.isolation import Crashed, Failed, TimedOut
from conformance.known_issues import known_issue
from conformance.plan import Batch, Examiner, Plan
from conformance.snapshot import Difference
from conformance.trace import Probe
from reports.records import Finding, Result, Verdict, worst
from strategies.case import Case, to_json
from strategies.drawing import drawing

BATCH = 100
"""Examples of one seed; a long campaign is many batches, each with a seed of its own."""

SIZE_OF_A_TIMED_BATCH = 10

EVERY = {Probe.SECOND_GENERATION: 5, Probe.ANOTHER_PROCESS: 10, Probe.UNBUILT: 5}
"""A probe is made on one example in so many, the first one included; twins are for what is news."""

FINDINGS_A_CHECK = 5
"""Distinct defects of a check that are reduced; more are counted."""

EARNED = frozenset(check.name for check in ALL_CHECKS if check.earned)
"""Checks that ask for a subject that repeats itself."""

DISASTERS = (Verdict.CRASH, Verdict.TIMEOUT, Verdict.HARNESS_ERROR)
"""What may come of anything that is done to the model, whichever check it is for."""

_CARRIER = "round_trip_completes"
"""The check that a crash, a time-out or a harness error is booked on."""


@dataclass(frozen=True)
class _Sighting:
    """Where a defect was first seen: its case, and the batch that will give it again."""

    judgement: Judgement
    defect: Defect
    case: Case
    batch: Batch


class _Found(Exception):
    """The case shows the defect that is being reduced."""


class _OutOfTime(BaseException):
    """The time for reducing is up; no `Exception`, which Hypothesis would take for a finding."""


@dataclass
class Campaign:
    """A plan being run: tallies by check, defects by key.

    `found` is called with the results so far whenever a new defect turns up.
    """

    plan: Plan
    examiner: Examiner
    found: Callable[[Sequence[Result]], None]
    _tallies: dict[str, Counter[Verdict]] = field(default_factory=dict)
    _promises: dict[str, set[Promise]] = field(default_factory=dict)
    _distances: dict[str, float] = field(default_factory=dict)
    _sightings: dict[tuple[str, str], _Sighting] = field(default_factory=dict)
    _reduced: dict[tuple[str, str], tuple[Case, Defect]] = field(default_factory=dict)
    _number: int = 0
    _started: float = field(default_factory=time.monotonic)

    def run(self) -> tuple[Result, ...]:
        """Run the plan and return a result a check that had something to say."""
        for batch in self._batches():
            self._generate(batch, self._explore(batch), Phase.generate)
        for check in self.plan.checks:
            self._tallies.setdefault(check.name, Counter({Verdict.NOT_APPLICABLE: self._number}))
        self._reduce_all()
        return self.results()

    @property
    def _checks(self) -> frozenset[str]:
        return frozenset(check.name for check in self.plan.checks)

    def results(self) -> tuple[Result, ...]:
        """Return the results as they stand."""
        names = [check.name for check in self.plan.checks if check.name in self._tallies]
        return tuple(self._result(name) for name in names)

    def _batches(self) -> Iterator[Batch]:
        plan = self.plan
        if plan.seconds is None:
            sizes = [BATCH] * (plan.examples // BATCH) + [plan.examples % BATCH]
            yield from (Batch(number, size) for number, size in enumerate(sizes) if size)
            return
        numbers = count()
        while time.monotonic() - self._started < plan.seconds:
            yield Batch(next(numbers), SIZE_OF_A_TIMED_BATCH)

    def _generate(self, batch: Batch, test: Callable[[Case], None], *phases: Phase) -> None:
        profile = settings(
            max_examples=batch.size,
            phases=phases,
            database=None,
            deadline=None,
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            print_blob=False,
        )
        seed(self.plan.seed + batch.number)(profile(given(self.plan.cases)(test)))()

    def _explore(self, batch: Batch) -> Callable[[Case], None]:
        def explore(case: Case) -> None:
            wanted = {check.probe for check in self.plan.checks}
            probes = {p for p, every in EVERY.items() if self._number % every == 0 and p in wanted}
            self._number += 1
            judgements = self._examine(case, frozenset(probes), self._checks)
            if any(self._must_be_earned(judgement) for judgement in judgements):
                judgements = self._examine(case, frozenset(probes | {Probe.TWIN}), self._checks)
            for judgement in judgements:
                self._book(judgement, case, batch)

        return explore

    def _must_be_earned(self, judgement: Judgement) -> bool:
        """Say whether a defect is news that means nothing unless the subject repeats itself."""
        keys = ((judgement.check, defect.key) for defect in judgement.defects)
        return judgement.check in EARNED and any(key not in self._sightings for key in keys)

    def _examine(
        self, case: Case, probes: frozenset[Probe], checks: frozenset[str]
    ) -> tuple[Judgement, ...]:
        plan = self.plan
        request = Request(plan.subject, plan.path, case, checks, probes, plan.timeout)
        try:
            answer = self.examiner.call(wire.encode(request), seconds=2 * plan.timeout)
        except Crashed as crashed:
            return (_disaster(Verdict.CRASH, str(crashed)),)
        except TimedOut as timed_out:
            return (_disaster(Verdict.TIMEOUT, str(timed_out)),)
        except Failed as failed:
            return (_disaster(Verdict.HARNESS_ERROR, str(failed)),)
        report = wire.decode(answer, Report)
        if report.unsupported:
            reason = report.unsupported
            return (Judgement(_CARRIER, Promise.MUST, Verdict.NOT_APPLICABLE, reason=reason),)
        return report.judgements

    def _book(self, judgement: Judgement, case: Case, batch: Batch) -> None:
        check = judgement.check
        self._promises.setdefault(check, set()).add(judgement.promise)
        if judgement.distance is not None:
            self._distances[check] = max(judgement.distance, self._distances.get(check, 0.0))
        seen = {(check, defect.key): defect for defect in judgement.defects}
        new = {at: defect for at, defect in seen.items() if at not in self._sightings}
        for at, defect in new.items():
            self._sightings[at] = _Sighting(judgement, defect, case, batch)
        self._tallies.setdefault(check, Counter())[self._verdict(judgement)] += 1
        if new:
            self.found(self.results())

    def _verdict(self, judgement: Judgement) -> Verdict:
        news = [d for d in judgement.defects if not self._known(judgement.check, d.key)]
        if judgement.verdict is Verdict.FAIL and not news:
            return Verdict.KNOWN
        return judgement.verdict

    def _known(self, check: str, key: str) -> str:
        places = self.plan.places or ((self.plan.subject, self.plan.path),)
        issues = (known_issue(*place, check, key) for place in places)
        return next((issue.statement for issue in issues if issue is not None), "")

    def _reduce_all(self) -> None:
        """Reduce the failures, then the gaps in a quarter of the time; known issues are small."""
        worth = list(self._worth_reducing())
        gaps = [at for at in worth if self._sightings[at].judgement.verdict is Verdict.GAP]
        self._reduce_each([at for at in worth if at not in gaps], self.plan.shrink_seconds)
        self._reduce_each(gaps, self.plan.shrink_seconds / 4)

    def _reduce_each(self, worth: Sequence[tuple[str, str]], seconds: float) -> None:
        """Reduce the defects in turn, each in a fair share of the time that is left."""
        end = time.monotonic() + seconds
        for index, (check, key) in enumerate(worth):
            now = time.monotonic()
            self._reduce(check, key, now + max(0.0, end - now) / (len(worth) - index))

    def _worth_reducing(self) -> Iterator[tuple[str, str]]:
        reduced: Counter[str] = Counter()
        for check, key in self._sightings:
            reduced[check] += 1
            if reduced[check] <= FINDINGS_A_CHECK and not self._known(check, key):
                yield check, key

    def _reduce(self, check: str, key: str, deadline: float) -> None:
        """Run the batch again, raising on this defect alone, so that Hypothesis reduces it."""
        sighting = self._sightings[check, key]
        disaster = sighting.judgement.verdict in DISASTERS
        checks = self._checks if disaster else frozenset((check,))
        probes = frozenset(c.probe for c in self.plan.checks if c.name == check and c.probe)
        if check in EARNED:
            probes |= {Probe.TWIN}
        shown: dict[str, Defect | None] = {sighting.case.id: sighting.defect}
        self._reduced[check, key] = (sighting.case, sighting.defect)

        def reduce(case: Case) -> None:
            if case.id not in shown:
                if time.monotonic() > deadline:
                    raise _OutOfTime
                shown[case.id] = _shows(self._examine(case, probes, checks), check, key)
            defect = shown[case.id]
            if defect is not None:
                self._reduced[check, key] = (case, defect)
                raise _Found

        try:
            self._generate(sighting.batch, reduce, Phase.generate, Phase.shrink)
        except (_Found, _OutOfTime):
            return

    def _result(self, check: str) -> Result:
        tally = self._tallies[check]
        promises = self._promises.get(check, set())
        return Result(
            subject=self.plan.subject,
            path=self.plan.path,
            kind=self.plan.kind,
            check=check,
            promise=Promise.MUST if Promise.MUST in promises else Promise.SHOULD,
            verdict=worst(tally),
            tally=dict(tally),
            findings=tuple(
                self._finding(name, key) for name, key in self._sightings if name == check
            ),
            seconds=round(time.monotonic() - self._started, 3),
            distance=self._distances.get(check),
        )

    def _finding(self, check: str, key: str) -> Finding:
        sighting = self._sightings[check, key]
        case, defect = self._reduced.get((check, key), (sighting.case, sighting.defect))
        return Finding(
            key=key,
            message=defect.message,
            where=defect.difference.where,
            expected=defect.difference.expected,
            found=defect.difference.found,
            case_id=case.id,
            case=msgspec.json.decode(to_json(case)),
            drawing=drawing(case),
            traceback=defect.traceback,
            known=self._known(check, key),
            verdict=sighting.judgement.verdict,
        )


def _shows(judgements: Sequence[Judgement], check: str, key: str) -> Defect | None:
    defects = (d for j in judgements if j.check == check for d in j.defects)
    return next((defect for defect in defects if defect.key == key), None)


def _disaster(verdict: Verdict, message: str) -> Judgement:
    first, _, words = message.partition("\n")
    last = message.rstrip().rsplit("\n", 1)[-1]
    gist = last if verdict is Verdict.HARNESS_ERROR else first
    parted = Difference("process", str(verdict), "an answer", gist)
    defect = Defect(f"{verdict}: {gist[:80]}", gist, parted, words)
    return Judgement(_CARRIER, Promise.MUST, verdict, (defect,))
