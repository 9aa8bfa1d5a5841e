"""Shapes of targets, predictions and sample weights that belong together, and those that do not."""

import warnings
from typing import Any

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.losses.shapes import ShapeMismatch

L = keras.layers


def test_a_sum_adds_what_a_weight_of_lower_rank_stands_for():
    values = np.array([[[1, 2], [3, 2], [0.5, 4]]], "f")
    total, mean = keras.metrics.Sum(), keras.metrics.Mean()

    total.update_state(values, sample_weight=np.array([0.5], "f"))
    mean.update_state(values, sample_weight=np.array([0.5], "f"))

    assert float(total.result()) == 6.25
    assert float(mean.result()) == pytest.approx(12.5 / 6)


def test_weights_of_lower_rank_count_once_each():
    """As in tf_keras: one weight for four samples counts as one, not as four."""
    mean = keras.metrics.Mean()
    mean.update_state(np.ones((4, 3, 2), "f"), sample_weight=np.array([0.5], "f"))

    assert float(mean.count) == 0.5


@pytest.mark.parametrize("metric", [keras.metrics.Mean, keras.metrics.Sum])
@pytest.mark.parametrize("weights", [(4, 2), (3, 3), (4, 3, 2)])
def test_weights_that_do_not_fit_are_refused_by_a_metric(metric, weights):
    with pytest.raises(ShapeMismatch, match=r"sample_weight: .* values of shape \(4, 3\)"):
        metric().update_state(np.ones((4, 3), "f"), sample_weight=np.ones(weights, "f"))


@pytest.mark.parametrize("weights", [(3,), (4, 2)])
def test_weights_that_do_not_fit_are_refused_by_a_loss(weights):
    loss = keras.losses.MeanSquaredError()
    with pytest.raises(ShapeMismatch, match=r"sample_weight: .* values of shape \(4,\)"):
        loss(np.ones((4, 2), "f"), np.ones((4, 2), "f"), sample_weight=np.ones(weights, "f"))


@pytest.mark.parametrize(
    ("item", "shape"),
    [
        (keras.losses.MeanSquaredError(), (4, 2)),
        (keras.losses.CategoricalCrossentropy(), (4, 1)),
        (keras.losses.BinaryCrossentropy(from_logits=True), (4, 1)),
        (keras.metrics.CategoricalCrossentropy(), (4, 1)),
        (keras.metrics.Accuracy(), (4, 1)),
        (keras.metrics.Precision(), (1, 1)),
        (keras.metrics.Recall(), (1, 1)),
        (keras.metrics.CategoricalAccuracy(), (2, 3)),
        (keras.metrics.SparseCategoricalAccuracy(), (4, 3)),
        (keras.metrics.TopKCategoricalAccuracy(), (3, 3)),
        (keras.metrics.SparseTopKCategoricalAccuracy(), (3,)),
    ],
    ids=lambda item: item.name if not isinstance(item, tuple) else str(item),
)
def test_targets_that_do_not_fit_the_predictions_are_refused(item: Any, shape: tuple[int, ...]):
    with pytest.raises(ShapeMismatch, match="expected"):
        item(np.ones(shape, "f"), np.full((4, 3), 0.25, "f"))


@pytest.mark.parametrize(
    ("activation", "loss"),
    [("sigmoid", "binary_crossentropy"), ("softmax", "categorical_crossentropy")],
)
def test_training_on_targets_that_do_not_fit_is_refused(activation, loss):
    model = keras.Sequential([keras.Input((4,)), L.Dense(3, activation)])
    model.compile("sgd", loss)

    with pytest.raises(ShapeMismatch, match=loss):
        model.train_on_batch(np.ones((8, 4), "f"), np.ones((8, 1), "f"))


SHAPES = [(), (1,), (4,), (4, 1), (1, 3), (4, 3), (4, 2), (4, 3, 2), (4, 3, 1)]


def found(given: Any) -> Any:
    """Return the number that a call gives, or that it is refused."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of tf_keras, on a single class
            return float(given())
    except Exception:  # noqa: BLE001 (each framework has its own)
        return "refused"


@pytest.mark.frameworks
def test_weights_count_as_in_tf_keras_or_are_refused_as_there():
    tf_keras = pytest.importorskip("tf_keras")
    values = {shape: np.linspace(0.1, 0.9, int(np.prod(shape)), dtype="f").reshape(shape)
              for shape in SHAPES}  # fmt: skip

    def result(module: Any, name: str, given: np.ndarray, weights: np.ndarray) -> float:
        metric = getattr(module.metrics, name)()
        metric.update_state(given, sample_weight=weights)
        return float(metric.result())

    for name in ("Sum", "Mean"):
        for shape, given in values.items():
            for weights in values.values():
                ours, theirs = (
                    found(lambda: result(module, name, given, weights))  # noqa: B023 (called here)
                    for module in (keras, tf_keras)
                )
                where = f"{name} of {shape}, weights {weights.shape}: {ours}, {theirs}"
                assert ours == (theirs if theirs == "refused" else pytest.approx(theirs)), where


@pytest.mark.frameworks
@pytest.mark.parametrize(
    "name", ["MeanSquaredError", "BinaryCrossentropy", "CategoricalCrossentropy", "Huber"]
)
def test_losses_broadcast_as_in_tf_keras_or_refuse_as_there(name):
    tf_keras = pytest.importorskip("tf_keras")
    tensorflow = pytest.importorskip("tensorflow")
    arrays = [np.linspace(0.1, 0.9, int(np.prod(s)), dtype="f").reshape(s) for s in SHAPES[2:]]

    for targets in arrays:
        for predictions in arrays:
            pair = (targets, predictions)
            ours = found(lambda: getattr(keras.losses, name)()(*pair))  # noqa: B023 (called here)
            tensors = [tensorflow.constant(each) for each in pair]
            theirs = found(lambda: getattr(tf_keras.losses, name)()(*tensors))  # noqa: B023 (so)
            where = f"{targets.shape}, {predictions.shape}: {ours}, {theirs}"
            assert ours == (theirs if theirs == "refused" else pytest.approx(theirs)), where
