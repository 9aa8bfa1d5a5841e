"""Gradients of rows that were gathered: summed by row, and what was summed with them."""

from typing import Self

import numpy as np


class Gathered(np.ndarray):
    """A gradient (n, …) that knows what it is the sum of; what is computed from it is plain.

    `rows` (m, …) and `indices` (m,) are the gradient of each row that was taken, as TensorFlow's
    IndexedSlices have them. Both are None in what NumPy makes of it.
    """

    rows: np.ndarray | None
    indices: np.ndarray | None

    def __array_finalize__(self, _: np.ndarray | None) -> None:
        """Forget the rows: they are those of one array alone."""
        self.rows = self.indices = None

    @classmethod
    def of(cls, rows: np.ndarray, indices: np.ndarray, like: np.ndarray) -> Self:
        """Return the sum of the rows by their index, in the shape and dtype of an array.

        Args:
            rows: a gradient (…, *row) for each index.
            indices: integers of any shape (…).
            like: what the rows were taken from (n, *row).
        """
        wide = np.zeros(like.shape, np.result_type(rows.dtype, np.float32))
        np.add.at(wide, indices, rows)
        gradient = wide.astype(like.dtype, copy=False).view(cls)
        gradient.rows = rows.reshape(-1, *like.shape[1:])
        gradient.indices = indices.reshape(-1)
        return gradient


def parts(gradient: np.ndarray) -> np.ndarray:
    """Return what the gradient is the sum of: the rows that were gathered, or itself."""
    rows = gradient.rows if isinstance(gradient, Gathered) else None
    return np.asarray(gradient if rows is None else rows)


def added(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the sum of two gradients, which has rows where both have."""
    total = np.asarray(one + other)
    if not isinstance(one, Gathered) or not isinstance(other, Gathered):
        return total
    if one.rows is None or other.rows is None or one.indices is None or other.indices is None:
        return total
    gathered = total.view(Gathered)
    gathered.rows = np.concatenate([one.rows, other.rows])
    gathered.indices = np.concatenate([one.indices, other.indices])
    return gathered
