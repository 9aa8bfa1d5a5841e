"""Checks on made-up traces: each finds its defect, and finds none where there is none."""

from dataclasses import replace

import numpy as np
import pytest

from saveproof.conformance.checks import ALL_CHECKS, checks_for, judge
from saveproof.conformance.checks.facets import FACET_CHECKS
from saveproof.conformance.model_state.contract import Contract, Demand, Facet, Promise, promises
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.conformance.model_state.trace import (
    Conduct,
    FailedSave,
    OtherProcess,
    Probe,
    Raised,
    Stage,
    Step,
    Trace,
    Trajectory,
)
from saveproof.reports.findings import Difference
from saveproof.reports.records import Verdict
from saveproof.strategies.case import (
    Architecture,
    Call,
    Case,
    CompileSettings,
    Departure,
    Input,
    Kind,
    Layer,
    Object,
    TrainingHistory,
    TrainOnBatch,
)

CASE = Case(
    architecture=Architecture(
        kind=Kind.FUNCTIONAL,
        name="model",
        inputs=(Input("x", (4,)),),
        layers=(Layer("Dense", {"name": "dense", "units": 3}),),
        calls=(Call("dense", ("x",), "a"), Call("dense", ("x",), "b")),
        outputs=("a", "b"),
    ),
    settings=CompileSettings(Object("Adam", {"learning_rate": 0.1}), ("mse", "mse")),
    history=TrainingHistory((TrainOnBatch(1, 2),), (TrainOnBatch(2, 2),)),
    seed=0,
)
PAGE = "https://example.org/contract"
EVERY = promises(Promise.MUST, tuple(Facet))
EVERYTHING = Contract(PAGE, EVERY, survives_failure=Promise.MUST, can_spare=True)
OTHER_CODE = {Departure.HEAD: Demand.REFUSED}
NOTHING = Contract("https://example.org/contract", {})


def snapshot(number: float) -> Snapshot:
    """Return a snapshot in which every facet has that number."""
    inventories = {facet: {"dense/0 kernel": np.array([number])} for facet in Facet}
    inventories[Facet.TRAINABLE] = {"dense": False, "number": number}
    inventories[Facet.DTYPE_POLICY] = {"dense": f"float{number}"}
    return Snapshot(inventories)


def trajectory(*losses: float) -> Trajectory:
    """Return a life with those losses, its weights moving along."""
    steps = tuple(Step("TrainOnBatch", ({"loss": x},), snapshot(10 * x)) for x in losses)
    return Trajectory((np.array([losses[0]]),), steps)


GOOD = Trace(
    CASE,
    "h5",
    EVERYTHING,
    frozenset(Probe),
    fresh=snapshot(0),
    before=snapshot(1),
    saved=snapshot(1),
    loaded=snapshot(1),
    second=snapshot(1),
    original=trajectory(2, 3),
    resumed=trajectory(2, 3),
    other_process=OtherProcess(snapshot(1), trajectory(2, 3)),
    conduct=Conduct(
        *({}, (), (), snapshot(1), False, snapshot(30), (), (), (), snapshot(30)),
        overwritten=(),
        failed_save=FailedSave(
            Raised(Stage.SAVE, "builtins.OSError", "file too large", ""), snapshot(30)
        ),
    ),
)


def verdicts(trace: Trace) -> dict[str, Verdict]:
    """Return the verdict of every check."""
    return {judgement.check: judgement.verdict for judgement in judge(trace)}


def keys(trace: Trace, check: str) -> set[str]:
    """Return the keys of the defects that the check finds."""
    return {d.key for j in judge(trace) if j.check == check for d in j.defects}


def test_faultless_trace_passes_every_check_that_applies():
    found = verdicts(GOOD)

    silent = {
        *("refusal_says_why", "unbuilt_model_is_refused", "what_must_be_fresh_is_fresh"),
        "fresh_weights_match_a_new_model",
        "loads_right_or_refuses_other_code",
    }
    assert set(found.values()) == {Verdict.PASS}
    assert set(found) == {check.name for check in ALL_CHECKS} - silent


@pytest.mark.parametrize("facet", Facet)
def test_facet_that_comes_back_different_fails_its_own_check_alone(facet):
    facets = dict(GOOD.loaded.facets) | {facet: snapshot(7)[facet]}
    trace = replace(GOOD, loaded=Snapshot(facets), second=Snapshot(facets))
    trace = replace(trace, other_process=OtherProcess(Snapshot(facets), trajectory(2, 3)))

    found = verdicts(trace)

    failing = [check for check, verdict in found.items() if verdict is Verdict.FAIL]
    assert failing == [check.name for check in FACET_CHECKS if check.facets == (facet,)]


@pytest.mark.parametrize("facet", Facet)
def test_facet_that_comes_back_fresh_is_never_a_pass_of_its_check(facet):
    facets = dict(GOOD.loaded.facets) | {facet: GOOD.fresh[facet]}

    found = verdicts(replace(GOOD, loaded=Snapshot(facets)))

    (check,) = [check.name for check in FACET_CHECKS if check.facets == (facet,)]
    assert found[check] is Verdict.FAIL


