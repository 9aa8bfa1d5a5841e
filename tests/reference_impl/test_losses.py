import math

import ml_dtypes
import numpy as np
import pytest

from saveproof.reference_impl import activations, losses
from saveproof.reference_impl.catalogue import UnknownNameError
from saveproof.reference_impl.losses.functions import UnknownClass
from saveproof.reference_impl.numerics.autodiff import Tape, Tensor, Variable

T = np.array([[0.0, 1.0], [0.0, 0.0]], np.float32)
P = np.array([[1.0, 1.0], [1.0, 0.0]], np.float32)
HALVES = np.array([[0.5, 0.5], [0.25, 0.75]], np.float32)
ONE_HOT = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)

# One value a sample, by hand.
WORKED = {
    "mean_squared_error": (T, P, [0.5, 0.5]),
    "mean_absolute_error": (T, P, [0.5, 0.5]),
    "mean_absolute_percentage_error": (T + 1, P + 1, [50.0, 50.0]),
    "mean_squared_logarithmic_error": (T, P, [math.log(2) ** 2 / 2] * 2),
    "huber": (T, 3 * P, [(2.5 + 1.5) / 2, 1.25]),
    "log_cosh": (T, P, [math.log(math.cosh(1)) / 2] * 2),
    # targets 0 and 1 stand for -1 and 1
    "hinge": (T, P, [1.0, 1.5]),
    "squared_hinge": (T, P, [2.0, 2.5]),
    "categorical_hinge": (ONE_HOT, HALVES, [1.0, 0.5]),
    "kl_divergence": (HALVES[::-1].copy(), HALVES, [0.25 * math.log(0.5) + 0.75 * math.log(1.5)]),
    "poisson": (T, P, [1.0, 0.5]),
    "cosine_similarity": (T, P, [-1 / math.sqrt(2), 0.0]),
    "binary_crossentropy": (ONE_HOT, HALVES, [math.log(2), -math.log(0.75)]),
    "categorical_crossentropy": (ONE_HOT, HALVES, [math.log(2), -math.log(0.75)]),
    "sparse_categorical_crossentropy": (np.array([0, 1]), HALVES, [math.log(2), -math.log(0.75)]),
}


@pytest.mark.parametrize("name", WORKED)
def test_worked_values_come_out(name):
    target, prediction, expected = WORKED[name]
    found = losses.get(name)(target, prediction).numpy()

    assert found[: len(expected)] == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert found.dtype == np.float32


def test_every_loss_function_has_a_worked_value():
    assert set(WORKED) == {n for n in losses.LOSSES.entries if n.islower()}


@pytest.mark.parametrize(
    ("reduction", "expected"), [("auto", 3.25), ("sum_over_batch_size", 3.25), ("sum", 6.5)]
)
def test_weighted_values_are_reduced_over_the_number_of_samples(reduction, expected):
    loss = losses.MeanSquaredError(reduction=reduction)

    assert float(loss(T, P, sample_weight=np.array([3.0, 10.0]))) == expected


def test_without_reduction_each_sample_keeps_its_value():
    loss = losses.MeanAbsoluteError(reduction="none")

    assert loss(T, P, sample_weight=np.array([3.0, 10.0])).numpy().tolist() == [1.5, 5.0]


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (losses.BinaryCrossentropy(), ONE_HOT),
        (losses.CategoricalCrossentropy(), ONE_HOT),
        (losses.SparseCategoricalCrossentropy(), np.array([0, 1])),
    ],
    ids=["binary", "categorical", "sparse"],
)
def test_a_certain_wrong_prediction_costs_a_finite_amount(loss, target):
    """Probabilities are kept 1e-7 away from 0 and 1."""
    wrong = 1 - ONE_HOT

    assert float(loss(target, wrong)) == pytest.approx(-math.log(1e-7), rel=0.05)


@pytest.mark.parametrize(("target", "ignored"), [([0, 2], None), ([0, -1], None), ([2, -1], -1)])
def test_targets_that_are_no_class_are_refused(target, ignored):
    loss = losses.SparseCategoricalCrossentropy(ignore_class=ignored)

    with pytest.raises(UnknownClass, match=r"expected targets from 0 to 1, .* found"):
        loss(np.array(target), HALVES)


def test_an_ignored_target_need_not_be_a_class():
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)

    assert float(loss(np.array([0, -1]), HALVES)) == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (losses.BinaryCrossentropy(from_logits=True), ONE_HOT),
        (losses.CategoricalCrossentropy(from_logits=True), ONE_HOT),
        (losses.SparseCategoricalCrossentropy(from_logits=True), np.array([0, 1])),
    ],
    ids=["binary", "categorical", "sparse"],
)
def test_logits_may_be_large(loss, target):
    wrong = np.where(ONE_HOT == 1, -500.0, 500.0).astype(np.float32)

    assert float(loss(target, wrong)) == pytest.approx(1000 if target.ndim == 1 else 500, rel=1.01)


