"""Shapes of targets, predictions and sample weights: brought together, or refused, as in Keras.

Source: `squeeze_or_expand_dimensions` of
https://github.com/keras-team/tf-keras/blob/v2.21.0/tf_keras/src/utils/losses_utils.py.
"""

from collections.abc import Sequence

import numpy as np

from saveproof.reference_impl.numerics.autodiff import Operand
from saveproof.reference_impl.numerics.tape import value_of


class ShapeMismatch(ValueError):
    """Targets, predictions or sample weights are of shapes that do not belong together."""


def check_same(where: str, targets: Sequence[int], predictions: Sequence[int]) -> None:
    """Refuse targets of another shape than the predictions.

    Raises:
        ShapeMismatch: naming `where` and both shapes.
    """
    if tuple(targets) != tuple(predictions):
        raise ShapeMismatch(
            f"{where}: expected targets of the shape of the predictions, {tuple(predictions)}, "
            f"found {tuple(targets)}"
        )


def fitted_weights(sample_weight: Operand, values: np.ndarray) -> np.ndarray:
    """Return weights in the dtype of the values, a last axis dropped or added if one is amiss.

    Raises:
        ShapeMismatch: if the axis that is one too many is not of length 1.
    """
    weights = np.asarray(value_of(sample_weight)).astype(values.dtype)
    if weights.ndim and weights.ndim - values.ndim == 1:
        if weights.shape[-1] != 1:
            raise unfit(weights.shape, values.shape)
        return weights[..., 0]
    return weights[..., None] if weights.ndim and values.ndim - weights.ndim == 1 else weights


def unfit(
    given: Sequence[int], values: Sequence[int], *, what: str = "sample_weight"
) -> ShapeMismatch:
    """Return the error for weights, or whatever it is, that do not fit the values."""
    return ShapeMismatch(
        f"{what}: expected a shape that fits values of shape {tuple(values)}, found {tuple(given)}"
    )


def check_repeats(
    given: Sequence[int], values: Sequence[int], *, what: str = "sample_weight"
) -> None:
    """Refuse what can't be repeated to the shape of the values, nor they to its.

    Raises:
        ShapeMismatch: naming both shapes.
    """
    try:
        np.broadcast_shapes(tuple(values), tuple(given))
    except ValueError as error:
        raise unfit(given, values, what=what) from error
