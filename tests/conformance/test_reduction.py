"""What is reduced, how far, and what a defect then counts as."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from saveproof.conformance.campaigns.campaign import Campaign
from saveproof.conformance.campaigns.known_issues import KnownIssue, ListedFinding
from saveproof.conformance.campaigns.plan import PLAIN, Plan
from saveproof.conformance.campaigns.shrinking import (
    FINDINGS_A_CHECK,
    Shown,
    Sighting,
    in_turn,
)
from saveproof.conformance.campaigns.worker import Report, Request, examine
from saveproof.conformance.checks import ALL_CHECKS, Judgement
from saveproof.conformance.model_state.contract import Facet, Promise
from saveproof.conformance.model_state.trace import Probe
from saveproof.conformance.processes import wire
from saveproof.conformance.processes.endings import Ending, NoAnswer
from saveproof.reports.records import Result, Verdict
from saveproof.strategies.case import Case, TrainOnBatch, to_json
from saveproof.strategies.extremes import EXTREMES
from tests.conformance.conftest import LINEAR_CASES
from tests.conformance.defects import log, state
from tests.conformance.test_checks import CASE

FAULTY = "tests.conformance.faulty"
EVERY_CHECK = [check.name for check in ALL_CHECKS]


class Noting:
    """Examines in this process and notes which probes were asked for."""

    def __init__(self) -> None:
        self.probes: list[frozenset[Probe]] = []

    def call(self, request: bytes, *, seconds: float) -> bytes:  # noqa: ARG002 (the protocol)
        (question,) = wire.decode(request, Request).questions
        self.probes.append(question.probes)
        return examine(request)


def test_outputs_alone_show_a_lost_weight_and_are_reduced():
    outputs = tuple(check for check in ALL_CHECKS if check.name == "outputs_survive")
    plan = Plan(
        *(f"{FAULTY}:ShiftsWeights", "npz", "sequential", LINEAR_CASES, outputs), examples=6
    )
    (result,) = Campaign(plan, Noting(), lambda _: None).run()

    assert result.verdict is Verdict.FAIL
    assert len(result.findings[0].case["architecture"]["layers"][0]["config"]) <= 3


class _Dying(Noting):
    """Ends on each case of some length; is interrupted at one of the calls."""

    def __init__(self, interrupted_at: int | None = None) -> None:
        super().__init__()
        self._calls = 0
        self._interrupted_at = interrupted_at

    def call(self, request: bytes, *, seconds: float) -> bytes:
        self._calls += 1
        if self._calls == self._interrupted_at:
            raise KeyboardInterrupt
        if len(to_json(wire.decode(request, Request).case)) > 900:
            raise NoAnswer(Ending.CRASHED, "the process ended with SIGSEGV")
        return super().call(request, seconds=seconds)


def _smallest(examiner: _Dying, *checks: str) -> int:
    """Return the length of the case that a crash was reduced to."""
    wanted = tuple(check for check in ALL_CHECKS if check.name in checks) or ALL_CHECKS
    plan = Plan(*(f"{FAULTY}:LosesMomentum", "npz", "sequential", LINEAR_CASES, wanted), examples=6)
    campaign = Campaign(plan, examiner, lambda _: None)
    with suppress(KeyboardInterrupt):
        campaign.run()
    crashes = [
        finding
        for result in campaign.results()
        for finding in result.findings
        if finding.verdict is Verdict.CRASH
    ]
    return min(len(str(finding.case)) for finding in crashes)


def test_a_crash_is_reduced_whichever_check_tells_of_it():
    assert _smallest(_Dying(), "weights_survive") == _smallest(_Dying())


def test_an_interrupt_keeps_the_smallest_case_so_far():
    first, last = (_smallest(_Dying(interrupted_at=number)) for number in (9, 30))

    assert last < first


class _Gaps(Noting):
    """Finds a gap on cases of some length; a failure from one of the calls on, or on longer ones.

    The sentence rests on state that no document promises where the case has such state only.
    """

    def __init__(self, *, fails_at: int = 10_000, fails_beyond: int = 10_000) -> None:
        super().__init__()
        self._calls = 0
        self._fails_at = fails_at
        self._fails_beyond = fails_beyond

    def call(self, request: bytes, *, seconds: float) -> bytes:  # noqa: ARG002 (the protocol)
        self._calls += 1
        length = len(to_json(wire.decode(request, Request).case))
        fails = self._calls >= self._fails_at or length > self._fails_beyond
        promise, verdict = (Promise.MUST, Verdict.FAIL) if fails else (Promise.SHOULD, Verdict.GAP)
        defect = state(Facet.WEIGHTS, "kernel", place="kernel")
        judgement = Judgement("weights_survive", promise, verdict, (defect,))
        if length < 850:
            judgement = Judgement("weights_survive", promise, Verdict.PASS)
        return wire.encode((Report((judgement,)),))


def _of_gaps(examiner: _Gaps, *issues: KnownIssue) -> Result:
    """Return what comes of the weights' check."""
    weights = tuple(check for check in ALL_CHECKS if check.name == "weights_survive")
    subject = f"{FAULTY}:LosesMomentum"
    plan = Plan(*(subject, "npz", "sequential", LINEAR_CASES, weights), examples=12, issues=issues)
    (result,) = Campaign(plan, examiner, lambda _: None).run()
    return result


