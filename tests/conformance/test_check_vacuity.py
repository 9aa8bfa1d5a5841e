"""Checks on traces that show nothing, or of which something can't be read: no pass."""

from dataclasses import replace

import numpy as np

from saveproof.conformance.checks import ALL_CHECKS, unjudged
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import UNREADABLE, Snapshot
from saveproof.conformance.model_state.trace import Probe, Step, Trace, Trajectory
from saveproof.reports.records import Verdict
from tests.conformance.test_checks import (
    CASE,
    EVERYTHING,
    GOOD,
    NOTHING,
    snapshot,
    trajectory,
    verdicts,
)


def with_inventory(facet: Facet, inventory, *, of: tuple[str, ...]) -> Trace:
    """Return the faultless trace with that inventory of the facet in some of its snapshots."""
    odd = {name: Snapshot({**getattr(GOOD, name).facets, facet: inventory}) for name in of}
    return replace(GOOD, **odd)


def test_a_facet_that_cannot_be_told_is_no_pass_of_its_check():
    untold = {UNREADABLE: "KeyError: 'name'"}
    trace = with_inventory(Facet.ARCHITECTURE, untold, of=("before", "saved", "loaded"))

    assert verdicts(trace)["architecture_survives"] is Verdict.NOT_APPLICABLE


def test_a_facet_that_cannot_be_told_of_the_loaded_model_alone_is_lost():
    trace = with_inventory(Facet.ARCHITECTURE, {UNREADABLE: "KeyError: 'name'"}, of=("loaded",))

    assert verdicts(trace)["architecture_survives"] is Verdict.FAIL


def test_snapshots_without_an_entry_are_no_pass_of_any_check():
    empty = Snapshot({})
    trace = replace(GOOD, fresh=empty, before=empty, saved=empty, loaded=empty, second=empty)
    found = verdicts(trace)

    assert found["saving_changes_nothing"] is Verdict.VACUOUS
    assert found["second_generation_equals_first"] is Verdict.VACUOUS


def test_outputs_that_hang_on_no_input_are_vacuous():
    constant = replace(GOOD.original, outputs=(np.full((4, 2), 0.5),))

    found = verdicts(replace(GOOD, original=constant, resumed=constant))

    assert found["outputs_survive"] is Verdict.VACUOUS


def diverged(*steps: float) -> Trajectory:
    """Return a trajectory whose losses are no numbers, and whose weights are these."""
    return replace(
        trajectory(*steps),
        steps=tuple(Step("TrainOnBatch", ({"loss": np.nan},), snapshot(one)) for one in steps),
    )


def test_training_that_makes_every_weight_a_nan_shows_nothing_of_the_optimizer():
    nothing = diverged(np.nan, np.nan)

    found = verdicts(replace(GOOD, original=nothing, resumed=nothing))

    assert found["resume_trajectory_is_identical"] is Verdict.VACUOUS


def test_a_first_loss_that_is_a_nan_shows_little():
    nothing = diverged(2.0, 3.0)

    found = verdicts(replace(GOOD, original=nothing, resumed=nothing))

    assert found["first_batch_loss_is_identical"] is Verdict.VACUOUS
    assert found["resume_trajectory_is_identical"] is Verdict.PASS


def test_a_number_in_place_of_a_nan_is_a_difference():
    found = verdicts(replace(GOOD, original=diverged(2.0, np.nan), resumed=diverged(2.0, 3.0)))

    assert found["resume_trajectory_is_identical"] is Verdict.FAIL


def test_another_nan_in_training_is_no_difference():
    one, other = diverged(np.nan, 2.0), diverged(np.copysign(np.nan, -1.0), 2.0)

    found = verdicts(replace(GOOD, original=one, resumed=other))

    assert found["resume_trajectory_is_identical"] is Verdict.PASS


def test_logs_that_are_always_the_same_are_vacuous():
    found = verdicts(replace(GOOD, original=trajectory(2, 2), resumed=trajectory(2, 2)))

    assert found["first_batch_loss_is_identical"] is Verdict.VACUOUS


def test_a_case_that_could_not_run_counts_for_each_check_that_the_contract_asks_for():
    untried = Trace(CASE, "h5", EVERYTHING, frozenset(Probe))

    found = list(unjudged(untried, "Dense layers only", ALL_CHECKS))

    assert {judgement.check for judgement in found} == set(verdicts(GOOD))
    assert {(j.verdict, j.reason) for j in found} == {(Verdict.NOT_APPLICABLE, "Dense layers only")}
    assert not list(unjudged(replace(untried, contract=NOTHING), "x", ALL_CHECKS[:3]))
