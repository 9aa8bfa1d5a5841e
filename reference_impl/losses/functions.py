"""Loss functions: from targets and predictions to one value per sample."""

from collections.abc import Callable

import numpy as np

from saveproof.reference_impl.catalogue import Catalogue
from saveproof.reference_impl.losses.shapes import check_repeats, check_same
from saveproof.reference_impl.numerics import autodiff as ad
from saveproof.reference_impl.numerics.autodiff import Operand, Tensor
from saveproof.reference_impl.numerics.tape import value_of

EPSILON = 1e-7
LossFunction = Callable[..., Tensor]


class UnknownClass(ValueError):
    """A target is outside the classes of the predictions."""


def mean_squared_error(y_true: Operand, y_pred: Operand) -> Tensor:
    """Mean of (p - t)^2 over the last axis."""
    t, p = _paired(y_true, y_pred)
    return ad.mean(ad.square(p - t), -1)


def mean_absolute_error(y_true: Operand, y_pred: Operand) -> Tensor:
    """Mean of |p - t| over the last axis."""
    t, p = _paired(y_true, y_pred)
    return ad.mean(ad.absolute(p - t), -1)


def mean_absolute_percentage_error(y_true: Operand, y_pred: Operand) -> Tensor:
    """100 times the mean of |t - p| / max(|t|, 1e-7) over the last axis."""
    t, p = _paired(y_true, y_pred)
    return ad.mean(ad.absolute((t - p) / ad.maximum(ad.absolute(t), EPSILON)), -1) * 100.0


def mean_squared_logarithmic_error(y_true: Operand, y_pred: Operand) -> Tensor:
    """Mean over the last axis of (log(1 + p) - log(1 + t))^2, with p and t at least 1e-7."""
    t, p = _paired(y_true, y_pred)
    difference = ad.log(ad.maximum(p, EPSILON) + 1.0) - ad.log(ad.maximum(t, EPSILON) + 1.0)
    return ad.mean(ad.square(difference), -1)


def huber(y_true: Operand, y_pred: Operand, delta: float = 1.0) -> Tensor:
    """Mean over the last axis of e^2 / 2 up to |e| = delta, and of its tangent beyond.

    Source: Huber 1964, https://doi.org/10.1214/aoms/1177703732. Always in float32, as in Keras.
    """
    t, p = _paired(ad.cast(y_true, np.float32), ad.cast(y_pred, np.float32))
    error = p - t
    size = ad.absolute(error)
    inside = ad.square(error) * 0.5
    outside = size * delta - 0.5 * float(np.square(np.float32(delta)))
    return ad.mean(ad.where(size.value <= np.float32(delta), inside, outside), -1)


def log_cosh(y_true: Operand, y_pred: Operand) -> Tensor:
    """Mean over the last axis of log(cosh(e)) = e + softplus(-2 e) - log(2)."""
    t, p = _paired(y_true, y_pred)
    error = p - t
    return ad.mean(error + ad.softplus(error * -2.0) - float(np.log(2.0)), -1)


def hinge(y_true: Operand, y_pred: Operand) -> Tensor:
    """Mean over the last axis of max(1 - t p, 0); targets 0 and 1 stand for -1 and 1."""
    t, p = _paired(y_true, y_pred)
    return ad.mean(ad.maximum(1.0 - _signed(t) * p, 0.0), -1)


def squared_hinge(y_true: Operand, y_pred: Operand) -> Tensor:
    """Mean over the last axis of max(1 - t p, 0)^2; targets 0 and 1 stand for -1 and 1."""
    t, p = _paired(y_true, y_pred)
    return ad.mean(ad.square(ad.maximum(1.0 - _signed(t) * p, 0.0)), -1)


def categorical_hinge(y_true: Operand, y_pred: Operand) -> Tensor:
    """Max(largest wrong score - right score + 1, 0), for one-hot targets."""
    t, p = _paired(y_true, y_pred)
    right = ad.sum(t * p, -1)
    wrong = ad.max((1.0 - t) * p, -1)
    return ad.maximum(wrong - right + 1.0, 0.0)


