"""The origin of a difference: of the state that was lost, what can explain it."""

from dataclasses import replace

import numpy as np
import pytest
from msgspec.structs import replace as replace_fields

from saveproof.conformance.checks import judge
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.conformance.model_state.trace import Step, Trajectory
from saveproof.reports.records import Verdict
from saveproof.strategies.case import Layer
from tests.conformance.test_checks import CASE, GOOD, snapshot, trajectory

OUTPUTS = "outputs_survive"
FIRST_LOSS = "first_batch_loss_is_identical"
RESUME = "resume_trajectory_is_identical"
OTHER_OUTPUTS = replace(trajectory(2, 3), outputs=(np.array([9.0]),))
OTHER_LOSS = trajectory(5, 6)


def losing(resumed, **lost):
    """Return a trace in which the load changed these facets to these inventories."""
    before, loaded = dict(GOOD.before.facets), dict(GOOD.loaded.facets)
    for facet, (kept, found) in ((Facet[name], pair) for name, pair in lost.items()):
        before[facet], loaded[facet] = kept, found
    return replace(GOOD, before=Snapshot(before), loaded=Snapshot(loaded), resumed=resumed)


def origins(trace, check):
    """Return the origins of what the check finds, as facet and name; None where there is none."""
    found = [d.origin for j in judge(trace) if j.check == check for d in j.defects]
    return [origin and (origin.facet, origin.difference.where) for origin in found]


def argument(name):
    return {f"dense/{name}": 1}, {f"dense/{name}": 2}


RNG = ({"drop/0": np.array([1])}, {"drop/0": np.array([0])})
SLOTS = ({"0 m": np.array([1.0])}, {"0 m": np.array([0.0])})


@pytest.mark.parametrize("name", ["kernel_regularizer", "kernel_regularizer/L2/l2", "rate"])
def test_a_lost_regularizer_explains_a_loss_and_no_output(name):
    lost = {"ARGUMENTS": argument(name), "RNG": RNG, "SLOTS": SLOTS}

    assert origins(losing(OTHER_LOSS, **lost), FIRST_LOSS) == [(Facet.ARGUMENTS, f"dense/{name}")]
    assert origins(losing(OTHER_OUTPUTS, **lost), OUTPUTS) == [None]


def test_a_lost_activation_explains_outputs():
    lost = argument("activation")

    assert origins(losing(OTHER_OUTPUTS, ARGUMENTS=lost), OUTPUTS) == [
        (Facet.ARGUMENTS, "dense/activation")
    ]


@pytest.mark.parametrize("name", ["kernel_initializer/Identity/gain", "trainable", "name"])
def test_what_decides_nothing_after_a_load_explains_nothing(name):
    assert origins(losing(OTHER_OUTPUTS, ARGUMENTS=argument(name)), OUTPUTS) == [None]
    assert origins(losing(OTHER_LOSS, ARGUMENTS=argument(name)), FIRST_LOSS) == [None]


def test_a_lost_optimizer_explains_no_first_loss():
    assert origins(losing(OTHER_LOSS, SLOTS=SLOTS), FIRST_LOSS) == [None]


def test_a_lost_optimizer_explains_the_weights_after_a_step():
    steps = tuple(replace(step, snapshot=snapshot(7)) for step in GOOD.resumed.steps)
    resumed = replace(GOOD.resumed, steps=steps)
    constrained = argument("kernel_constraint/MaxNorm/max_value")

    assert origins(losing(resumed, SLOTS=SLOTS, RNG=RNG), RESUME) == [(Facet.SLOTS, "0 m")]
    assert origins(losing(resumed, ARGUMENTS=constrained), RESUME) == [
        (Facet.ARGUMENTS, "dense/kernel_constraint/MaxNorm/max_value")
    ]


