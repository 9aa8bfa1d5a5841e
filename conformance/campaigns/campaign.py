"""Campaigns: many cases through save paths, and the minimal case of each defect."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from saveproof.conformance.campaigns.applicability import Applicability, as_errors
from saveproof.conformance.campaigns.confirmation import Confirmation
from saveproof.conformance.campaigns.dispatch import reports
from saveproof.conformance.campaigns.known_issues import KnownIssue
from saveproof.conformance.campaigns.plan import EVERY, Examiner, Example, Plan, groups
from saveproof.conformance.campaigns.process_failures import CARRIER, END_VERDICTS
from saveproof.conformance.campaigns.shrinking import (
    At,
    Shown,
    Sighting,
    in_turn,
    probes_of,
    reduce,
    shrunk_alike,
)
from saveproof.conformance.campaigns.spoiling import Defects, asked
from saveproof.conformance.campaigns.strata import StrataCounts
from saveproof.conformance.campaigns.tallies import NOT_ASKED, Tally
from saveproof.conformance.campaigns.witnesses import Listed, Replays
from saveproof.conformance.campaigns.worker import Report, Reports, Request
from saveproof.conformance.checks import Judgement
from saveproof.conformance.execution.runner import Question
from saveproof.conformance.model_state.trace import Probe
from saveproof.reports.findings import Defect
from saveproof.reports.records import UNEXPECTED, Result, Verdict, worst
from saveproof.reports.strata import Strata
from saveproof.strategies.case import Case
from saveproof.strategies.departures import departing
from saveproof.strategies.generation import NothingGenerated


@dataclass
class Campaign:
    """A plan being run: tallies by check, defects by key.

    `found` is called with the results so far at each new defect, and `examined` is the number of
    cases so far. `replays` are those of the process, in which each witness is replayed once.
    """

    plan: Plan
    examiner: Examiner
    found: Callable[[Sequence[Result]], None]
    replays: Replays = field(default_factory=Replays)
    examined: int = 0
    _tallies: dict[str, Tally] = field(default_factory=dict)
    _sightings: dict[At, Sighting] = field(default_factory=dict)
    _kept: Counter[tuple[str, bool]] = field(default_factory=Counter)
    _extremes: Counter[str] = field(default_factory=Counter)
    _applicability: Applicability = field(default_factory=Applicability)
    _strata: StrataCounts = field(init=False)
    _listed: Listed = field(init=False)
    _seconds: float = 0.0

    def __post_init__(self) -> None:
        self._listed = Listed(self.plan, self.replays)
        self._strata = StrataCounts(self.plan.offered)

    def run(self) -> tuple[Result, ...]:
        """Run the plan and return a result for each check."""
        run_together([self], lambda: None)
        return self.results()

    def results(self) -> tuple[Result, ...]:
        """Return the results so far."""
        return tuple(self._result(c.name) for c in self.plan.checks if c.name in self._tallies)

    def strata(self) -> Strata:
        """Return the figures of each stratum so far."""
        return Strata(*self.plan.group, self._strata.records())

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

    def book(self, report: Report, example: Example) -> None:
        """Record the report, in which each new defect is confirmed."""
        self._seconds += report.seconds
        self._applicability.note(report, example)
        self._kept.update(report.kept.items())
        if example.extreme and not report.unsupported:
            self._extremes[example.extreme] += 1
        judgements = tuple(self._by_check(report))
        self._strata.note(example.case, judgements, report.unsupported)
        for judgement in judgements:
            self._book(judgement, example)

    @property
    def unexpected(self) -> frozenset[str]:
        """The distinct defects that make a run fail, by check and key."""
        return frozenset(
            f"{check}: {key}"
            for (check, key), seen in self._sightings.items()
            if seen.smallest.verdict in UNEXPECTED and not self._known(check, seen.defect)
        )

    @property
    def judged(self) -> int:
        """The number of cases that some check could judge."""
        return max((tally.judged for tally in self._tallies.values()), default=0)

    def finish(self) -> None:
        """Note the checks without judgements, shrink new defects, and replay those of witnesses."""
        for check in self.plan.checks:
            if check.name not in self._tallies:
                tally = self._tallies.setdefault(check.name, Tally())
                tally.count(Verdict.NOT_APPLICABLE, NOT_ASKED, examples=self.examined)
        known = {at for at, seen in self._sightings.items() if self._known(at[0], seen.defect)}
        unknown = {at: seen for at, seen in self._sightings.items() if at not in known}
        self._reduce_each(list(in_turn(unknown)), self.plan.shrink_seconds)
        found = ((check, seen.defect) for (check, _), seen in self._sightings.items())
        self._listed.replay(self.examiner, found)
        self._book_too_few()

    def shrink(self, at: At, sighting: Sighting, seconds: float) -> None:
        """Go on shrinking a defect that an earlier campaign has found.

        Raises:
            NothingGenerated: its case does not show it any more, or can't be generated again.
        """
        self._tallies[at[0]], self._sightings[at] = Tally(), sighting
        if self._shows(at)(sighting.smallest.case) is None:
            raise NothingGenerated(f"expected a case that shows {at[1]!r}, found that it does not")
        self._reduce(at, time.monotonic() + seconds)

    def _book_too_few(self) -> None:
        """Record a harness error for cases that the subject could not do, if they are too many."""
        judged = self._applicability.of_all(self.examined)
        if judged is None:
            return
        for judgement in self._by_check(Report((judged.judgement,))):
            tally = self._tallies[judgement.check]
            verdicts = as_errors(tally.verdicts, judged.cases)
            self._book(judgement, judged.example)
            tally.verdicts = verdicts

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
        return seen is None or worst((verdict, seen.smallest.verdict)) != seen.smallest.verdict

    def _book(self, judgement: Judgement, example: Example) -> None:
        check = judgement.check
        tally = self._tallies.setdefault(check, Tally())
        tally.note(judgement)
        tally.count(self._verdict(judgement), judgement.reason)
        seen = list(judgement.sightings)
        news = [one for one in seen if self._is_worse(check, one[0], one[1])]
        for defect, verdict, evidence in news:
            seed, extreme = example.seed, example.extreme
            choices = self.plan.generator(extreme).choices(seed) if seed else b""
            case = example.case if defect.loading else example.case.loaded_by(None)
            shown = Shown(case, defect, verdict, choices, evidence, extreme)
            self._sightings.setdefault((check, defect.key), Sighting(shown)).smallest = shown
        for key in {defect.key for defect, _, _ in seen}:
            self._sightings[check, key].examples += 1
        if news:
            self.found(self.results())

    def _verdict(self, judgement: Judgement) -> Verdict:
        """Return known where every defect is a known issue, and unstable where none counts."""
        known = [self._known(judgement.check, defect) for defect in judgement.defects]
        return Verdict.KNOWN if known and all(known) else judgement.verdict

    def _known(self, check: str, defect: Defect) -> KnownIssue | None:
        """Return the known issue that explains the defect."""
        return self._listed.issue(check, defect)

    def _reduce_each(self, worth: Sequence[At], seconds: float) -> None:
        """Shrink the defects in turn, each in an equal share of the remaining time.

        Hypothesis can't, if options of pytest take away its database: they stay as they are.
        """
        end = time.monotonic() + seconds
        for index, at in enumerate(worth):
            now = time.monotonic()
            with suppress(NothingGenerated):
                self._reduce(at, now + max(0.0, end - now) / (len(worth) - index))

    def _reduce(self, at: At, deadline: float) -> None:
        sighting, shows = self._sightings[at], self._shows(at)
        if not sighting.smallest.choices:
            sighting.shrunk = True  # a systematic case is the smallest that has its argument
            return

        def keep(shown: Shown) -> None:
            if sighting.smallest.milder(shown):
                self._tallies[at[0]].count(shown.verdict)  # no example was so severe
            if not shown.milder(sighting.smallest):
                sighting.smallest = shown

        for start in shrunk_alike(sighting, self._sightings.values()):
            if time.monotonic() < deadline and (shown := shows(start.case)):
                keep(shown._replace(choices=start.choices, extreme=start.extreme))
                break
        sighting.shrunk = reduce(self.plan, sighting.smallest, shows, keep, deadline=deadline)

    def _shows(self, at: At) -> Callable[[Case], Shown | None]:
        """Return a function that gives the defect as a case shows it, no milder than it was."""
        (check, key), sighting = at, self._sightings[at]
        anything = sighting.smallest.verdict in END_VERDICTS.values()
        probes = probes_of(check, sighting.smallest)
        question = self._question(probes, *(() if anything else (check,)))

        def shows(case: Case) -> Shown | None:
            ask = partial(self.ask_again, case)
            judgements = self._by_check(asked(ask, question, sighting.defect))
            defects = ((d, j.verdict) for j in judgements if j.check == check for d in j.defects)
            seen = (Shown(case, d, verdict) for d, verdict in defects if d.key == key)
            return next((s for s in seen if not s.milder(sighting.smallest)), None)

        return shows

    def _result(self, check: str) -> Result:
        tally = self._tallies[check]
        return Result(
            *(*self.plan.group, check),
            *(tally.promise, tally.verdict, dict(tally.verdicts)),
            self._listed.findings(
                check, [seen for (name, _), seen in self._sightings.items() if name == check]
            ),
            seconds=round(self._seconds, 3),
            distance=tally.distance,
            reasons=tally.reasons,
            kept=self._kept_counts() if check == CARRIER else {},
            extremes=dict(self._extremes) if check == CARRIER else {},
        )

    def _kept_counts(self) -> dict[str, tuple[int, int]]:
        """Return by facet in how many cases it came back, and in how many a loss would show."""
        facets = dict.fromkeys(facet for facet, _ in self._kept)
        return {
            f: (self._kept[f, True], self._kept[f, True] + self._kept[f, False]) for f in facets
        }


def run_together(campaigns: Sequence[Campaign], examined: Callable[[], None]) -> None:
    """Run campaigns that differ in their save paths alone; call `examined` after each case."""
    for _ in exploring(campaigns, examined):
        pass
    for campaign in campaigns:
        campaign.finish()


def exploring(campaigns: Sequence[Campaign], examined: Callable[[], None]) -> Iterator[int]:
    """Examine the cases; yield the number of each round, in which every campaign has one case.

    Few campaigns share a case.
    """
    plan = campaigns[0].plan
    by_path = {campaign.plan.path: campaign for campaign in campaigns}
    seconds = None if plan.seconds is None else plan.seconds * len(campaigns)
    grouped = groups(tuple(by_path), f"{plan.seed} {plan.kind}")
    confirmation = Confirmation()
    for number, parts in zip(plan.rounds(seconds=seconds), grouped, strict=False):
        for part in parts:
            _explore([by_path[path] for path in part], number, confirmation)
        examined()
        yield number


def _explore(campaigns: Sequence[Campaign], number: int, confirmation: Confirmation) -> None:
    """Examine one case, which the first campaign generates, in the order of the campaigns."""
    generated = campaigns[0].plan.example(number)
    departures = dict.fromkeys(one for of in campaigns for one in of.plan.departures)
    case_of_all = departing(generated.case, number, tuple(departures))
    for case, several in _by_case(campaigns, case_of_all):
        questions = [campaign.question() for campaign in several]
        seen = several[0].ask(case, *questions)
        answers = confirmation.confirmed(case, several, questions, seen)
        for campaign, report in zip(several, answers, strict=True):
            campaign.book(report, generated._replace(case=case))


def _by_case(
    campaigns: Sequence[Campaign], generated: Case
) -> Iterator[tuple[Case, Sequence[Campaign]]]:
    """Yield each form of the case, with the campaigns that examine it."""
    own = [(campaign.plan.own(generated), campaign) for campaign in campaigns]
    for case in {case.id: case for case, _ in own}.values():
        yield case, [campaign for other, campaign in own if other.id == case.id]
