"""Gradients of gathered rows: the dense sum together with the gathered rows."""

from typing import Self

import numpy as np


class Gathered(np.ndarray):
    """A gradient (n, …) with the gathered rows that it sums.

    `rows` (m, …) and `indices` (m,) are those of TensorFlow's IndexedSlices. Both are None in
    arrays that NumPy computes from this one.
    """

    rows: np.ndarray | None
    indices: np.ndarray | None

    def __array_finalize__(self, _: np.ndarray | None) -> None:
        """Clear the rows, which belong to one array only."""
        self.rows = self.indices = None

    @classmethod
    def of(cls, rows: np.ndarray, indices: np.ndarray, like: np.ndarray) -> Self:
        """Return the rows summed by index, in the shape and dtype of `like`.

        Args:
            rows: the gradient (…, *row) of each gathered row.
            indices: integers of any shape (…).
            like: the array (n, *row) from which the rows were gathered.
        """
        wide = np.zeros(like.shape, np.result_type(rows.dtype, np.float32))
        np.add.at(wide, indices, rows)
        gradient = wide.astype(like.dtype, copy=False).view(cls)
        gradient.rows = rows.reshape(-1, *like.shape[1:])
        gradient.indices = indices.reshape(-1)
        return gradient


def parts(gradient: np.ndarray) -> np.ndarray:
    """Return the gathered rows that the gradient sums, or the gradient itself."""
    rows = gradient.rows if isinstance(gradient, Gathered) else None
    return np.asarray(gradient if rows is None else rows)


def added(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the sum of two gradients, with gathered rows if both have them."""
    total = np.asarray(one + other)
    if not isinstance(one, Gathered) or not isinstance(other, Gathered):
        return total
    if one.rows is None or other.rows is None or one.indices is None or other.indices is None:
        return total
    gathered = total.view(Gathered)
    gathered.rows = np.concatenate([one.rows, other.rows])
    gathered.indices = np.concatenate([one.indices, other.indices])
    return gathered


def scaled_by(gradient: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Return the gradient times a number in its dtype, with gathered rows if it has them."""
    number = factor.astype(gradient.dtype)
    product = np.asarray(gradient * number)
    if not isinstance(gradient, Gathered) or gradient.rows is None:
        return product
    gathered = product.view(Gathered)
    gathered.rows, gathered.indices = gradient.rows * number, gradient.indices
    return gathered
