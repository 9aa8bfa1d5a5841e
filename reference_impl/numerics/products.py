"""Sums of products by index letters, as a primitive."""

import numpy as np

from saveproof.reference_impl.numerics.primitives import Result, widened


def einsum(x: np.ndarray, y: np.ndarray, equation: str) -> Result:
    """Sums of products of two arrays by index letters, as in `np.einsum`, in at least float32.

    Each letter is once in an operand, and in the other operand or the result too.
    """
    wide_x, wide_y = widened(x), widened(y)
    operands, result = equation.split("->")
    of_x, of_y = operands.split(",")

    def product(one: np.ndarray, other: np.ndarray, letters: str) -> np.ndarray:
        return np.asarray(np.einsum(letters, one, other, optimize=True))

    def pullback(g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        wide_g = widened(g)
        return (
            product(wide_g, wide_y, f"{result},{of_y}->{of_x}"),
            product(wide_x, wide_g, f"{of_x},{result}->{of_y}"),
        )

    return product(wide_x, wide_y, equation).astype(x.dtype, copy=False), pullback