@pytest.mark.parametrize("examiner", [_Gaps(fails_at=15), _Gaps(fails_beyond=1310)])
def test_a_defect_is_as_grave_as_it_was_ever_seen(examiner):
    """Whether a gap became a failure on the way to its smallest case, or on a later example."""
    result = _of_gaps(examiner)

    assert {Verdict.GAP, Verdict.FAIL} <= result.tally.keys()
    assert result.verdict is Verdict.FAIL
    assert result.findings[0].verdict is Verdict.FAIL


def sighting(verdict, defect):
    return Sighting(Shown(CASE, defect, verdict, b""))


def test_one_defect_of_each_root_is_shrunk_first_and_failures_before_gaps():
    slot, rng = state(Facet.SLOTS, "momentum"), state(Facet.RNG, "seed")
    sightings = {
        ("rng_state_survives", "a"): sighting(Verdict.GAP, rng),
        ("optimizer_slots_survive", "b"): sighting(Verdict.FAIL, slot),
        ("resume_trajectory_is_identical", "c"): sighting(Verdict.FAIL, log(origin=slot)),
        ("first_batch_loss_is_identical", "d"): sighting(Verdict.FAIL, log()),
    }

    assert [key for _, key in in_turn(sightings)] == ["b", "d", "a", "c"]


def test_many_defects_of_a_check_are_shrunk_by_root_first_and_no_more_than_a_few():
    repeats = {("w", f"repeat {n}"): sighting(Verdict.FAIL, log(origin=SLOT)) for n in range(9)}
    other = {("w", "another root"): sighting(Verdict.FAIL, log())}

    chosen = [key for _, key in in_turn({**repeats, **other})]

    assert chosen[:2] == ["repeat 0", "another root"]
    assert len(chosen) == FINDINGS_A_CHECK


SLOT = state(Facet.SLOTS, "momentum")


def test_only_a_case_that_was_shrunk_to_the_end_is_the_smallest(run):
    (finding,) = run(f"{FAULTY}:LosesMomentum")["optimizer_slots_survive"].findings

    assert finding.shrunk
    assert finding.draw is not None


def test_a_case_that_was_not_shrunk_for_lack_of_time_says_so():
    slots = tuple(check for check in ALL_CHECKS if check.name == "optimizer_slots_survive")
    plan = Plan(
        *(f"{FAULTY}:LosesMomentum", "npz", "sequential", LINEAR_CASES, slots),
        examples=12,
        shrink_seconds=0.0,
    )
    (result,) = Campaign(plan, Noting(), lambda _: None).run()

    (finding,) = result.findings
    assert not finding.shrunk
    assert finding.examples == result.tally[Verdict.FAIL] > 1


