"""Hops: through which save path a model goes on its way, and where that is left open."""

from pathlib import Path

from msgspec.structs import replace

from saveproof.strategies.case import Hop, TrainingHistory, TrainOnBatch, from_json

MINIMAL = from_json((Path(__file__).parent / "minimal_case.json").read_bytes())
STEP = TrainOnBatch(steps=1, batch_size=2)


def case_of(*before):
    return replace(MINIMAL, history=TrainingHistory(before=before, after=(STEP,)))


def test_a_hop_without_a_name_goes_through_the_path_that_is_examined():
    case = case_of(STEP, Hop(), STEP).through("h5", hops=True)

    assert case.history.before == (STEP, Hop(path="h5"), STEP)


def test_a_hop_is_left_out_where_a_model_cannot_go_on_with_what_comes_back():
    case = case_of(STEP, Hop(), STEP).through("config", hops=False)

    assert case.history.before == (STEP, STEP)


def test_a_hop_with_a_name_stays():
    case = case_of(Hop(path="keras"), STEP)

    assert case.through("h5", hops=False) == case.through("h5", hops=True) == case
