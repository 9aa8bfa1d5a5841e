"""Precision and Recall: metrics from counts of decisions at thresholds."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from saveproof.reference_impl.fields import argument, configurable
from saveproof.reference_impl.initializers import as_dtype
from saveproof.reference_impl.losses.functions import squeezed
from saveproof.reference_impl.losses.shapes import check_same
from saveproof.reference_impl.metrics.metric import DTYPE, NAME, Metric, ratio, spread_weights
from saveproof.reference_impl.numerics.autodiff import Operand, Tensor, Variable
from saveproof.reference_impl.numerics.tape import value_of

# Replaces the scores outside the top k, as in Keras.
_NEVER = -1e10


@configurable
class _Confusion(Metric):
    """Base class of Precision and Recall: thresholds, and two counts per threshold."""

    init_thresholds: float | Sequence[float] | None = argument(default=None, alias="thresholds")
    top_k: int | None = None
    class_id: int | None = None
    name: Any = argument(NAME, default=None)
    dtype: Any = argument(DTYPE, default=None)

    def __post_init__(self) -> None:
        given = self.init_thresholds
        default = 0.5 if self.top_k is None else _NEVER
        chosen = np.atleast_1d(default if given is None else given)
        if given is not None and not ((chosen >= 0) & (chosen <= 1)).all():
            raise ValueError(
                f"{type(self).__name__}: expected thresholds in [0, 1], found {given!r}"
            )
        self.thresholds: list[float] = [float(threshold) for threshold in chosen]

    def _elements(
        self, y_true: Operand, y_pred: Operand, sample_weight: Operand | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return decisions (thresholds, elements), labels (elements) and weights (elements)."""
        dtype = as_dtype(self.dtype)
        t, p = (np.asarray(value_of(x)).astype(dtype) for x in squeezed(y_true, y_pred))
        check_same(type(self).__name__, t.shape, p.shape)
        scores = p if self.top_k is None else _only_top(p, self.top_k)
        if self.class_id is not None:
            t, scores = t[..., self.class_id, None], scores[..., self.class_id, None]
        limits = np.asarray(self.thresholds, dtype)[:, None]
        weights = spread_weights(sample_weight, scores)
        return scores.reshape(1, -1) > limits, t.reshape(-1) != 0, weights.reshape(-1)


@configurable
class Precision(_Confusion):
    """True positives divided by all positive predictions.

    Source: https://keras.io/2.16/api/metrics/classification_metrics/#precision-class
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.true_positives = self.add_weight("true_positives", (len(self.thresholds),))
        self.false_positives = self.add_weight("false_positives", (len(self.thresholds),))

    def update_state(
        self, y_true: Operand, y_pred: Operand, sample_weight: Operand | None = None
    ) -> None:
        """Count the positive predictions of a batch."""
        decided, labels, weights = self._elements(y_true, y_pred, sample_weight)
        _add(self.true_positives, decided & labels, weights)
        _add(self.false_positives, decided & ~labels, weights)

    def result(self) -> Tensor:
        """Return the share, one for each threshold if there are several."""
        return _share(self.true_positives, self.false_positives)


@configurable
class Recall(_Confusion):
    """True positives divided by all positive labels.

    Source: https://keras.io/2.16/api/metrics/classification_metrics/#recall-class
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.true_positives = self.add_weight("true_positives", (len(self.thresholds),))
        self.false_negatives = self.add_weight("false_negatives", (len(self.thresholds),))

    def update_state(
        self, y_true: Operand, y_pred: Operand, sample_weight: Operand | None = None
    ) -> None:
        """Count the positive labels of a batch."""
        decided, labels, weights = self._elements(y_true, y_pred, sample_weight)
        _add(self.true_positives, decided & labels, weights)
        _add(self.false_negatives, ~decided & labels, weights)

    def result(self) -> Tensor:
        """Return the share, one for each threshold if there are several."""
        return _share(self.true_positives, self.false_negatives)


def _only_top(scores: np.ndarray, k: int) -> np.ndarray:
    """Return the k largest scores along the last axis; others are below every threshold."""
    largest = np.argsort(-scores, axis=-1, kind="stable")[..., :k]
    kept = np.zeros(scores.shape, bool)
    np.put_along_axis(kept, largest, values=True, axis=-1)
    return np.where(kept, scores, scores.dtype.type(_NEVER))


def _add(variable: Variable, hits: np.ndarray, weights: np.ndarray) -> None:
    variable.value = variable.value + (hits * weights).sum(axis=1)


def _share(right: Variable, wrong: Variable) -> Tensor:
    shares = ratio(right.value, right.value + wrong.value)
    return Tensor(shares[0] if len(shares) == 1 else shares)
