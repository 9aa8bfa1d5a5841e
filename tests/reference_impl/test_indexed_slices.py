import numpy as np
import pytest

from saveproof.reference_impl.numerics import autodiff
from saveproof.reference_impl.numerics.autodiff import Tape, Variable
from saveproof.reference_impl.numerics.indexed_slices import Gathered, parts
from saveproof.reference_impl.optimizers.clipping import (
    clipped_by_global_norm,
    clipped_by_norm,
    clipped_by_value,
)

TABLE = np.arange(6, dtype=np.float32).reshape(3, 2)
ROWS = np.array([[3.0, 0.0], [4.0, 0.0], [0.0, 1.0]], np.float32)
GATHERED = Gathered.of(ROWS, np.array([1, 1, 2]), TABLE)
SUM = np.array([[0, 0], [7, 0], [0, 1]], np.float32)


def test_rows_of_one_index_are_added_up():
    np.testing.assert_array_equal(GATHERED, SUM)


def test_what_is_computed_from_a_gathered_gradient_knows_no_rows():
    np.testing.assert_array_equal(parts(GATHERED * 2), SUM * 2)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_tape_tells_the_rows_of_two_look_ups(dtype):
    table = Variable(TABLE.astype(dtype), name="table")
    with Tape() as tape:
        first, second = (autodiff.take(table, np.array(index)) for index in ([0, 0], [[2]]))
        total = autodiff.add(autodiff.sum(first), autodiff.sum(second))

    (gradient,) = tape.gradients(total, [table])

    assert parts(gradient).shape == (3, 2)
    np.testing.assert_array_equal(gradient, [[2, 2], [0, 0], [1, 1]])


def test_a_dense_gradient_beside_it_makes_the_sum_dense():
    table = Variable(TABLE, name="table")
    with Tape() as tape:
        rows = autodiff.take(table, np.array([0, 0]))
        total = autodiff.add(autodiff.sum(rows), autodiff.sum(autodiff.square(table)))

    (gradient,) = tape.gradients(total, [table])

    np.testing.assert_array_equal(parts(gradient), 2 * TABLE + [[2, 2], [0, 0], [0, 0]])


def test_the_norm_is_that_of_the_rows():
    norm = np.sqrt(9 + 16 + 1)

    np.testing.assert_allclose(clipped_by_norm(GATHERED, 1.0), SUM / norm, rtol=1e-6)
    np.testing.assert_allclose(clipped_by_global_norm([GATHERED], 1.0)[0], SUM / norm, rtol=1e-6)


def test_each_row_is_clipped_by_value():
    np.testing.assert_array_equal(clipped_by_value(GATHERED, 2.0), [[0, 0], [4, 0], [0, 1]])
