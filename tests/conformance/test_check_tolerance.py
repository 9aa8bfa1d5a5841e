"""How near is near enough: to the last bit, unless the contract says otherwise."""

from dataclasses import replace

import pytest
from msgspec.structs import replace as replace_fields

from saveproof.conformance.model_state.contract import Exactness
from saveproof.reports.records import Verdict
from saveproof.strategies.case import Layer
from tests.conformance.test_checks import CASE, EVERYTHING, GOOD, trajectory, verdicts


def test_tolerance_is_the_contracts():
    near = replace(GOOD, resumed=trajectory(2 + 1e-8, 3))
    allowed = replace(EVERYTHING, exactness=Exactness(1e-6, 1e-6, "another program"))

    assert verdicts(near)["first_batch_loss_is_identical"] is Verdict.FAIL
    assert verdicts(replace(near, contract=allowed))["first_batch_loss_is_identical"] is (
        Verdict.PASS
    )


@pytest.mark.parametrize(
    ("dtype", "verdict"),
    [("float64", Verdict.FAIL), ("float16", Verdict.PASS), ("mixed_bfloat16", Verdict.PASS)],
)
def test_another_program_may_round_otherwise_in_half_precision(dtype, verdict):
    dense = Layer("Dense", {"name": "dense", "units": 3, "dtype": dtype})
    case = replace_fields(CASE, architecture=replace_fields(CASE.architecture, layers=(dense,)))
    allowed = replace(EVERYTHING, exactness=Exactness(1e-6, 1e-6, "another program", half=2e-2))
    trace = replace(GOOD, case=case, contract=allowed)

    near = verdicts(replace(trace, resumed=trajectory(2 + 1e-2, 3)))
    far = verdicts(replace(trace, resumed=trajectory(2 + 1e-1, 3)))

    assert near["first_batch_loss_is_identical"] is verdict
    assert far["first_batch_loss_is_identical"] is Verdict.FAIL
