import math

import ml_dtypes
import numpy as np
import pytest

from saveproof.reference_impl import initializers
from saveproof.reference_impl.catalogue import UnknownNameError
from saveproof.reference_impl.custom_objects import custom_object_scope
from saveproof.reference_impl.random import set_random_seed

RANDOM = [
    name
    for name, entry in initializers.INITIALIZERS.entries.items()
    if "seed" in entry().get_config()
]
KERNEL = (3, 3, 32, 64)


@pytest.mark.parametrize("name", RANDOM)
def test_a_seed_fixes_the_values_for_a_shape(name):
    make = initializers.INITIALIZERS.entries[name]
    first, again, other = make(seed=1)((8, 6)), make(seed=1)((8, 6)), make(seed=2)((8, 6))
    twice = make(seed=1)
    twice((3, 3))

    assert first.tobytes() == again.tobytes() == twice((8, 6)).tobytes()
    assert first.tobytes() != other.tobytes()


@pytest.mark.parametrize("name", RANDOM)
def test_without_a_seed_the_generator_of_the_process_decides(name):
    make = initializers.INITIALIZERS.entries[name]
    set_random_seed(5)
    first, second = make()((8, 6)), make()((8, 6))
    set_random_seed(5)

    assert make()((8, 6)).tobytes() == first.tobytes()
    assert first.tobytes() != second.tobytes()


FANS = {"fan_in": 9 * 32, "fan_out": 9 * 64, "fan_avg": 9 * 48}


@pytest.mark.parametrize("distribution", ["uniform", "truncated_normal", "untruncated_normal"])
@pytest.mark.parametrize("mode", FANS)
def test_the_variance_is_the_scale_over_the_fan(mode, distribution):
    values = initializers.VarianceScaling(2.0, mode, distribution, seed=0)(KERNEL)

    assert values.var() == pytest.approx(2.0 / FANS[mode], rel=0.03)
    assert values.mean() == pytest.approx(0, abs=2e-3)


def test_glorot_uniform_keeps_within_the_limit_of_its_equation_16():
    values = initializers.GlorotUniform(seed=0)((40, 60))

    assert np.abs(values).max() <= math.sqrt(6 / 100)
    assert np.abs(values).max() == pytest.approx(math.sqrt(6 / 100), rel=0.01)


def test_truncated_values_are_within_two_standard_deviations():
    values = initializers.TruncatedNormal(1.0, 0.5, seed=0)((100, 100))

    assert np.abs(values - 1).max() <= 1
    assert values.std() == pytest.approx(0.5 * 0.8796, rel=0.02)


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (2, 3, 4)])
def test_an_orthogonal_matrix_has_orthonormal_rows_or_columns(shape):
    matrix = initializers.Orthogonal(gain=2.0, seed=0)(shape, "float64").reshape(-1, shape[-1])
    short = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T

    np.testing.assert_allclose(short @ short.T, 4 * np.eye(len(short)), atol=1e-12)


@pytest.mark.parametrize("shape", [(), (3,)])
def test_a_constant_fills_every_shape(shape):
    assert np.all(initializers.Constant(2.5)(shape) == np.full(shape, 2.5))
    assert initializers.Constant(2.5)(shape).shape == shape


def test_the_identity_may_be_oblong():
    assert initializers.Identity(2.0)((2, 3)).tolist() == [[2, 0, 0], [0, 2, 0]]


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", initializers.INITIALIZERS.entries)
def test_values_have_the_dtype_asked_for(name, dtype):
    wanted = np.dtype(ml_dtypes.bfloat16) if dtype == "bfloat16" else np.dtype(dtype)
    values = initializers.INITIALIZERS.entries[name]()((3, 2), dtype)

    assert (values.dtype, values.shape) == (wanted, (3, 2))


@pytest.mark.parametrize("name", initializers.INITIALIZERS.entries)
def test_an_initializer_comes_back_from_its_entry(name):
    entry = initializers.serialize(initializers.INITIALIZERS.entries[name]())
    bare = {"class_name": entry["class_name"], "config": entry["config"]}

    assert initializers.serialize(initializers.get(entry)) == entry
    assert initializers.serialize(initializers.get(bare)) == entry


@pytest.mark.parametrize("name", ["glorot_uniform", "GlorotUniform"])
def test_a_name_is_found_in_both_spellings(name):
    assert type(initializers.get(name)) is initializers.GlorotUniform


def test_a_custom_initializer_is_found_where_it_is_named():
    class Halves(initializers.Constant):
        """Halves."""

    entry = {"class_name": "Halves", "config": {"value": 0.5}}

    assert type(initializers.get(entry, custom_objects={"Halves": Halves})) is Halves
    with custom_object_scope({"Halves": Halves}):
        assert type(initializers.get(entry)) is Halves
    with pytest.raises(UnknownNameError, match="Halves"):
        initializers.get(entry)


def test_none_stays_none_and_an_object_stays_itself():
    zeros = initializers.Zeros()

    assert initializers.get(None) is None
    assert initializers.get(zeros) is zeros


@pytest.mark.parametrize(
    ("make", "shape"), [(initializers.Identity, (2,)), (initializers.Orthogonal, (2,))]
)
def test_a_shape_that_an_initializer_is_not_for_is_refused(make, shape):
    with pytest.raises(initializers.InitializerShapeError, match=r"\(2,\)"):
        make()(shape)


@pytest.mark.parametrize("arguments", [{"scale": 0}, {"mode": "x"}, {"distribution": "x"}])
def test_arguments_that_mean_nothing_are_refused(arguments):
    with pytest.raises(ValueError, match="VarianceScaling: expected"):
        initializers.VarianceScaling(**arguments)
