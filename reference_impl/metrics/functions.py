"""Metric functions: from targets and predictions to one value per sample."""

from collections.abc import Callable

import numpy as np

from saveproof.reference_impl.catalogue import Catalogue
from saveproof.reference_impl.losses import functions as losses
from saveproof.reference_impl.losses.shapes import ShapeMismatch, check_same
from saveproof.reference_impl.numerics.autodiff import Operand, Tensor
from saveproof.reference_impl.numerics.tape import value_of

MetricFunction = Callable[..., Tensor]


def binary_matches(y_true: Operand, y_pred: Operand, threshold: float = 0.5) -> Tensor:
    """1 where the target equals (p > threshold), for each element."""
    p = np.asarray(value_of(y_pred))
    positive = (p > p.dtype.type(threshold)).astype(p.dtype)
    return _matches(np.asarray(value_of(y_true)) == positive)


def binary_accuracy(y_true: Operand, y_pred: Operand, threshold: float = 0.5) -> Tensor:
    """Fraction of the last axis where the target equals (p > threshold)."""
    matches = binary_matches(y_true, y_pred, threshold).value
    return Tensor(matches.mean(axis=-1, dtype=np.float32))


def accuracy(y_true: Operand, y_pred: Operand) -> Tensor:
    """1 where target and prediction are equal."""
    t, p = np.asarray(value_of(y_true)), np.asarray(value_of(y_pred))
    check_same("accuracy", t.shape, p.shape)
    return _matches(t == p)


def categorical_accuracy(y_true: Operand, y_pred: Operand) -> Tensor:
    """1 where the largest score and the largest target have the same index."""
    return sparse_categorical_matches(np.asarray(value_of(y_true)).argmax(-1), y_pred)


def sparse_categorical_matches(y_true: Operand, y_pred: Operand) -> Tensor:
    """1 where the largest score is that of the target class, in the shape of the targets."""
    t, p = np.asarray(value_of(y_true)), np.asarray(value_of(y_pred))
    ranks_differ = t.ndim != p.ndim
    labels, classes = (t if ranks_differ else t[..., 0]), p.argmax(-1).astype(t.dtype)
    one_each = all(
        n in (1, m) for n, m in zip(classes.shape[::-1], labels.shape[::-1], strict=False)
    )
    if not (ranks_differ or t.shape[-1] == 1) or classes.ndim > labels.ndim or not one_each:
        raise ShapeMismatch(
            "categorical_accuracy: expected a target for each row of predictions (batch, ..., "
            f"classes), found {t.shape} and {p.shape}"
        )
    matches = labels == classes
    return _matches(matches.reshape(t.shape))


def sparse_categorical_accuracy(y_true: Operand, y_pred: Operand) -> Tensor:
    """1 where the largest score is that of the target class, without a last axis of length 1."""
    matches = sparse_categorical_matches(y_true, y_pred).value
    return Tensor(matches[..., 0] if matches.ndim > 1 and matches.shape[-1] == 1 else matches)


def sparse_top_k_categorical_accuracy(y_true: Operand, y_pred: Operand, k: int = 5) -> Tensor:
    """1 where fewer than k scores exceed that of the target class; 0 for an unknown class."""
    t, p = np.asarray(value_of(y_true)), np.asarray(value_of(y_pred))
    scores = p.reshape(-1, p.shape[-1])
    labels = t.astype(np.int64).reshape(-1, 1)
    if not t.ndim or p.ndim < 2 or len(labels) != len(scores):
        raise ShapeMismatch(
            "top_k_categorical_accuracy: expected a target for each row of predictions "
            f"(batch, ..., classes), found {t.shape} and {p.shape}"
        )
    known = (labels >= 0) & (labels < scores.shape[-1])
    own = np.take_along_axis(scores, np.where(known, labels, 0), axis=1)
    within = ((scores > own).sum(axis=1) < k) & np.isfinite(own[:, 0]) & known[:, 0]
    return _matches(within.reshape(t.shape))


def top_k_categorical_accuracy(y_true: Operand, y_pred: Operand, k: int = 5) -> Tensor:
    """1 where fewer than k scores exceed that of the largest target."""
    t = np.asarray(value_of(y_true)).argmax(-1)
    return sparse_top_k_categorical_accuracy(t, y_pred, k)


def cosine_similarity(y_true: Operand, y_pred: Operand, axis: int = -1) -> Tensor:
    """Cosine of the angle between target and prediction; the loss of that name is its negative."""
    return -losses.cosine_similarity(y_true, y_pred, axis)


def _matches(found: np.ndarray) -> Tensor:
    return Tensor(np.asarray(found, np.float32))


FUNCTIONS: Catalogue[MetricFunction] = Catalogue(
    kind="metric function",
    module="keras.metrics",
    entries={
        **losses.FUNCTIONS.entries,
        "accuracy": accuracy,
        "binary_accuracy": binary_accuracy,
        "categorical_accuracy": categorical_accuracy,
        "sparse_categorical_accuracy": sparse_categorical_accuracy,
        "top_k_categorical_accuracy": top_k_categorical_accuracy,
        "sparse_top_k_categorical_accuracy": sparse_top_k_categorical_accuracy,
        "cosine_similarity": cosine_similarity,
    },
    aliases={**losses.ALIASES, "acc": "accuracy", "cosine_proximity": "cosine_similarity"},
)
