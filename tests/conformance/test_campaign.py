"""Campaigns: what they find, what they call it, and how small they make it."""

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings

from conformance import subjects, wire
from conformance.campaign import Campaign
from conformance.checks import ALL_CHECKS, Defect, Judgement
from conformance.contract import Promise
from conformance.examine import EXAMINE, Report, Request, examine, path_of
from conformance.isolation import Child, Crashed
from conformance.known_issues import KnownIssue
from conformance.plan import Plan
from conformance.recording import Asked, record
from conformance.snapshot import Difference
from conformance.trace import Probe
from reports.records import Result, Verdict
from strategies.case import to_json
from tests.conformance.conftest import LINEAR_CASES

FAULTY = "tests.conformance.faulty"


def test_faultless_subject_has_no_finding(run):
    results = run("examples.linear_subject:Linear")

    assert not [finding for result in results.values() for finding in result.findings]
    assert results["optimizer_slots_survive"].verdict is Verdict.PASS
    assert results["resume_trajectory_is_identical"].verdict is Verdict.PASS


def test_lost_slot_is_found_by_the_facet_and_by_the_trajectory(run):
    results = run(f"{FAULTY}:LosesMomentum")

    assert results["optimizer_slots_survive"].verdict is Verdict.FAIL
    assert results["resume_trajectory_is_identical"].verdict is Verdict.FAIL
    assert results["weights_survive"].verdict is Verdict.PASS


def test_lost_slot_is_invisible_to_the_first_batch(run):
    """The loss is computed before the update: DESIGN's reason for the trajectory."""
    results = run(f"{FAULTY}:LosesMomentum")

    assert results["first_batch_loss_is_identical"].verdict is Verdict.PASS


def test_finding_names_step_and_variable_and_is_minimal(run):
    (finding,) = run(f"{FAULTY}:LosesMomentum")["resume_trajectory_is_identical"].findings

    assert finding.where == "step 1: weights: kernel"
    assert len(finding.case["history"]["before"]) == 1
    assert finding.case["architecture"]["layers"][0]["config"]["name"] == "dense"


def test_exception_of_a_save_is_a_finding_with_its_traceback(run):
    (finding,) = run(f"{FAULTY}:RaisesOnSave")["round_trip_completes"].findings

    assert "no room" in finding.found
    assert "in save" in finding.traceback


def test_dead_process_is_a_crash_and_not_the_end(run):
    result = run(f"{FAULTY}:DiesOnLoad", examples=3)["round_trip_completes"]

    assert result.tally[Verdict.CRASH] >= 1
    assert "exit code 7" in result.findings[0].message


def test_crash_is_told_where_another_check_alone_was_asked_for():
    weights = tuple(check for check in ALL_CHECKS if check.name == "weights_survive")
    plan = Plan(
        *(f"{FAULTY}:DiesOnLoad", "npz", "sequential", LINEAR_CASES, weights),
        examples=3,
        shrink_seconds=0.0,
    )
    with Child(EXAMINE) as child:
        (result,) = Campaign(plan, child, lambda _: None).run()

    assert result.check == "weights_survive"
    assert result.verdict is Verdict.CRASH


class _Noting:
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
    (result,) = Campaign(plan, _Noting(), lambda _: None).run()

    assert result.verdict is Verdict.FAIL
    assert len(result.findings[0].case["architecture"]["layers"][0]["config"]) <= 3


class _Dying(_Noting):
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
            raise Crashed("the process ended with SIGSEGV")
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


class _Gaps(_Noting):
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
        defect = Defect(
            "weights: kernel", "kernel differs", Difference("kernel", "value", "1", "2")
        )
        judgement = Judgement("weights_survive", promise, verdict, (defect,))
        if length < 850:
            judgement = Judgement("weights_survive", promise, Verdict.PASS)
        return wire.encode((Report((judgement,)),))


