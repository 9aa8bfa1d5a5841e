import math

import numpy as np
import pytest

from saveproof.reference_impl import metrics
from saveproof.reference_impl.catalogue import UnknownNameError

SCORES = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3], [0.2, 0.3, 0.5]], np.float32)
LABELS = np.array([1, 0, 0])
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]
BITS = np.array([1.0, 0.0, 1.0, 1.0], np.float32)
CHANCES = np.array([0.9, 0.8, 0.6, 0.2], np.float32)

WORKED = {
    "Accuracy": (LABELS, np.array([1, 0, 2]), 2 / 3),
    "BinaryAccuracy": (BITS, CHANCES, 2 / 4),
    "CategoricalAccuracy": (ONE_HOT, SCORES, 2 / 3),
    "SparseCategoricalAccuracy": (LABELS, SCORES, 2 / 3),
    "MeanSquaredError": (BITS, CHANCES, (0.01 + 0.64 + 0.16 + 0.64) / 4),
    "MeanAbsoluteError": (BITS, CHANCES, (0.1 + 0.8 + 0.4 + 0.8) / 4),
    "RootMeanSquaredError": (BITS, CHANCES, math.sqrt((0.01 + 0.64 + 0.16 + 0.64) / 4)),
    "CosineSimilarity": (np.array([[3.0, 4.0]]), np.array([[4.0, 3.0]]), 24 / 25),
    "SparseCategoricalCrossentropy": (
        LABELS,
        SCORES,
        -(math.log(0.7) + math.log(0.5) + math.log(0.2)) / 3,
    ),
    # decided for: 1, 2 and 3, of them right 1 and 3
    "Precision": (BITS, CHANCES, 2 / 3),
    # right: 1, 3 and 4, of them decided for 1 and 3
    "Recall": (BITS, CHANCES, 2 / 3),
}


@pytest.mark.parametrize("name", WORKED)
def test_a_worked_figure_comes_out(name):
    target, prediction, expected = WORKED[name]
    metric = metrics.get(name)
    metric.update_state(target, prediction)

    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", WORKED)
def test_a_metric_is_empty_at_first_and_after_a_reset(name):
    target, prediction, expected = WORKED[name]
    metric = metrics.get(name)

    assert float(metric.result()) == 0
    assert float(metric(target, prediction)) == pytest.approx(expected, rel=1e-5)
    metric.reset_state()
    assert float(metric.result()) == 0
    assert all(not v.value.any() for v in metric.variables)


def test_two_batches_give_the_figure_of_both_together():
    apart, together = metrics.MeanSquaredError(), metrics.MeanSquaredError()
    apart.update_state(ONE_HOT[:1], SCORES[:1])
    apart.update_state(ONE_HOT[1:], SCORES[1:])
    together.update_state(ONE_HOT, SCORES)

    assert float(apart.result()) == pytest.approx(float(together.result()), rel=1e-6)


def test_weights_count_in_the_total_and_in_the_count():
    metric = metrics.SparseCategoricalAccuracy()
    metric.update_state(LABELS, SCORES, sample_weight=np.array([1.0, 0.0, 3.0]))

    assert [float(v.value) for v in metric.variables] == [1.0, 4.0]


@pytest.mark.parametrize(("k", "expected"), [(1, 2 / 3), (2, 2 / 3), (3, 1.0)])
def test_the_label_may_be_among_the_k_largest_scores(k, expected):
    sparse = metrics.SparseTopKCategoricalAccuracy(k=k)
    one_hot = metrics.TopKCategoricalAccuracy(k=k)

    assert float(sparse(LABELS, SCORES)) == pytest.approx(expected)
    assert float(one_hot(ONE_HOT, SCORES)) == pytest.approx(expected)


@pytest.mark.parametrize("unknown", [-1, 3])
def test_a_label_that_is_no_class_is_never_among_the_largest_scores(unknown):
    """As in tf_keras, where only the loss refuses it."""
    labels = np.array([1, 0, unknown])

    assert metrics.sparse_top_k_categorical_accuracy(labels, SCORES, k=3).numpy().tolist() == [
        1,
        1,
        0,
    ]
    assert metrics.sparse_categorical_accuracy(labels, SCORES).numpy().tolist() == [1, 1, 0]


@pytest.mark.parametrize("stated", ["reset_state", "reset_states"])
@pytest.mark.parametrize("asked", ["reset_state", "reset_states"])
def test_a_metric_may_state_its_reset_by_either_name(stated, asked):
    """As in tf_keras, for metrics written before TensorFlow 2.5."""
    resets = []
    metric = type("Own", (metrics.Metric,), {stated: lambda self: resets.append(self)})()
    getattr(metric, asked)()

    assert resets == [metric]


def test_a_metric_as_programs_write_it_counts():
    class Seen(metrics.Metric):
        def __init__(self, name="seen"):
            super().__init__(name=name)
            self.seen = self.add_weight(name="seen", initializer="zeros")
            self.left = self.add_weight("left", (2,), initializer="ones")

        def update_state(self, target, *_):
            self.seen.assign_add(len(target))
            self.left.assign_sub([0.25, 0.5])

        def result(self):
            return self.seen / 2

    metric = Seen()
    metric.update_state(LABELS, SCORES)
    metric.update_state(LABELS, SCORES)

    assert float(metric.result()) == 3
    assert metric.left.value.tolist() == [0.5, 0]
    metric.reset_state()
    assert float(metric.result()) == 0


def test_each_threshold_has_a_precision_of_its_own():
    metric = metrics.Precision(thresholds=[0.5, 0.85])

    assert metric(BITS, CHANCES).numpy() == pytest.approx([2 / 3, 1.0])


def test_state_that_is_put_into_a_copy_makes_it_go_on_alike():
    metric = metrics.CategoricalAccuracy()
    metric.update_state(ONE_HOT, SCORES)
    copy = metrics.CategoricalAccuracy.from_config(metric.get_config())
    for mine, other in zip(copy.variables, metric.variables, strict=True):
        mine.assign(other.value)
    for each in (metric, copy):
        each.update_state(ONE_HOT, ONE_HOT)

    assert float(copy.result()) == float(metric.result()) == pytest.approx(5 / 6)


CLASSES = [
    n for n, e in metrics.METRICS.entries.items() if isinstance(e, type) and "Wrapper" not in n
]


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("name", CLASSES)
def test_a_metric_comes_back_from_its_entry(name, legacy):
    metric = metrics.METRICS.entries[name](name="mine", dtype="float64")
    back = metrics.get(metrics.serialize(metric, use_legacy_format=legacy))

    assert type(back) is type(metric)
    assert back.get_config() == metric.get_config()
    assert all(v.dtype == np.float64 for v in back.variables)


def test_a_wrapped_function_is_written_by_its_name_as_in_the_files():
    metric = metrics.MeanMetricWrapper(metrics.sparse_categorical_accuracy, name="accuracy")

    assert metrics.serialize(metric, use_legacy_format=True) == {
        "class_name": "MeanMetricWrapper",
        "config": {"name": "accuracy", "dtype": "float32", "fn": "sparse_categorical_accuracy"},
    }


def test_the_metric_and_the_loss_of_cosine_similarity_have_opposite_signs():
    assert metrics.cosine_similarity(ONE_HOT, ONE_HOT).numpy().tolist() == [1, 1, 1]


def test_a_threshold_beyond_one_is_refused():
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        metrics.Recall(thresholds=1.5)


def test_an_unknown_metric_is_refused_with_the_names_known():
    with pytest.raises(UnknownNameError, match="binary_accuracy"):
        metrics.get("ternary_accuracy")