def test_the_input_of_a_softmax_is_used_in_place_of_its_saturated_output():
    w = Variable(np.array([[-200.0, 200.0]], np.float32), name="w:0")
    with Tape() as tape:
        value = losses.CategoricalCrossentropy()(ONE_HOT[:1], activations.softmax(w))
    (gradient,) = tape.gradients(value, [w])

    assert float(value) == 400
    assert gradient.tolist() == [[-1, 1]]


def test_the_input_of_a_sigmoid_is_used_in_place_of_its_saturated_output():
    w = Variable(np.array([[-200.0]], np.float32), name="w:0")
    with Tape() as tape:
        value = losses.BinaryCrossentropy()(np.ones((1, 1)), activations.sigmoid(w))
    (gradient,) = tape.gradients(value, [w])

    assert float(value) == 200
    assert gradient.tolist() == [[-1]]


def test_smoothed_labels_move_towards_the_middle():
    """Labels 0.9 and 0.1: in both losses the mean over two classes of half the smoothing."""
    binary = losses.BinaryCrossentropy(label_smoothing=0.2)(ONE_HOT, HALVES[1:])
    one_hot = losses.CategoricalCrossentropy(label_smoothing=0.2)(ONE_HOT, HALVES[1:].repeat(2, 0))

    first = -(0.9 * math.log(0.25) + 0.1 * math.log(0.75))
    second = -(0.1 * math.log(0.25) + 0.9 * math.log(0.75))
    assert float(binary) == pytest.approx((first + second) / 2, rel=1e-5)
    assert float(one_hot) == pytest.approx((first + second) / 2, rel=1e-5)


def test_an_ignored_class_takes_no_part_in_the_mean():
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)

    found = loss(np.array([0, -1]), HALVES)

    assert float(found) == pytest.approx(math.log(2), rel=1e-5)


def test_a_last_axis_of_one_matches_a_target_without_it():
    p = np.array([[1.0], [3.0]], np.float32)

    assert float(losses.MeanSquaredError()(np.array([0.0, 0.0]), p)) == 5.0


@pytest.mark.parametrize("name", WORKED)
def test_gradients_are_those_of_finite_differences(name):
    """In float64 (the Huber loss computes in float32, whatever it is given)."""
    rng = np.random.default_rng(2)
    target, _, _ = WORKED[name]
    p = rng.uniform(0.2, 0.8, (2, 2))
    w = Variable(p, name="p:0")
    with Tape() as tape:
        value = losses.get(name)(target, w)
    (gradient,) = tape.gradients(value, [w])

    step = 1e-2 if name == "huber" else 1e-6
    for index in np.ndindex(p.shape):
        shift = np.zeros_like(p)
        shift[index] = step
        above = losses.get(name)(target, Tensor(p + shift)).value.astype(np.float64).sum()
        below = losses.get(name)(target, Tensor(p - shift)).value.astype(np.float64).sum()
        assert gradient[index] == pytest.approx((above - below) / (2 * step), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("name", [n for n in WORKED if n != "huber"])
def test_bfloat16_predictions_give_a_bfloat16_loss(name):
    target, prediction, _ = WORKED[name]

    found = losses.get(name)(target, Tensor(prediction.astype(ml_dtypes.bfloat16)))

    assert found.dtype == np.dtype(ml_dtypes.bfloat16)


CLASSES = [
    n for n, e in losses.LOSSES.entries.items() if isinstance(e, type) and "Wrapper" not in n
]


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("legacy", [True, False])
def test_a_loss_comes_back_from_its_entry(name, legacy):
    loss = losses.LOSSES.entries[name](reduction="sum", name="mine")
    entry = losses.serialize(loss, use_legacy_format=legacy)
    back = losses.get(entry)

    assert type(back) is type(loss)
    assert back.get_config() == loss.get_config()


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("mse", losses.mean_squared_error),
        ("MAE", losses.mean_absolute_error),
        ("sparse_categorical_crossentropy", losses.sparse_categorical_crossentropy),
    ],
)
def test_a_function_is_found_by_name_and_written_as_its_name(name, function):
    assert losses.get(name) is function
    assert losses.serialize(function, use_legacy_format=True) == function.__name__
    assert losses.get(losses.serialize(function)) is function


def test_a_wrapped_function_of_the_user_comes_back_with_it():
    def shifted(y_true, y_pred):
        return losses.mean_squared_error(y_true, y_pred) + 1.0

    assert losses.get("shifted", custom_objects={"shifted": shifted}) is shifted
    assert losses.get(shifted) is shifted
    assert losses.serialize(shifted, use_legacy_format=True) == "shifted"
    assert float(losses.LossFunctionWrapper(shifted)(T, P)) == 1.5


def test_an_unknown_loss_is_refused_with_the_names_known():
    with pytest.raises(UnknownNameError, match="'mean_squared_error'"):
        losses.get("mean_cubed_error")


def test_an_unknown_reduction_is_refused():
    with pytest.raises(ValueError, match="sum_over_batch_size"):
        losses.MeanSquaredError(reduction="product")