def _of_gaps(examiner: _Gaps) -> Result:
    """Return what comes of the weights' check."""
    weights = tuple(check for check in ALL_CHECKS if check.name == "weights_survive")
    plan = Plan(
        *(f"{FAULTY}:LosesMomentum", "npz", "sequential", LINEAR_CASES, weights), examples=12
    )
    (result,) = Campaign(plan, examiner, lambda _: None).run()
    return result


@pytest.mark.parametrize("examiner", [_Gaps(fails_at=15), _Gaps(fails_beyond=1310)])
def test_a_defect_is_as_grave_as_it_was_ever_seen(examiner):
    """Whether a gap became a failure on the way to its smallest case, or on a later example."""
    result = _of_gaps(examiner)

    assert {Verdict.GAP, Verdict.FAIL} <= result.tally.keys()
    assert result.verdict is Verdict.FAIL
    assert result.findings[0].verdict is Verdict.FAIL


def test_a_gap_that_is_listed_is_known(monkeypatch):
    issue = KnownIssue("*", "npz", "weights_survive", "weights: kernel", "No kernel comes back.")
    monkeypatch.setattr("conformance.campaign.known_issue", lambda *_: issue)

    result = _of_gaps(_Gaps())

    assert result.verdict is Verdict.KNOWN
    assert Verdict.GAP not in result.tally


def test_hang_is_a_timeout_and_not_the_end(run):
    result = run(f"{FAULTY}:HangsOnLoad", examples=1, timeout=0.7)["round_trip_completes"]

    assert result.verdict is Verdict.TIMEOUT


def test_save_that_changes_the_model_is_found(run):
    results = run(f"{FAULTY}:SavingClearsMomentum")

    assert results["saving_changes_nothing"].verdict is Verdict.FAIL


def test_subject_that_does_not_repeat_itself_is_unstable_and_not_failing(run):
    results = run(f"{FAULTY}:Restless")

    assert Verdict.UNSTABLE in results["resume_trajectory_is_identical"].tally
    assert Verdict.FAIL not in results["resume_trajectory_is_identical"].tally
    assert results["weights_survive"].verdict is Verdict.PASS


def test_a_twin_is_brought_up_for_what_is_news_and_not_again():
    examiner = _Noting()
    plan = Plan(
        *(f"{FAULTY}:LosesMomentum", "npz", "sequential", LINEAR_CASES),
        examples=12,
        shrink_seconds=0.0,
    )
    Campaign(plan, examiner, lambda _: None).run()

    twins = [Probe.TWIN in probes for probes in examiner.probes]
    assert twins.count(True) == 1
    assert len(twins) == 13


def test_what_no_check_asks_for_is_not_paid_for():
    examiner = _Noting()
    outputs = tuple(check for check in ALL_CHECKS if check.name == "outputs_survive")
    plan = Plan(
        *("examples.linear_subject:Linear", "npz", "sequential", LINEAR_CASES, outputs), examples=12
    )
    (result,) = Campaign(plan, examiner, lambda _: None).run()

    assert set(examiner.probes) == {frozenset()}
    assert result.tally[Verdict.PASS] > 0


@pytest.mark.parametrize("trains_on", [True, False])
@settings(max_examples=3, deadline=None)
@given(case=LINEAR_CASES)
def test_lives_go_on_where_a_check_asks_for_it(trains_on, case):
    subject = subjects.resolve("reference")
    path = path_of(subject, "h5")
    with tempfile.TemporaryDirectory() as folder:
        (trace,) = record(subject, case, [Asked(path, trains_on=trains_on)], Path(folder))

    assert trace.original.outputs
    assert bool(trace.original.steps) is bool(trace.resumed.steps) is trains_on


def test_campaign_repeats_itself_from_its_seed(run):
    one, other = (run(f"{FAULTY}:LosesMomentum", seed=3) for _ in range(2))

    assert {k: (r.tally, r.findings) for k, r in one.items()} == {
        k: (r.tally, r.findings) for k, r in other.items()
    }


def test_module_that_speaks_keras_is_a_subject_without_more(run):
    results = run("tests.conformance.speaks_keras:keras", path="h5")

    assert not [finding for result in results.values() for finding in result.findings]
    assert results["weights_survive"].verdict is Verdict.PASS