def test_untrained_facet_is_vacuous():
    found = verdicts(replace(GOOD, fresh=snapshot(1)))

    assert found["weights_survive"] is Verdict.VACUOUS
    assert found["optimizer_slots_survive"] is Verdict.VACUOUS
    assert found["outputs_survive"] is Verdict.VACUOUS


def test_contract_that_promises_nothing_is_held_to_its_conduct_only():
    assert not any(check.facets for check in checks_for(NOTHING))
    assert checks_for(replace(EVERYTHING, other_code=OTHER_CODE)) == ALL_CHECKS


@pytest.mark.parametrize(
    ("resumed", "check", "where"),
    [
        (replace(trajectory(2, 3), outputs=(np.array([9.0]),)), "outputs_survive", "output 0"),
        (trajectory(5, 3), "first_batch_loss_is_identical", "step 1 (TrainOnBatch): loss"),
        (trajectory(2, 4), "resume_trajectory_is_identical", "step 2 (TrainOnBatch): loss"),
    ],
)
def test_difference_in_behaviour_names_the_first_place(resumed, check, where):
    found = {j.check: j for j in judge(replace(GOOD, resumed=resumed))}

    assert found[check].verdict is Verdict.FAIL
    assert found[check].defects[0].where == where


def test_subject_that_does_not_repeat_itself_is_unstable():
    """Its judgement keeps what differed, and with which values."""
    twin = Difference("step 1: weights: kernel", "3", "4")
    judged = judge(replace(GOOD, resumed=trajectory(2, 4), twin=twin))
    found = {judgement.check: judgement for judgement in judged}

    trajectory_check = found["resume_trajectory_is_identical"]
    (unrepeated,) = trajectory_check.unrepeated
    assert trajectory_check.verdict is Verdict.UNSTABLE
    assert not trajectory_check.defects
    assert unrepeated.again[0].found == "step 1: weights: kernel: 3, then 4"


def test_save_that_changes_the_model_fails():
    assert verdicts(replace(GOOD, saved=snapshot(2)))["saving_changes_nothing"] is Verdict.FAIL


def test_second_generation_and_other_process_are_held_against_the_first():
    found = verdicts(
        replace(GOOD, second=snapshot(2), other_process=OtherProcess(snapshot(1), trajectory(2, 5)))
    )

    assert found["second_generation_equals_first"] is Verdict.FAIL
    assert found["another_process_loads_the_same"] is Verdict.FAIL


def test_a_step_that_parts_is_named_by_what_the_load_had_lost():
    lost = Snapshot({**GOOD.loaded.facets, Facet.SLOTS: {"0 m": np.array([0.0])}})
    kept = Snapshot({**GOOD.before.facets, Facet.SLOTS: {"0 m": np.array([1.0])}})
    parted = replace(GOOD, resumed=trajectory(2, 4))

    assert keys(parted, "resume_trajectory_is_identical") == {"resume: later step loss with Adam"}
    assert keys(replace(parted, before=kept, loaded=lost), "resume_trajectory_is_identical") == {
        "resume: later step loss, from optimizer slots: m lost"
    }


def test_outputs_and_a_first_loss_that_part_are_named_by_what_the_load_had_lost():
    lost = Snapshot({**GOOD.loaded.facets, Facet.ARGUMENTS: {"dense/units": 4.0}})
    kept = Snapshot({**GOOD.before.facets, Facet.ARGUMENTS: {"dense/units": 3.0}})
    parted = replace(GOOD, before=kept, loaded=lost, resumed=trajectory(4, 3))
    origin = ", from arguments: Dense/units value"

    assert keys(parted, "outputs_survive") == {"outputs: value" + origin}
    assert keys(parted, "first_batch_loss_is_identical") == {"resume: first step loss" + origin}


def test_a_setting_keeps_its_name_where_a_layer_has_the_same():
    lost = Snapshot({**GOOD.loaded.facets, Facet.COMPILE: {"metrics/0/dense": 1.0}})
    kept = Snapshot({**GOOD.before.facets, Facet.COMPILE: {"metrics/0/dense": 2.0}})

    found = keys(replace(GOOD, before=kept, loaded=lost), "compile_settings_survive")

    assert found == {"compile settings: dense value"}


def test_what_varies_in_an_error_is_no_part_of_its_key():
    error = "Unknown variable: <Variable path=dense/kernel, shape=(4, 3)>. This optimizer can"
    raised = Raised(Stage.LOAD, "builtins.ValueError", error, "")

    found = keys(replace(GOOD, raised=raised), "round_trip_completes")

    assert found == {"load: raised builtins.ValueError: Unknown variable: …"}


