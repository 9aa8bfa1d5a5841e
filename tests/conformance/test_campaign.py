"""Campaigns: what they find, what they call it, and how small they make it."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import find, given, settings
from msgspec.structs import replace

from saveproof.conformance.campaigns.campaign import Campaign, exploring
from saveproof.conformance.campaigns.dispatch import reports
from saveproof.conformance.campaigns.plan import Plan
from saveproof.conformance.campaigns.worker import EXAMINE, Request
from saveproof.conformance.checks import ALL_CHECKS
from saveproof.conformance.execution.runner import Question, record
from saveproof.conformance.families import subjects
from saveproof.conformance.model_state.trace import Probe
from saveproof.conformance.processes.isolation import Child
from saveproof.reports.records import Verdict
from saveproof.strategies.case import Kind
from saveproof.strategies.cases import cases
from tests.conformance.conftest import LINEAR_CASES
from tests.conformance.test_reduction import Noting

FAULTY = "tests.conformance.faulty"
LAYERS = cases(kinds=(Kind.SUBCLASSED,), layers=("Flatten",))
EVERY_CHECK = [check.name for check in ALL_CHECKS]


def test_faultless_subject_has_no_finding(run):
    results = run("examples.linear_class:Linear")

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

    assert finding.defect.where == "step 1: weights: kernel"
    assert len(finding.case["history"]["before"]) == 1
    assert finding.case["architecture"]["layers"][0]["config"]["name"] == "dense"


def test_exception_of_a_save_is_a_finding_with_its_traceback(run):
    (finding,) = run(f"{FAULTY}:RaisesOnSave")["round_trip_completes"].findings

    assert "no room" in finding.defect.difference.found
    assert "in save" in finding.defect.traceback


@pytest.mark.parametrize(
    ("seed", "key"),
    [
        (0, "builtins.OSError: could not find the weights beside the graph"),
        (1, "builtins.ValueError: the custom object was not registered"),
    ],
)
def test_exception_of_another_process_has_the_key_that_it_has_in_this_one(seed, key):
    case = replace(find(LINEAR_CASES, lambda _: True), seed=seed)
    question = Question("npz", frozenset(EVERY_CHECK), frozenset({Probe.ANOTHER_PROCESS}))

    with Child(EXAMINE) as child:
        request = Request(f"{FAULTY}:RaisesElsewhere", case, (question,))
        (report,) = reports(child, request)

    (defect,) = (defect for judgement in report.judgements for defect in judgement.defects)
    assert defect.key.startswith(f"another process: raised {key} in faulty.")
    assert "in go_wrong" in defect.traceback


def test_dead_process_is_a_crash_and_not_the_end(run):
    result = run(f"{FAULTY}:DiesOnLoad", examples=3)["round_trip_completes"]

    assert result.tally[Verdict.CRASH] >= 1
    assert "exit code 7" in result.findings[0].defect.message


@pytest.mark.parametrize(
    ("subject", "verdict", "timeout", "words"),
    [
        ("DiesElsewhere", Verdict.CRASH, 30.0, "the process ended with exit code 7"),
        ("HangsElsewhere", Verdict.TIMEOUT, 4.0, "no answer in time: the process was ended"),
    ],
)
def test_end_of_another_process_is_told_of_it_and_hides_nothing(
    subject, verdict, timeout, words, run
):
    results = run(f"{FAULTY}:{subject}", examples=1, timeout=timeout)

    (finding,) = results["round_trip_completes"].findings
    assert results["round_trip_completes"].tally == {verdict: 1}
    assert finding.defect.key == f"{verdict}: another process: {words}"
    assert finding.defect.where == "another process"
    assert results["weights_survive"].tally == {Verdict.PASS: 1}
    elsewhere = results["another_process_loads_the_same"]
    assert elsewhere.verdict is Verdict.NOT_SHOWN
    assert elsewhere.reasons == {Verdict.NOT_APPLICABLE: {"no other process loaded the source": 1}}


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
    examiner = Noting()
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
    examiner = Noting()
    outputs = tuple(check for check in ALL_CHECKS if check.name == "outputs_survive")
    plan = Plan(
        *("examples.linear_class:Linear", "npz", "sequential", LINEAR_CASES, outputs), examples=12
    )
    (result,) = Campaign(plan, examiner, lambda _: None).run()

    assert set(examiner.probes) == {frozenset()}
    assert result.tally[Verdict.PASS] > 0


@pytest.mark.parametrize("trains_on", [True, False])
@settings(max_examples=3, deadline=None)
@given(case=LINEAR_CASES)
def test_lives_go_on_where_a_check_asks_for_it(trains_on, case):
    subject = subjects.resolve("reference")
    checks = [check.name for check in ALL_CHECKS if trains_on or not check.trains_on]
    question = Question("h5", frozenset(checks))
    with tempfile.TemporaryDirectory() as folder:
        (trace,) = record(subject, case, [question], Path(folder))

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


def test_a_campaign_in_which_nothing_was_applicable_is_a_harness_error_with_its_reason(run):
    """All that it tried was not applicable: it has shown nothing, and is no pass."""
    results = run(f"{FAULTY}:CannotBuild", examples=3)

    result = results["round_trip_completes"]
    assert result.tally == {Verdict.HARNESS_ERROR: 3}
    assert "building raised AttributeError: no layers in Case" in result.findings[0].defect.message
    weights = results["weights_survive"]
    assert weights.tally == {Verdict.NOT_APPLICABLE: 3}
    assert weights.verdict is Verdict.NOT_SHOWN
    (reason,) = weights.reasons[Verdict.NOT_APPLICABLE]
    assert reason.startswith("building raised AttributeError: no layers in Case")


def test_a_campaign_of_any_time_at_all_examines_a_case():
    plan = Plan("reference", "h5", "sequential", LINEAR_CASES)

    assert list(plan.rounds(seconds=1e-9)) == [0]


def test_a_campaign_counts_what_it_judged_and_its_distinct_defects():
    plan = Plan(
        f"{FAULTY}:LosesMomentum", "npz", "sequential", LINEAR_CASES, examples=3, shrink_seconds=0.0
    )

    with Child(EXAMINE) as child:
        campaign = Campaign(plan, child, lambda _: None)
        campaign.run()

    assert campaign.judged == 3
    assert {one.partition(":")[0] for one in campaign.unexpected} >= {"optimizer_slots_survive"}


def test_a_campaign_whose_cases_the_subject_cannot_do_has_judged_none():
    plan = Plan("examples.linear_class:Linear", "npz", "subclassed", LAYERS, examples=2)

    with Child(EXAMINE) as child:
        campaign = Campaign(plan, child, lambda _: None)
        list(exploring([campaign], lambda: None))

    assert (campaign.examined, campaign.judged) == (2, 0)
