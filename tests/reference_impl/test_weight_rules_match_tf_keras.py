from types import ModuleType

import numpy as np
import pytest

from saveproof.reference_impl import constraints, initializers, regularizers
from saveproof.reference_impl.numerics.autodiff import Tape, Variable
from saveproof.reference_impl.random import set_random_seed

pytestmark = pytest.mark.frameworks

MATRIX = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
REGULARIZERS = [
    ("L1", {"l1": 0.1}),
    ("L2", {"l2": 0.3}),
    ("L1L2", {"l1": 0.1, "l2": 0.2}),
    ("L1L2", {}),
    ("OrthogonalRegularizer", {"factor": 0.1}),
    ("OrthogonalRegularizer", {"factor": 0.1, "mode": "columns"}),
]
CONSTRAINTS = [
    ("MaxNorm", {"max_value": 0.5}),
    ("MaxNorm", {"max_value": 0.5, "axis": [0, 1]}),
    ("NonNeg", {}),
    ("UnitNorm", {"axis": 1}),
    ("MinMaxNorm", {"min_value": 0.9, "max_value": 1.1, "rate": 0.5}),
]
KERNEL = (3, 3, 64, 48)


@pytest.fixture(scope="module")
def tf_keras() -> ModuleType:
    return pytest.importorskip("tf_keras")


@pytest.mark.parametrize(("name", "arguments"), REGULARIZERS)
def test_penalties_and_their_gradients_are_those_of_tf_keras(name, arguments, tf_keras):
    import tensorflow as tf

    ours = getattr(regularizers, name)(**arguments)
    theirs = getattr(tf_keras.regularizers, name)(**arguments)
    source = Variable(MATRIX, name="w")
    with Tape() as tape:
        value = ours(source)
    (gradient,) = tape.gradients(value, [source])
    watched = tf.Variable(MATRIX)
    with tf.GradientTape() as their_tape:
        their_value = theirs(watched)
    their_gradient = their_tape.gradient(their_value, watched)

    np.testing.assert_allclose(value.numpy(), their_value.numpy(), rtol=1e-6)
    if their_gradient is not None:
        np.testing.assert_allclose(gradient, their_gradient.numpy(), rtol=1e-5, atol=1e-7)
    assert ours.get_config() == theirs.get_config()
    assert regularizers.serialize(ours) == tf_keras.regularizers.serialize(theirs)


@pytest.mark.parametrize(("name", "arguments"), CONSTRAINTS)
def test_projections_are_those_of_tf_keras(name, arguments, tf_keras):
    import tensorflow as tf

    ours = getattr(constraints, name)(**arguments)
    theirs = getattr(tf_keras.constraints, name)(**arguments)

    np.testing.assert_allclose(ours(MATRIX), theirs(tf.constant(MATRIX)).numpy(), rtol=1e-6)
    assert ours(MATRIX).dtype == np.float32
    assert constraints.serialize(ours) == tf_keras.constraints.serialize(theirs)


@pytest.mark.parametrize("name", initializers.INITIALIZERS.entries)
def test_initializers_have_the_entry_and_the_spread_of_tf_keras(name, tf_keras):
    ours, theirs = getattr(initializers, name)(), getattr(tf_keras.initializers, name)()
    shape = (5, 5) if name == "Identity" else KERNEL
    tf_keras.utils.set_random_seed(1)
    set_random_seed(1)
    mine, other = ours(shape), theirs(shape).numpy()

    assert initializers.serialize(ours) == tf_keras.initializers.serialize(theirs)
    assert mine.shape == other.shape
    assert mine.dtype == other.dtype
    assert mine.mean() == pytest.approx(other.mean(), abs=2e-3)
    assert mine.std() == pytest.approx(other.std(), rel=0.02)
    assert np.quantile(mine, 0.99) == pytest.approx(np.quantile(other, 0.99), rel=0.03)


@pytest.mark.parametrize(
    "name", ["glorot_uniform", "zeros", "ones", "he_normal", "uniform", "normal", "HeNormal"]
)
def test_initializer_names_are_those_of_tf_keras(name, tf_keras):
    assert type(initializers.get(name)).__name__ == type(tf_keras.initializers.get(name)).__name__


@pytest.mark.parametrize("name", ["l1", "l2", "l1_l2", "L2"])
def test_regularizer_names_are_those_of_tf_keras(name, tf_keras):
    assert regularizers.get(name).get_config() == tf_keras.regularizers.get(name).get_config()