def test_two_lives_that_end_in_the_same_error_do_not_part():
    error = Raised(Stage.RESUME, "builtins.ValueError", "Unknown variable", "")
    ended = replace(trajectory(2), raised=error)
    both = replace(GOOD, resumed=ended, other_process=OtherProcess(snapshot(1), ended))

    found = verdicts(both)

    assert found["resume_trajectory_is_identical"] is Verdict.FAIL
    assert found["another_process_loads_the_same"] is Verdict.PASS


def test_slots_that_a_load_builds_where_there_were_none_are_no_defect():
    unbuilt = Snapshot({**GOOD.before.facets, Facet.SLOTS: {}})
    trace = replace(GOOD, before=unbuilt, saved=GOOD.before)

    assert verdicts(trace)["optimizer_slots_survive"] is Verdict.VACUOUS
    assert verdicts(trace)["saving_changes_nothing"] is Verdict.PASS


def test_trained_state_where_fresh_is_due_fails_and_fresh_state_passes():
    fresh = Contract("https://example.org", promises(Promise.FRESH, Facet.WEIGHTS))
    kept = replace(GOOD, contract=fresh)

    assert verdicts(kept)["what_must_be_fresh_is_fresh"] is Verdict.FAIL
    assert verdicts(replace(kept, loaded=snapshot(0)))["what_must_be_fresh_is_fresh"] is (
        Verdict.PASS
    )


@pytest.mark.parametrize(
    ("slot", "verdict"),
    [([0.5, 0.25], Verdict.FAIL), ([0.1, 0.1], Verdict.VACUOUS), ([1.0, 2.0], Verdict.VACUOUS)],
    ids=["trained", "as it begins", "the average of a weight that did not move"],
)
def test_a_slot_that_may_be_as_it_begins_shows_nothing_where_fresh_is_due(slot, verdict):
    """A fresh optimizer may have none to tell by, and what is loaded may have them."""

    def having(slots: dict[str, np.ndarray]) -> Snapshot:
        weights = {"0 kernel": np.array([1.0, 2.0])}
        return Snapshot({key: {} for key in Facet} | {Facet.SLOTS: slots, Facet.WEIGHTS: weights})

    contract = Contract("https://example.org", promises(Promise.FRESH, Facet.SLOTS))
    trained = having({"0 slot": np.array(slot)})
    trace = replace(GOOD, contract=contract, fresh=having({}), before=trained, loaded=trained)

    assert verdicts(trace)["what_must_be_fresh_is_fresh"] is verdict


REFUSING = replace(EVERYTHING, refuses={Kind.FUNCTIONAL: "it has no config"}, refuses_unbuilt=True)


@pytest.mark.parametrize(
    ("raised", "verdict"),
    [
        (None, Verdict.FAIL),
        (Raised(Stage.SAVE, "builtins.KeyError", "'kernel'", ""), Verdict.FAIL),
        (Raised(Stage.SAVE, "builtins.ValueError", "no", ""), Verdict.FAIL),
        (
            Raised(Stage.SAVE, "builtins.NotImplementedError", "a subclass has no config", ""),
            Verdict.REFUSED,
        ),
    ],
)
def test_refusal_must_come_and_must_say_why(raised, verdict):
    trace = Trace(CASE, "h5", REFUSING, frozenset(), raised=raised)

    assert verdicts(trace)["refusal_says_why"] is verdict


def test_exception_where_the_contract_covers_the_case_fails():
    trace = Trace(CASE, "h5", EVERYTHING, frozenset(), raised=Raised(Stage.LOAD, "E", "x", "tb"))

    assert verdicts(trace)["round_trip_completes"] is Verdict.FAIL
    assert verdicts(trace)["weights_survive"] is Verdict.NOT_APPLICABLE


def test_unbuilt_model_that_is_accepted_fails():
    architecture = Architecture(
        Kind.SUBCLASSED, "m", CASE.architecture.inputs, *_rest(CASE.architecture)
    )
    case = Case(architecture, CASE.settings, CASE.history, 0)
    trace = replace(GOOD, case=case, contract=replace(EVERYTHING, refuses_unbuilt=True))

    assert verdicts(trace)["unbuilt_model_is_refused"] is Verdict.FAIL
    unspoken = replace(trace, contract=EVERYTHING)
    assert verdicts(unspoken)["unbuilt_model_is_refused"] is Verdict.GAP
    assert "unbuilt_model_is_refused" not in verdicts(replace(trace, contract=NOTHING))
    refused = replace(trace, unbuilt=Raised(Stage.SAVE, "ValueError", "it has no weights yet", ""))
    assert verdicts(refused)["unbuilt_model_is_refused"] is Verdict.REFUSED


def _rest(architecture: Architecture):
    return architecture.layers, architecture.calls, architecture.outputs


def test_of_a_model_that_the_contract_has_refused_the_refusal_alone_is_asked_for():
    kept = replace(GOOD, contract=REFUSING, raised=None)

    assert set(verdicts(kept)) == {"refusal_says_why"}