def test_a_slot_that_no_step_changes_explains_nothing():
    """It is the slot of a frozen variable."""
    used = {"0 m": np.array([1.0]), "1 m": np.array([1.0])}
    after = Snapshot({**snapshot(20).facets, Facet.SLOTS: {**used, "1 m": np.array([3.0])}})
    original = Trajectory(GOOD.original.outputs, (Step("TrainOnBatch", ({"loss": 2},), after),))
    found = Snapshot({**snapshot(7).facets, Facet.SLOTS: after[Facet.SLOTS]})
    resumed = Trajectory(GOOD.original.outputs, (Step("TrainOnBatch", ({"loss": 2},), found),))

    def losing_slot(name):
        lost = {**used, name: np.array([0.0])}
        return replace(losing(resumed, SLOTS=(used, lost)), original=original)

    assert origins(losing_slot("0 m"), RESUME) == [None]
    assert origins(losing_slot("1 m"), RESUME) == [(Facet.SLOTS, "1 m")]


def test_the_totals_of_a_metric_that_was_reset_are_not_lost():
    """The loaded model has no totals before its first batch, which begins with zeros."""
    totals, reset = ({"0 mae/0": np.array(value)} for value in (3.0, 0.0))

    def verdict(kept):
        trace = losing(GOOD.resumed, METRICS=(kept, {}))
        return judged(trace, "metric_state_survives").verdict

    assert verdict(totals) is Verdict.FAIL
    assert verdict(reset) is not Verdict.FAIL


def test_a_lost_metric_explains_no_loss():
    lost = ({"metrics/0": "mae", "loss/0": "mse"}, {"metrics/0": "mse", "loss/0": "mse"})

    assert origins(losing(OTHER_LOSS, COMPILE=lost), FIRST_LOSS) == [None]


def with_generator(*states, loaded):
    """Return a trace whose generator has these states: fresh, before the save, after a step."""
    fresh, before, after = (
        Snapshot({**snapshot(number).facets, Facet.RNG: {"rnn/0": np.array([state])}})
        for number, state in zip((0, 1, 20), states, strict=True)
    )
    found = Snapshot({**GOOD.loaded.facets, Facet.RNG: {"rnn/0": np.array([loaded])}})
    step = Step("TrainOnBatch", ({"loss": 2},), after)
    original = Trajectory(GOOD.original.outputs, (step,))
    return replace(GOOD, fresh=fresh, before=before, saved=before, loaded=found, original=original)


def judged(trace, check):
    return next(j for j in judge(trace) if j.check == check)


def test_a_generator_that_nothing_draws_from_is_no_state_that_is_lost():
    """A recurrent layer without dropout has a generator that gets a new seed in a load."""
    trace = with_generator(3, 3, 3, loaded=8)

    assert judged(trace, "rng_state_survives").verdict is Verdict.VACUOUS
    different = replace(trace, resumed=OTHER_LOSS)
    assert origins(different, FIRST_LOSS) == [None]


@pytest.mark.parametrize("states", [(3, 4, 4), (3, 3, 4)], ids=["before the save", "after it"])
def test_a_generator_that_is_drawn_from_is(states):
    trace = with_generator(*states, loaded=8)

    assert judged(trace, "rng_state_survives").verdict is Verdict.FAIL
    assert origins(replace(trace, resumed=OTHER_LOSS), FIRST_LOSS) == [(Facet.RNG, "rnn/0")]


def test_the_flag_of_a_nested_model_explains_nothing_but_that_of_a_layer_does():
    inner = replace_fields(CASE.architecture, layers=(Layer("Dense", {"name": "deep"}),))
    layers = (*CASE.architecture.layers, Layer("Functional", {"name": "inner"}, inner))
    case = replace_fields(CASE, architecture=replace_fields(CASE.architecture, layers=layers))
    steps = tuple(replace(step, snapshot=snapshot(7)) for step in GOOD.resumed.steps)
    resumed = replace(GOOD.resumed, steps=steps)

    def lost(address):
        flags = ({address: False}, {address: True})
        return replace(losing(resumed, TRAINABLE=flags), case=case)

    assert origins(lost("inner"), RESUME) == [None]
    assert origins(lost("inner/deep"), RESUME) == [(Facet.TRAINABLE, "inner/deep")]
