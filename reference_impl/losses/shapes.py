"""Checks and adjustments of the shapes of targets, predictions and sample weights, as in Keras.

Source: `squeeze_or_expand_dimensions` of
https://github.com/keras-team/tf-keras/blob/v2.21.0/tf_keras/src/utils/losses_utils.py.
"""

from collections.abc import Sequence

import numpy as np

from saveproof.reference_impl.numerics.autodiff import Operand
from saveproof.reference_impl.numerics.tape import value_of


class ShapeMismatch(ValueError):
    """The shapes of targets, predictions or sample weights do not match."""


def check_same(where: str, targets: Sequence[int], predictions: Sequence[int]) -> None:
    """Check that targets and predictions have the same shape.

    Raises:
        ShapeMismatch: naming `where` and both shapes.
    """
    if tuple(targets) != tuple(predictions):
        raise ShapeMismatch(
            f"{where}: expected targets with the shape of the predictions, {tuple(predictions)}, "
            f"found {tuple(targets)}"
        )


def fitted_weights(sample_weight: Operand, values: np.ndarray) -> np.ndarray:
    """Return weights in the dtype of the values, with a last axis removed or added to match.

    Raises:
        ShapeMismatch: if a superfluous last axis does not have length 1.
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
    """Return the error for weights or masks whose shape does not match the values."""
    return ShapeMismatch(
        f"{what}: expected a shape that matches values of shape {tuple(values)}, "
        f"found {tuple(given)}"
    )


def check_repeats(
    given: Sequence[int], values: Sequence[int], *, what: str = "sample_weight"
) -> None:
    """Check that one of two shapes broadcasts to the other.

    Raises:
        ShapeMismatch: naming both shapes.
    """
    try:
        np.broadcast_shapes(tuple(values), tuple(given))
    except ValueError as error:
        raise unfit(given, values, what=what) from error
