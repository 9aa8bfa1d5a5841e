"""The check that fresh weights which come back are those of a new model."""

from dataclasses import replace

import numpy as np
import pytest

from saveproof.conformance.checks import judge
from saveproof.conformance.model_state.contract import Contract, Facet, Promise, promises
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.reports.records import Verdict
from tests.conformance.test_checks import GOOD

CONFIG = Contract(
    "https://example.org/config",
    promises(Promise.MUST, Facet.ARGUMENTS) | promises(Promise.FRESH, Facet.WEIGHTS),
)
CHECK = "fresh_weights_match_a_new_model"


def weights(kernel, bias=0.0, gain=1.4):
    return Snapshot(
        {
            Facet.WEIGHTS: {"d/0 kernel": np.array([kernel]), "d/1 bias": np.array([bias])},
            Facet.ARGUMENTS: {"d/kernel_initializer/Identity/gain": gain},
        }
    )


def judged(fresh, loaded, anew=None, contract=CONFIG):
    trace = replace(
        GOOD, contract=contract, fresh=fresh, before=fresh, loaded=loaded, second=None, anew=anew
    )
    return next((j for j in judge(trace) if j.check == CHECK), None)


def test_equal_initial_weights_pass():
    assert judged(weights(1.4), weights(1.4)).verdict is Verdict.PASS


def test_a_weight_that_arguments_determine_must_come_back():
    found = judged(weights(1.4), weights(1.0), weights(1.4))

    assert found.verdict is Verdict.FAIL
    assert [d.key for d in found.defects] == ["initial weights: kernel"]


def test_the_lost_argument_of_its_initializer_is_the_origin():
    found = judged(weights(1.4), weights(1.0, gain=1.0), weights(1.4))

    assert [d.origin.difference.where for d in found.defects] == [
        "d/kernel_initializer/Identity/gain"
    ]


def test_a_weight_that_each_build_draws_anew_may_differ():
    assert judged(weights(1.0), weights(2.0), weights(3.0)).verdict is Verdict.PASS


def test_weights_that_are_all_drawn_anew_show_nothing():
    found = judged(weights(1.0, 1.0), weights(2.0, 2.0), weights(3.0, 3.0))

    assert found.verdict is Verdict.VACUOUS


def test_a_model_without_weights_shows_nothing():
    assert judged(Snapshot({}), Snapshot({})).verdict is Verdict.VACUOUS


@pytest.mark.parametrize("promise", [Promise.MUST, Promise.CODE])
def test_a_path_whose_weights_are_not_fresh_is_not_judged(promise):
    facets = promises(Promise.MUST, Facet.ARGUMENTS) | promises(promise, Facet.WEIGHTS)

    assert judged(weights(1.4), weights(1.0), contract=Contract("", facets)) is None
