import ml_dtypes
import numpy as np
import pytest

from saveproof.reference_impl import constraints

W = np.array([[3.0, 0.0], [-4.0, 0.5]], np.float32)
WORKED = [
    (constraints.MaxNorm(2.5), [[1.5, 0.0], [-2.0, 0.5]]),
    (constraints.NonNeg(), [[3.0, 0.0], [0.0, 0.5]]),
    (constraints.UnitNorm(), [[0.6, 0.0], [-0.8, 1.0]]),
    (constraints.UnitNorm(axis=1), [[1.0, 0.0], [-4 / 16.25**0.5, 0.5 / 16.25**0.5]]),
    # norms 5 and 0.5 move half the way to 2 and 1
    (constraints.MinMaxNorm(1.0, 2.0, rate=0.5), [[2.1, 0.0], [-2.8, 0.75]]),
]


@pytest.mark.parametrize(("constraint", "expected"), WORKED)
def test_a_worked_projection_comes_out(constraint, expected):
    np.testing.assert_allclose(constraint(W), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", ml_dtypes.bfloat16])
@pytest.mark.parametrize("constraint", [case[0] for case in WORKED])
def test_shape_and_dtype_are_kept_and_nothing_is_written_into(constraint, dtype):
    given = W.astype(dtype)
    projected = constraint(given)

    assert (projected.shape, projected.dtype) == (given.shape, given.dtype)
    assert given.tobytes() == W.astype(dtype).tobytes()


@pytest.mark.parametrize("constraint", [case[0] for case in WORKED])
def test_a_constraint_comes_back_from_its_entry(constraint):
    entry = constraints.serialize(constraint)

    assert constraints.serialize(constraints.get(entry)) == entry


@pytest.mark.parametrize("name", ["max_norm", "MaxNorm", "non_neg", "unit_norm", "min_max_norm"])
def test_a_name_is_found_in_both_spellings(name):
    assert constraints.get(name) is not None
