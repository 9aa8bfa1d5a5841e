import numpy as np
import pytest

from saveproof.reference_impl import regularizers
from saveproof.reference_impl.numerics.autodiff import Tape, Variable

W = np.array([[3.0, -4.0], [0.0, 1.0]], np.float32)
WORKED = [
    (regularizers.L1(0.5), 4.0, 0.5 * np.sign(W)),
    (regularizers.L2(0.5), 13.0, W),
    (regularizers.L1L2(0.5, 0.25), 4.0 + 6.5, 0.5 * np.sign(W) + 0.5 * W),
    (regularizers.L1L2(), 0.0, None),
    # one pair of rows, whose cosine is -4 / 5
    (regularizers.OrthogonalRegularizer(0.5), 0.4, None),
]


@pytest.mark.parametrize(("regularizer", "penalty", "slope"), WORKED)
def test_a_worked_penalty_and_its_gradient_come_out(regularizer, penalty, slope):
    w = Variable(W, name="w:0")
    with Tape() as tape:
        value = regularizer(w)
    (gradient,) = tape.gradients(value, [w])

    assert float(value) == pytest.approx(penalty)
    assert value.dtype == np.float32
    if slope is not None:
        np.testing.assert_allclose(gradient, slope, rtol=1e-6)


@pytest.mark.parametrize("regularizer", [case[0] for case in WORKED])
def test_a_regularizer_comes_back_from_its_entry(regularizer):
    entry = regularizers.serialize(regularizer)

    assert regularizers.serialize(regularizers.get(entry)) == entry


def test_penalties_are_saved_as_float32_widened():
    assert regularizers.L2(0.1).get_config() == {"l2": 0.10000000149011612}


def test_the_name_l1_l2_has_defaults_of_its_own():
    assert regularizers.get("l1_l2").get_config()["l1"] == pytest.approx(0.01)
    assert regularizers.get("L1L2").get_config()["l1"] == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True])
def test_a_penalty_that_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="finite"):
        regularizers.L1(value)
