from types import ModuleType

import numpy as np
import pytest

from saveproof.reference_impl import metrics
from saveproof.reference_impl.metrics import functions

pytestmark = pytest.mark.frameworks

RNG = np.random.default_rng(5)
BATCHES = 3


def scores(*shape):
    return RNG.random(shape).astype(np.float32)


def one_hot(*shape):
    return np.eye(shape[-1], dtype=np.float32)[RNG.integers(0, shape[-1], shape[:-1])]


def classes(*shape):
    return RNG.integers(0, 4, shape)


def bits(*shape):
    return RNG.integers(0, 2, shape).astype(np.float32)


REAL = (
    "MeanSquaredError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredLogarithmicError",
    "RootMeanSquaredError",
    "LogCoshError",
    "CosineSimilarity",
)
CASES = [
    *[(name, {}, scores(6, 4), scores(6, 4)) for name in REAL],
    *[(name, {}, scores(6, 1), scores(6, 1)) for name in REAL],
    ("Accuracy", {}, classes(6, 1), classes(6, 1)),
    ("BinaryAccuracy", {}, bits(6, 1), scores(6, 1)),
    ("BinaryAccuracy", {"threshold": 0.2}, bits(6, 3), scores(6, 3)),
    ("CategoricalAccuracy", {}, one_hot(6, 4), scores(6, 4)),
    ("CategoricalAccuracy", {}, one_hot(6, 5, 4), scores(6, 5, 4)),
    ("SparseCategoricalAccuracy", {}, classes(6), scores(6, 4)),
    ("SparseCategoricalAccuracy", {}, classes(6, 1), scores(6, 4)),
    ("SparseCategoricalAccuracy", {}, classes(6, 5), scores(6, 5, 4)),
    ("TopKCategoricalAccuracy", {"k": 2}, one_hot(6, 4), scores(6, 4)),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, classes(6), scores(6, 4)),
    ("BinaryCrossentropy", {}, bits(6, 1), scores(6, 1)),
    ("BinaryCrossentropy", {"from_logits": True}, bits(6, 2), scores(6, 2)),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, one_hot(6, 4), scores(6, 4)),
    ("SparseCategoricalCrossentropy", {}, classes(6, 1), scores(6, 4)),
    ("SparseCategoricalCrossentropy", {"ignore_class": 2}, classes(6), scores(6, 4)),
    ("KLDivergence", {}, scores(6, 4), scores(6, 4)),
    ("Poisson", {}, scores(6, 4), scores(6, 4)),
    *[(name, {}, bits(6, 4), scores(6, 4)) for name in ("Hinge", "SquaredHinge")],
    ("CategoricalHinge", {}, one_hot(6, 4), scores(6, 4)),
    *[
        (name, arguments, target, scores(*target.shape))
        for name in ("Precision", "Recall")
        for arguments, target in (
            ({}, bits(6, 1)),
            ({}, bits(6, 4)),
            ({"thresholds": [0.2, 0.9]}, bits(6, 4)),
            ({"thresholds": 0.7}, bits(6)),
            ({"top_k": 2}, one_hot(6, 4)),
            ({"top_k": 2, "class_id": 1}, one_hot(6, 4)),
            ({"class_id": 1}, one_hot(6, 4)),
        )
    ],
]
WEIGHTS = np.array([1, 0, 2, 0.5, 1, 3], np.float32)


@pytest.fixture(scope="module")
def tf_keras() -> ModuleType:
    return pytest.importorskip("tf_keras")


def case_id(case) -> str:
    name, arguments, target, _ = case
    return f"{name} {arguments} {target.shape}"


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["-", "w"])
@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_results_state_and_config_are_those_of_tf_keras(case, weights, tf_keras):
    name, arguments, target, prediction = case
    if weights is not None and name in ("Precision", "Recall") and target.shape[-1] == 4:
        weights = None if "class_id" in arguments else np.tile(weights[:, None], (1, 4))
    ours = getattr(metrics, name)(name="shown", **arguments)
    theirs = getattr(tf_keras.metrics, name)(name="shown", **arguments)
    for shift in range(BATCHES):
        batch = np.roll(prediction, shift, axis=0)
        ours.update_state(target, batch, sample_weight=weights)
        theirs.update_state(target, batch, sample_weight=weights)

        np.testing.assert_allclose(ours.result().numpy(), theirs.result().numpy(), rtol=1e-5)
    assert [v.name for v in ours.variables] == [v.name for v in theirs.variables]
    for mine, other in zip(ours.variables, theirs.variables, strict=True):
        assert mine.shape == other.shape
        assert mine.dtype == other.numpy().dtype
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-5)
    assert list(ours.get_config().items()) == list(theirs.get_config().items())


@pytest.mark.parametrize("name", [n for n, e in metrics.METRICS.entries.items() if type(e) is type])
def test_entries_of_classes_are_those_of_tf_keras(name, tf_keras):
    if name == "MeanMetricWrapper":
        pytest.skip("needs a function; shown below")
    ours, theirs = getattr(metrics, name)(name="n"), getattr(tf_keras.metrics, name)(name="n")
    entry = metrics.serialize(ours)

    assert entry == tf_keras.metrics.serialize(theirs)
    assert metrics.get(entry).get_config() == ours.get_config()


@pytest.mark.parametrize(
    "name", sorted(set(functions.FUNCTIONS.entries) - {"accuracy", "huber", "kl_divergence"})
)
def test_wrapped_functions_have_the_legacy_entry_of_tf_keras(name, tf_keras):
    ours = metrics.MeanMetricWrapper(metrics.get(name), name="shown")
    theirs = tf_keras.metrics.MeanMetricWrapper(tf_keras.metrics.get(name), name="shown")
    entry = metrics.serialize(ours, use_legacy_format=True)

    assert entry == tf_keras.metrics.serialize(theirs, use_legacy_format=True)
    assert metrics.get(entry).fn is ours.fn


@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_running_figures_are_those_of_tf_keras(name, tf_keras):
    ours, theirs = getattr(metrics, name)(), getattr(tf_keras.metrics, name)()
    for metric in (ours, theirs):
        metric.update_state(scores(4, 3) * 0 + 2)
        metric.update_state([1.0, 3.0], sample_weight=[1.0, 0.5])
        metric.update_state(5.0)

    assert float(ours.result()) == pytest.approx(float(theirs.result()), rel=1e-6)
    ours.reset_state()
    theirs.reset_state()
    assert float(ours.result()) == float(theirs.result()) == 0
