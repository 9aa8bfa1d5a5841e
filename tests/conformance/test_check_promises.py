"""How firmly a check asks: what a contract should keep and does not is a gap."""

from dataclasses import replace

import msgspec

from saveproof.conformance.checks import judge
from saveproof.conformance.model_state.contract import Facet, Promise
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.conformance.model_state.trace import OtherProcess
from saveproof.reports.records import Verdict
from saveproof.strategies.case import Architecture
from tests.conformance.test_checks import CASE, EVERYTHING, GOOD, snapshot, trajectory, verdicts


def test_missed_should_is_a_gap():
    contract = replace(EVERYTHING, facets=dict(EVERYTHING.facets) | {Facet.RNG: Promise.SHOULD})
    facets = dict(GOOD.loaded.facets) | {Facet.RNG: {}}

    found = verdicts(replace(GOOD, contract=contract, loaded=Snapshot(facets)))

    assert found["rng_state_survives"] is Verdict.GAP


def test_other_process_may_draw_otherwise_where_no_document_has_generators_come_back():
    contract = replace(EVERYTHING, facets=dict(EVERYTHING.facets) | {Facet.RNG: Promise.SHOULD})
    drawing = msgspec.structs.replace(CASE, architecture=_with_dropout(CASE.architecture))
    trace = replace(
        GOOD, contract=contract, other_process=OtherProcess(snapshot(1), trajectory(2, 5))
    )

    check = "another_process_loads_the_same"
    assert verdicts(trace)[check] is Verdict.FAIL
    assert verdicts(replace(trace, case=drawing))[check] is Verdict.GAP


def _with_dropout(architecture: Architecture) -> Architecture:
    (layer,) = architecture.layers
    dropout = msgspec.structs.replace(layer, class_name="Dropout", config={"rate": 0.5})
    return msgspec.structs.replace(architecture, layers=(dropout,))


def test_a_probe_that_was_not_made_is_not_applicable_with_its_reason():
    found = {j.check: j for j in judge(replace(GOOD, probes=frozenset()))}

    elsewhere = found["another_process_loads_the_same"]
    assert elsewhere.verdict is Verdict.NOT_APPLICABLE
    assert elsewhere.reason == "a run makes this probe on some examples only"
    assert found["weights_survive"].verdict is Verdict.PASS
