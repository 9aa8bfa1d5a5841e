"""The optimizers before TensorFlow 2.11, step by step with tf_keras's."""

import numpy as np
import pytest

from saveproof.reference_impl import optimizers
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.numerics.indexed_slices import Gathered
from saveproof.reference_impl.optimizers import legacy, schedules
from tests.reference_impl.test_optimizers_match_tf_keras import (
    SHARED,
    assert_same,
    case_id,
    run_reference,
    run_tf_keras,
    tf_keras,  # noqa: F401 (a fixture)
)

pytestmark = pytest.mark.frameworks

VARIANTS: dict[str, tuple[dict[str, object], ...]] = {
    "SGD": ({}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}),
    "RMSprop": (
        {"epsilon": 1e-2},
        {"momentum": 0.9, "rho": 0.8, "epsilon": 1e-2},
        {"centered": True},
        {"centered": True, "momentum": 0.5},
    ),
    "Adam": ({}, {"amsgrad": True}, {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-2}),
    "Adamax": ({}, {"beta_1": 0.5, "beta_2": 0.9}),
    "Nadam": ({}, {"beta_1": 0.5, "beta_2": 0.9}),
    "Adagrad": ({}, {"initial_accumulator_value": 0.5, "epsilon": 1e-2}),
    "Adadelta": ({}, {"rho": 0.5, "epsilon": 1e-2}),
}
OPTIONS: tuple[dict[str, object], ...] = (
    {"decay": 0.1},
    {"clipnorm": 0.5, "clipvalue": 0.3},
    {"global_clipnorm": 0.5},
)
CASES = [(name, arguments) for name, variants in VARIANTS.items() for arguments in variants]
CASES += [("Adam", options) for options in OPTIONS] + [("SGD", options) for options in OPTIONS]


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_twelve_steps_give_the_weights_and_slots_of_tf_keras(case, tf_keras):  # noqa: F811
    name, arguments = case
    ours = getattr(legacy, name)(**{**SHARED, **arguments})
    theirs = getattr(tf_keras.optimizers.legacy, name)(**{**SHARED, **arguments})

    assert_same(run_reference(ours), run_tf_keras(theirs))
    assert_same(ours.variables, theirs.weights)
    assert list(ours.get_config().items()) == list(theirs.get_config().items())
    assert optimizers.serialize(ours) == tf_keras.optimizers.serialize(theirs)
    written = optimizers.serialize(ours, use_legacy_format=True)
    assert written == tf_keras.optimizers.serialize(theirs, use_legacy_format=True)
    assert type(optimizers.deserialize(written)) is type(ours)


@pytest.mark.parametrize("name", VARIANTS)
def test_variables_of_double_precision_move_as_in_tf_keras(name, tf_keras):  # noqa: F811
    ours = getattr(legacy, name)(0.01, **({"momentum": 0.9} if name == "SGD" else {}))
    theirs = getattr(tf_keras.optimizers.legacy, name).from_config(ours.get_config())

    # a nearly vanishing gradient, divided by its root mean square, enlarges rounding errors
    mine, other = run_reference(ours, dtype="float64"), run_tf_keras(theirs, dtype="float64")
    assert_same(mine, other, tolerance=2e-11)
    assert_same(ours.variables, theirs.weights, tolerance=2e-11)


@pytest.mark.parametrize("case", CASES[: -2 * len(OPTIONS)], ids=case_id)
def test_rows_that_were_not_gathered_move_as_in_tf_keras(case, tf_keras):  # noqa: F811
    """Some optimizers leave them and their slots alone, others move them on."""
    import tensorflow as tf

    name, arguments = case
    ours = getattr(legacy, name)(**{**SHARED, **arguments})
    theirs = getattr(tf_keras.optimizers.legacy, name)(**{**SHARED, **arguments})
    table = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
    mine, other = Variable(table, name="table:0"), tf.Variable(table, name="table")
    for step, indices in enumerate([[0, 1, 2, 3], [2, 0, 2], [1, 1, 0], [3]]):
        rows = np.full((len(indices), 3), 0.5 - 0.3 * step, np.float32)
        gathered = Gathered.of(rows, np.array(indices), table)
        ours.apply_gradients([(gathered, mine)])
        slices = tf.IndexedSlices(tf.constant(rows), tf.constant(indices), tf.constant([4, 3]))
        theirs.apply_gradients([(slices, other)])

    assert_same([mine], [other])
    assert_same(ours.variables, theirs.weights)


def test_a_schedule_decays_as_in_tf_keras(tf_keras):  # noqa: F811
    ours = legacy.Adam(schedules.ExponentialDecay(0.1, 3, 0.5), decay=0.1)
    theirs = tf_keras.optimizers.legacy.Adam(
        tf_keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5), decay=0.1
    )

    assert_same(run_reference(ours), run_tf_keras(theirs), tolerance=1e-5)
