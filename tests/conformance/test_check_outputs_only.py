"""Checks of what only computes outputs, such as a model that was exported."""

from dataclasses import replace

import numpy as np

from saveproof.conformance.checks.facets import FACET_CHECKS
from saveproof.conformance.model_state.contract import STATE, Contract, Facet, Promise, promises
from saveproof.reports.records import Verdict
from tests.conformance.test_checks import GOOD, keys, snapshot, verdicts

OUTPUTS_ONLY = Contract(
    "https://example.org/contract",
    promises(Promise.OUTPUTS, STATE, Facet.ARCHITECTURE, Facet.DTYPE_POLICY, Facet.RECURRENT),
)


def test_of_what_only_computes_outputs_nothing_of_its_state_or_its_training_is_asked():
    lost = replace(GOOD, contract=OUTPUTS_ONLY, loaded=snapshot(7), second=None)
    other = replace(lost, resumed=replace(GOOD.resumed, outputs=(np.array([7.0]),), steps=()))
    never_asked = {
        *(check.name for check in FACET_CHECKS),
        *("first_batch_loss_is_identical", "resume_trajectory_is_identical"),
        *("second_generation_equals_first", "save_over_another_replaces_it"),
    }

    assert not never_asked & set(verdicts(lost))
    assert verdicts(lost)["outputs_survive"] is Verdict.PASS
    assert verdicts(other)["outputs_survive"] is Verdict.FAIL
    assert keys(other, "outputs_survive") == {"outputs: value"}
