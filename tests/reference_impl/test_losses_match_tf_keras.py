from types import ModuleType

import numpy as np
import pytest

from saveproof.reference_impl import activations, losses
from saveproof.reference_impl.numerics.autodiff import Tape, Tensor, Variable

pytestmark = pytest.mark.frameworks

RNG = np.random.default_rng(3)
SCORES = RNG.normal(size=(6, 4)).astype(np.float32)
PROBABILITIES = np.exp(SCORES) / np.exp(SCORES).sum(-1, keepdims=True)
PROBABILITIES[0] = [0, 1, 0, 0]
CLASSES = np.array([0, 3, 1, 2, 2, 0])
ONE_HOT = np.eye(4, dtype=np.float32)[CLASSES]
BINARY = RNG.integers(0, 2, (6, 4)).astype(np.float32)
TARGETS = RNG.normal(size=(6, 4)).astype(np.float32)
WEIGHTS = np.array([1, 0, 2, 0.5, 1, 3], np.float32)

REGRESSION = (
    "MeanSquaredError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredLogarithmicError",
    "LogCosh",
    "CosineSimilarity",
    "Huber",
)
CASES = [
    *[(name, {}, TARGETS, SCORES) for name in REGRESSION],
    ("Huber", {"delta": 0.3}, TARGETS, SCORES),
    *[(name, {}, BINARY, SCORES) for name in ("Hinge", "SquaredHinge")],
    *[(name, {}, 2 * BINARY - 1, SCORES) for name in ("Hinge", "SquaredHinge")],
    ("CategoricalHinge", {}, ONE_HOT, SCORES),
    ("KLDivergence", {}, PROBABILITIES[::-1].copy(), PROBABILITIES),
    ("Poisson", {}, np.abs(TARGETS), PROBABILITIES),
    ("BinaryCrossentropy", {}, BINARY, PROBABILITIES),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, BINARY, PROBABILITIES),
    ("BinaryCrossentropy", {"from_logits": True}, BINARY, SCORES * 30),
    ("CategoricalCrossentropy", {}, ONE_HOT, PROBABILITIES),
    ("CategoricalCrossentropy", {}, ONE_HOT, 3 * PROBABILITIES),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, ONE_HOT, PROBABILITIES),
    ("CategoricalCrossentropy", {"from_logits": True}, ONE_HOT, SCORES * 30),
    ("SparseCategoricalCrossentropy", {}, CLASSES, PROBABILITIES),
    ("SparseCategoricalCrossentropy", {}, CLASSES[:, None], PROBABILITIES),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, CLASSES, SCORES * 30),
    ("SparseCategoricalCrossentropy", {"ignore_class": 2}, CLASSES, PROBABILITIES),
]
REDUCTIONS = ("auto", "sum", "none")


@pytest.fixture(scope="module")
def tf_keras() -> ModuleType:
    return pytest.importorskip("tf_keras")


def case_id(case) -> str:
    name, arguments, target, _ = case
    return f"{name} {arguments} {target.shape}"


@pytest.mark.parametrize("weights", [None, WEIGHTS, WEIGHTS[:, None]], ids=["-", "w", "w1"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_values_and_gradients_are_those_of_tf_keras(case, reduction, weights, tf_keras):
    import tensorflow as tf

    name, arguments, target, prediction = case
    ours = getattr(losses, name)(**arguments, reduction=reduction)
    theirs = getattr(tf_keras.losses, name)(**arguments, reduction=reduction)
    if reduction == "none" and weights is not None and weights.ndim == 2:
        pytest.skip("weights with an axis more than the losses drop it; shown by the others")

    source = Variable(prediction, name="prediction")
    with Tape() as tape:
        value = ours(target, source, sample_weight=weights)
    (gradient,) = tape.gradients(value, [source])
    watched = tf.constant(prediction)
    with tf.GradientTape() as their_tape:
        their_tape.watch(watched)
        their_value = theirs(tf.constant(target), watched, sample_weight=weights)
    their_gradient = their_tape.gradient(their_value, watched)

    np.testing.assert_allclose(value.numpy(), their_value.numpy(), rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(gradient, their_gradient.numpy(), rtol=5e-5, atol=1e-6)
    assert value.dtype == their_value.numpy().dtype


@pytest.mark.parametrize("scale", [1, 100])
@pytest.mark.parametrize(
    ("name", "activation", "target"),
    [
        ("binary_crossentropy", "sigmoid", BINARY),
        ("categorical_crossentropy", "softmax", ONE_HOT),
        ("sparse_categorical_crossentropy", "softmax", CLASSES),
    ],
)
def test_the_output_of_an_activation_costs_what_it_does_in_tf_keras(
    name, activation, target, scale, tf_keras
):
    import tensorflow as tf

    source = Variable(SCORES * scale, name="logits")
    with Tape() as tape:
        value = losses.get(name)(target, activations.get(activation)(source))
    (gradient,) = tape.gradients(value, [source])
    watched = tf.constant(SCORES * scale)
    with tf.GradientTape() as their_tape:
        their_tape.watch(watched)
        output = tf_keras.activations.get(activation)(watched)
        their_value = tf_keras.losses.get(name)(target, output)
    their_gradient = their_tape.gradient(their_value, watched)

    np.testing.assert_allclose(value.numpy(), their_value.numpy(), rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(gradient, their_gradient.numpy(), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", [n for n, e in losses.LOSSES.entries.items() if type(e) is type])
def test_entries_are_those_of_tf_keras(name, tf_keras):
    if name == "LossFunctionWrapper":
        pytest.skip("not public in tf_keras")
    ours, theirs = getattr(losses, name)(), getattr(tf_keras.losses, name)()

    assert losses.serialize(ours) == tf_keras.losses.serialize(theirs)
    assert losses.serialize(ours, use_legacy_format=True) == tf_keras.losses.serialize(
        theirs, use_legacy_format=True
    )
    assert losses.get(tf_keras.losses.serialize(theirs)).get_config() == theirs.get_config()


@pytest.mark.parametrize("name", ["mse", "MSE", "mae", "mape", "msle", "bce", "kld", "logcosh"])
def test_short_names_are_those_of_tf_keras(name, tf_keras):
    assert losses.get(name).__name__ == tf_keras.losses.get(name).__name__


@pytest.mark.parametrize(
    "name", [n for n, e in losses.LOSSES.entries.items() if type(e) is not type]
)
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_dtypes_give_the_dtype_and_value_of_tf_keras(name, dtype, tf_keras):
    target = CLASSES if name.startswith("sparse") else ONE_HOT
    target = target + 1 if "percentage" in name else target
    prediction = (PROBABILITIES * 0.8 + 0.05).astype(dtype)
    ours = losses.get(name)(target, Tensor(prediction))
    theirs = tf_keras.losses.get(name)(target.astype(dtype), prediction).numpy()

    tolerance = {"float16": 5e-3, "float64": 1e-6}[dtype]
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=tolerance, atol=tolerance)