def kl_divergence(y_true: Operand, y_pred: Operand) -> Tensor:
    """Sum over the last axis of t log(t / p), with both kept within [1e-7, 1].

    Source: Kullback and Leibler 1951, https://doi.org/10.1214/aoms/1177729694, eq. 2.4.
    """
    t, p = _paired(y_true, y_pred)
    t, p = ad.clip(t, EPSILON, 1.0), ad.clip(p, EPSILON, 1.0)
    return ad.sum(t * ad.log(t / p), -1)


def poisson(y_true: Operand, y_pred: Operand) -> Tensor:
    """Mean over the last axis of p - t log(p + 1e-7)."""
    t, p = _paired(y_true, y_pred)
    return ad.mean(p - t * ad.log(p + EPSILON), -1)


def cosine_similarity(y_true: Operand, y_pred: Operand, axis: int = -1) -> Tensor:
    """Minus the cosine of the angle between target and prediction."""
    t, p = _paired(y_true, y_pred)
    return -ad.sum(_unit(t, axis) * _unit(p, axis), axis)


def binary_crossentropy(
    y_true: Operand,
    y_pred: Operand,
    from_logits: bool = False,  # noqa: FBT001 (Keras's signature)
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Mean of -t log(p) - (1 - t) log(1 - p) over an axis.

    Probabilities are clipped to [1e-7, 1 - 1e-7], and 1e-7 is added inside each logarithm. For the
    output of a sigmoid, its input (the logits) is used instead, as in Keras.
    """
    t, p = _paired(y_true, y_pred)
    if label_smoothing:
        t = t * (1.0 - label_smoothing) + 0.5 * label_smoothing
    p, from_logits = _logits(p, from_logits=from_logits)
    if from_logits:
        check_same("binary_crossentropy", t.shape, p.shape)
        # max(x, 0) - x t + log(1 + exp(-|x|)) = softplus(x) - x t
        return ad.mean(ad.softplus(p) - p * t, axis)
    p = ad.clip(p, EPSILON, _below_one(p))
    cost = t * ad.log(p + EPSILON) + (1.0 - t) * ad.log(1.0 - p + EPSILON)
    return ad.mean(-cost, axis)


def categorical_crossentropy(
    y_true: Operand,
    y_pred: Operand,
    from_logits: bool = False,  # noqa: FBT001 (Keras's signature)
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Sum of -t log(p) over an axis, for one-hot targets.

    Probabilities are scaled to sum 1 and clipped to [1e-7, 1 - 1e-7]. For the output of a softmax,
    its input (the logits) is used instead, as in Keras.
    """
    t, p = _paired(y_true, y_pred)
    check_same("categorical_crossentropy, of one-hot targets", t.shape, p.shape)
    if label_smoothing:
        t = t * (1.0 - label_smoothing) + label_smoothing / t.shape[axis]
    p, from_logits = _logits(p, from_logits=from_logits)
    if from_logits:
        return -ad.sum(t * ad.log_softmax(p, axis), axis)
    p = ad.clip(p / ad.sum(p, axis, keepdims=True), EPSILON, _below_one(p))
    return -ad.sum(t * ad.log(p), axis)


def sparse_categorical_crossentropy(
    y_true: Operand,
    y_pred: Operand,
    from_logits: bool = False,  # noqa: FBT001 (Keras's signature)
    axis: int = -1,
    ignore_class: int | None = None,
) -> Tensor:
    """-log(p) of the target class, for integer targets; 0 where the target is `ignore_class`.

    Probabilities are clipped to [1e-7, 1 - 1e-7] and then scaled to sum 1. For the output of a
    softmax, its input (the logits) is used instead, as in Keras.

    Raises:
        UnknownClass: if a target other than `ignore_class` is outside the classes.
    """
    p = y_pred if isinstance(y_pred, Tensor) else Tensor(y_pred)
    p, from_logits = _logits(p, from_logits=from_logits)
    if not from_logits:
        p = ad.log(ad.clip(p, EPSILON, _below_one(p)))
    if axis % p.ndim != p.ndim - 1:
        order = [i for i in range(p.ndim) if i != axis % p.ndim]
        p = ad.transpose(p, (*order, axis % p.ndim))
    labels = np.asarray(value_of(y_true)).astype(np.int64).reshape(p.shape[:-1])
    _check_classes(labels[labels != ignore_class], p.shape[-1])
    classes = np.arange(p.shape[-1])
    chosen = (labels[..., None] == classes).astype(p.dtype)
    if ignore_class is not None:
        chosen = chosen * (labels != ignore_class)[..., None].astype(p.dtype)
    return -ad.sum(ad.log_softmax(p, -1) * chosen, -1)


def _check_classes(labels: np.ndarray, count: int) -> None:
    unknown = sorted(set(labels[(labels < 0) | (labels >= count)].tolist()))
    if unknown:
        raise UnknownClass(
            f"sparse_categorical_crossentropy: expected targets from 0 to {count - 1}, one class "
            f"per column of the predictions, found {unknown}"
        )


def squeezed(y_true: Operand, y_pred: Operand) -> tuple[Tensor, Tensor]:
    """Return targets and predictions without a last axis of length 1 that only one has."""
    t = y_true if isinstance(y_true, Tensor) else Tensor(y_true)
    p = y_pred if isinstance(y_pred, Tensor) else Tensor(y_pred)
    if p.ndim - t.ndim == 1 and p.shape[-1] == 1:
        return t, ad.reshape(p, p.shape[:-1])
    if t.ndim - p.ndim == 1 and t.shape[-1] == 1:
        return ad.reshape(t, t.shape[:-1]), p
    return t, p


def _paired(y_true: Operand, y_pred: Operand) -> tuple[Tensor, Tensor]:
    """Return both as tensors, with targets in the dtype of the predictions."""
    p = y_pred if isinstance(y_pred, Tensor) else Tensor(y_pred)
    check_repeats(np.shape(y_true), p.shape, what="targets")
    if isinstance(y_true, Tensor):
        return ad.cast(y_true, p.dtype), p
    return Tensor(np.asarray(y_true).astype(p.dtype, copy=False)), p


def _logits(p: Tensor, *, from_logits: bool) -> tuple[Tensor, bool]:
    """Return the logits of p if it is the output of a softmax or sigmoid; and if it is logits."""
    return (p, from_logits) if p.logits is None else (p.logits, True)


def _below_one(p: Tensor) -> float:
    """Return 1 - 1e-7 rounded to the dtype of p, as a Python float, so as not to widen p."""
    return float(1 - p.dtype.type(EPSILON))


def _signed(t: Tensor) -> Tensor:
    """Return targets converted to -1 and 1 if all of them are 0 or 1."""
    binary = bool(np.all((t.value == 0) | (t.value == 1)))
    return t * 2.0 - 1.0 if binary else t


def _unit(x: Tensor, axis: int) -> Tensor:
    """Return x scaled to norm 1 along an axis, as TensorFlow's l2_normalize (floor 1e-12)."""
    return x / ad.sqrt(ad.maximum(ad.sum(ad.square(x), axis, keepdims=True), 1e-12))


ALIASES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
    "huber_loss": "huber",
}

FUNCTIONS: Catalogue[LossFunction] = Catalogue(
    kind="loss function",
    module="keras.losses",
    entries={
        "binary_crossentropy": binary_crossentropy,
        "categorical_crossentropy": categorical_crossentropy,
        "categorical_hinge": categorical_hinge,
        "cosine_similarity": cosine_similarity,
        "hinge": hinge,
        "huber": huber,
        "kl_divergence": kl_divergence,
        "log_cosh": log_cosh,
        "mean_absolute_error": mean_absolute_error,
        "mean_absolute_percentage_error": mean_absolute_percentage_error,
        "mean_squared_error": mean_squared_error,
        "mean_squared_logarithmic_error": mean_squared_logarithmic_error,
        "poisson": poisson,
        "sparse_categorical_crossentropy": sparse_categorical_crossentropy,
        "squared_hinge": squared_hinge,
    },
    aliases=ALIASES,
)
