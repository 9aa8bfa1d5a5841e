"""Snapshots: inventories are told apart by names and count first, then to the byte."""

import numpy as np
import pytest
from ml_dtypes import bfloat16

from saveproof.conformance.model_state.snapshot import (
    differences,
    distance,
    equal_arrays,
    is_constant,
    one_nan,
    same,
    value_difference,
)
from saveproof.reports.findings import Element

ONE = {"kernel": np.ones((2, 3), np.float32), "bias": np.zeros(3, np.float32)}


def test_equal_inventories_have_no_difference():
    assert same(ONE, {name: value.copy() for name, value in ONE.items()})


@pytest.mark.parametrize(
    ("found", "where", "change"),
    [
        ({"kernel": ONE["kernel"]}, "bias", "missing"),
        (ONE | {"gamma": np.ones(1)}, "gamma", "unexpected"),
        ({"bias": ONE["bias"], "kernel": ONE["kernel"]}, "kernel", "order"),
        (ONE | {"bias": np.zeros(3)}, "bias", "dtype"),
        (ONE | {"bias": np.zeros((3, 1), np.float32)}, "bias", "shape"),
        (ONE | {"bias": np.array([0, 0, -0.0], np.float32)}, "bias", "value"),
        (ONE | {"bias": [0, 0, 0]}, "bias", "value"),
    ],
)
def test_difference_says_where_and_how(found, where, change):
    (difference,) = differences(ONE, found)

    assert (difference.where, difference.change) == (where, change)


def test_nan_of_equal_bytes_is_equal():
    assert same({"x": np.array([np.nan])}, {"x": np.array([np.nan])})


def test_a_nan_that_arithmetic_gave_is_like_any_other():
    """Its sign and its payload hang on the machine, and on where the array begins."""
    other = np.array([1.0, np.copysign(np.nan, -1.0), -0.0])
    one = np.array([1.0, np.nan, -0.0])

    assert one.tobytes() != other.tobytes()
    assert one_nan(one).tobytes() == one_nan(other).tobytes()
    assert one_nan(other)[2:].tobytes() == other[2:].tobytes()


@pytest.mark.parametrize("dtype", [bfloat16, np.float16, np.int32, bool])
def test_an_array_without_a_nan_is_left_as_it_is(dtype):
    array = np.ones(3, dtype)

    assert one_nan(array) is array
    assert one_nan(np.array([np.nan], bfloat16)).dtype == bfloat16


def test_rows_of_nothing_but_nan_are_constant():
    rows = np.array([[np.nan], [np.copysign(np.nan, -1.0)]])

    assert is_constant(rows)
    assert not is_constant(np.array([[np.nan], [1.0]]))


def test_bool_is_not_the_number_that_it_equals():
    assert not same({"trainable": True}, {"trainable": 1})


def test_inventories_of_different_length_are_never_paired_off():
    found = [difference.change for difference in differences(ONE, {})]

    assert found == ["missing", "missing"]


def test_arrays_are_equal_only_as_many_and_to_the_byte():
    assert equal_arrays((np.zeros(2),), (np.zeros(2),))
    assert not equal_arrays((np.zeros(2),), ())
    assert not equal_arrays((np.zeros(2),), (np.zeros(2, np.float32),))


def test_distance_is_the_greatest_absolute_difference():
    assert distance([np.array([1.0, 2.0])], [np.array([1.5, 1.0])]) == 1.0


@pytest.mark.parametrize(
    ("expected", "found", "measure"),
    [
        (1.131413698, 1.123636364, (0.007777334, 1.131413698)),
        (np.array([[1, -8], [0, 2]]), np.array([[1, -8.5], [0, 2]]), (0.5, 8.0)),
        (np.arange(99.0), np.where(np.arange(99) == 50, 1e3, np.arange(99)), (950.0, 98.0)),
        (np.ones(2, bfloat16), np.array([1, 2], bfloat16), (1.0, 1.0)),
        (0.5, float("nan"), (None, None)),
        (np.ones(1), np.ones(2), (None, None)),
        (np.array([True]), np.array([False]), (None, None)),
        (True, False, (None, None)),
        ("0.5", "0.25", (None, None)),
        (None, 0.5, (None, None)),
    ],
)
def test_a_difference_of_finite_numbers_says_how_great_it_is(expected, found, measure):
    difference = value_difference("x", expected, found)

    assert (difference.distance, difference.magnitude) == pytest.approx(measure)


@pytest.mark.parametrize(
    ("expected", "found", "element"),
    [
        (1.1, 1.0922, Element("1.1", "1.0922")),
        (1.00000001, 1.00000002, Element("1.00000001", "1.00000002")),
        (1, 2, Element("1", "2")),
        (np.array(7), np.array(4), Element("7", "4")),
        (np.array([[1.0, 8.0], [0.0, 2.0]]), np.array([[1.5, 8.0], [0.0, 4.0]]),
         Element("2", "4", "[1, 1]", 2, 4)),
        (np.array([True, True]), np.array([True, False]), Element("True", "False", "[1]", 1, 2)),
        (np.array([1.0, 2.0]), np.array([np.nan, 2.0]), Element("1", "nan", "[0]", 1, 2)),
        (np.array([0.0]), np.array([-0.0]), None),
        (np.ones(1), np.ones(2), None),
        ({"a": [1, {"b": "x"}]}, {"a": [1, {"b": "y"}]}, Element("'x'", "'y'", "['a'][1]['b']")),
        ({"a": 1}, {"b": 1}, Element("{'a': 1}", "{'b': 1}")),
        (None, 0.5, Element("None", "0.5")),
    ],
)  # fmt: skip
def test_a_difference_shows_the_element_that_differs_most(expected, found, element):
    assert value_difference("x", expected, found).element == element