def test_a_gap_has_its_share_of_the_time():
    """It is shrunk to the end, as a failure is."""
    (finding,) = _of_gaps(_Gaps()).findings

    assert finding.verdict is Verdict.GAP
    assert finding.shrunk


KERNEL = ListedFinding(
    ("weights_survive",),
    {"kind": "state", "facet": "weights", "name": "kernel", "how": "value"},
)


def test_a_gap_that_is_listed_is_known():
    words = "No kernel comes back."
    issue = KnownIssue(
        "kernel", f"{FAULTY}:LosesMomentum", ("npz",), "", words, (KERNEL,), ("no case",)
    )

    result = _of_gaps(_Gaps(), issue)

    assert result.verdict is Verdict.KNOWN
    assert Verdict.GAP not in result.tally
    assert [(one.known, one.shrunk) for one in result.findings] == [(words, False)]


def test_what_goes_wrong_in_another_process_is_reduced_there(run):
    results = run(f"{FAULTY}:RaisesElsewhere", examples=60)

    found = results["round_trip_completes"].findings
    (late,) = (finding for finding in found if "ValueError" in finding.defect.key)
    assert late.case["seed"] == 1
    assert len(late.case["history"]["before"]) == 1


class _FailsWhere(Noting):
    """Finds a lost weight on cases that a function picks out."""

    def __init__(self, fails: Callable[[Case], bool]) -> None:
        super().__init__()
        self._fails = fails

    def call(self, request: bytes, *, seconds: float) -> bytes:  # noqa: ARG002 (the protocol)
        found = self._fails(wire.decode(request, Request).case)
        defects = (state(Facet.WEIGHTS, "kernel", place="kernel"),) if found else ()
        verdict = Verdict.FAIL if found else Verdict.PASS
        done = Judgement("round_trip_completes", Promise.MUST, Verdict.PASS)
        weights = Judgement("weights_survive", Promise.MUST, verdict, defects)
        return wire.encode((Report((done, weights)),))


LONG = next(extreme for extreme in EXTREMES if extreme.name == "long training")


def _trains_long(case: Case) -> bool:
    return any(isinstance(e, TrainOnBatch) and e.steps > 100 for e in case.history.before)


def _of_extremes(fails: Callable[[Case], bool], **limits: float) -> dict[str, Result]:
    subject = f"{FAULTY}:LosesMomentum"
    plan = Plan(
        *(subject, "npz", "sequential", LINEAR_CASES),
        examples=6,
        extremes=(LONG,),
        **limits,
    )
    return {r.check: r for r in Campaign(plan, _FailsWhere(fails), lambda _: None).run()}


def test_a_defect_of_an_extreme_is_shrunk_among_cases_that_have_it():
    (finding,) = _of_extremes(_trains_long)["weights_survive"].findings

    assert finding.shrunk
    assert finding.draw is not None
    assert finding.draw.extreme == LONG.name
    (training,) = finding.case["history"]["before"]
    assert (training["steps"], training["batch_size"]) == (130, 2)


def test_a_defect_of_an_extreme_case_that_is_not_of_the_extreme_is_shrunk_to_a_plain_case():
    seen: list[Case] = []

    def fails(case: Case) -> bool:
        """Return whether the extreme example came up: all cases fail from there on."""
        seen.extend([case] if _trains_long(case) else [])
        return bool(seen)

    (finding,) = _of_extremes(fails)["weights_survive"].findings

    assert finding.shrunk
    assert finding.draw is not None
    assert finding.draw.extreme == PLAIN
    (training,) = finding.case["history"]["before"]
    assert (training["steps"], training["batch_size"]) == (1, 2)


def test_an_extreme_case_that_is_not_shrunk_can_be_generated_again():
    (finding,) = _of_extremes(_trains_long, shrink_seconds=0.0)["weights_survive"].findings

    assert finding.draw is not None
    assert finding.draw.extreme == LONG.name


def test_a_run_counts_the_examples_with_an_extreme():
    results = _of_extremes(_trains_long)

    assert results["round_trip_completes"].extremes == {LONG.name: 1}
    assert results["weights_survive"].extremes == {}
