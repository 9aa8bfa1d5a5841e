"""The primitives of the tape: value and vector-Jacobian product side by side, on plain arrays.

A primitive returns its value and a pullback; the pullback takes the gradient of the value and
returns one gradient for each array argument. Arguments after the arrays are static.
"""

import math
from collections.abc import Callable, Sequence
from types import EllipsisType

import numpy as np

from saveproof.reference_impl.numerics.indexed_slices import Gathered

Pullback = Callable[[np.ndarray], tuple[np.ndarray, ...]]
Result = tuple[np.ndarray, Pullback]
Primitive = Callable[..., Result]
Axis = int | tuple[int, ...] | None
Key = int | slice | EllipsisType | tuple[int | slice | EllipsisType | None, ...] | None


class RankError(ValueError):
    """A primitive is not defined for arrays of this rank."""


def unbroadcast(g: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return `g` summed to the shape of `like`, an operand broadcast to the shape of `g`."""
    shape = np.shape(like)
    if g.shape == shape:
        return g
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    ones = tuple(i for i, size in enumerate(shape) if size == 1 and g.shape[i] != 1)
    return g.sum(axis=ones, keepdims=True) if ones else g


def identity(x: np.ndarray) -> Result:
    """The argument itself."""
    return x, lambda g: (g,)


def add(x: np.ndarray, y: np.ndarray) -> Result:
    """The sum of x and y."""
    return x + y, lambda g: (unbroadcast(g, x), unbroadcast(g, y))


def subtract(x: np.ndarray, y: np.ndarray) -> Result:
    """The difference x - y."""
    return x - y, lambda g: (unbroadcast(g, x), unbroadcast(-g, y))


def multiply(x: np.ndarray, y: np.ndarray) -> Result:
    """The product of x and y."""
    return x * y, lambda g: (unbroadcast(g * y, x), unbroadcast(g * x, y))


def divide(x: np.ndarray, y: np.ndarray) -> Result:
    """The quotient x / y."""
    out = x / y
    return out, lambda g: (unbroadcast(g / y, x), unbroadcast(-g * out / y, y))


def negative(x: np.ndarray) -> Result:
    """Minus x."""
    return -x, lambda g: (-g,)


def power(x: np.ndarray, exponent: float) -> Result:
    """X to a constant exponent."""
    out = x**exponent
    if x.dtype.kind == "V":  # a Python number would widen bfloat16
        out = out.astype(x.dtype)
    return out, lambda g: (g * exponent * x ** (exponent - 1),)


def exp(x: np.ndarray) -> Result:
    """E to the x."""
    out = np.exp(x)
    return out, lambda g: (g * out,)


def log(x: np.ndarray) -> Result:
    """The natural logarithm."""
    return np.log(x), lambda g: (g / x,)


def sqrt(x: np.ndarray) -> Result:
    """The square root; its gradient at 0 is infinite."""
    out = np.sqrt(x)
    return out, lambda g: (g / (2 * out),)


def square(x: np.ndarray) -> Result:
    """The square of x."""
    return x * x, lambda g: (g * (x + x),)


def absolute(x: np.ndarray) -> Result:
    """The absolute value; its gradient at 0 is 0."""
    return np.abs(x), lambda g: (g * np.sign(x),)


def maximum(x: np.ndarray, y: np.ndarray) -> Result:
    """The larger of x and y; where they are equal, x takes the gradient, as in TensorFlow."""
    first = x >= y
    return np.maximum(x, y), lambda g: (unbroadcast(g * first, x), unbroadcast(g * ~first, y))


def minimum(x: np.ndarray, y: np.ndarray) -> Result:
    """The smaller of x and y; where they are equal, x takes the gradient, as in TensorFlow."""
    first = x <= y
    return np.minimum(x, y), lambda g: (unbroadcast(g * first, x), unbroadcast(g * ~first, y))


def clip(x: np.ndarray, low: float, high: float) -> Result:
    """X kept within [low, high]; the gradient passes at the bounds, as in TensorFlow."""
    inside = (x >= low) & (x <= high)
    return np.clip(x, low, high).astype(x.dtype, copy=False), lambda g: (g * inside,)


def tanh(x: np.ndarray) -> Result:
    """The hyperbolic tangent."""
    out = np.tanh(x)
    return out, lambda g: (g * (1 - out * out),)


def sigmoid(x: np.ndarray) -> Result:
    """1 / (1 + exp(-x)), written so that no exponential overflows."""
    small = np.exp(-np.abs(x))
    out = np.where(x >= 0, 1 / (1 + small), small / (1 + small)).astype(x.dtype, copy=False)
    return out, lambda g: (g * out * (1 - out),)


def relu(x: np.ndarray) -> Result:
    """Max(x, 0); its gradient at 0 is 0."""
    positive = x > 0
    return x * positive, lambda g: (g * positive,)


def softplus(x: np.ndarray) -> Result:
    """Log(1 + exp(x)), written so that no exponential overflows."""
    small = np.exp(-np.abs(x))
    out = np.maximum(x, np.zeros((), x.dtype)) + np.log1p(small)
    slope = np.where(x >= 0, 1 / (1 + small), small / (1 + small))
    return out, lambda g: (g * slope,)


def erf(x: np.ndarray) -> Result:
    """The error function, element by element (NumPy has none)."""
    out = np.asarray(np.frompyfunc(math.erf, 1, 1)(x.astype(np.float64))).astype(x.dtype)
    return out, lambda g: (g * (2 / math.sqrt(math.pi)) * np.exp(-x * x),)


def where(x: np.ndarray, y: np.ndarray, condition: np.ndarray) -> Result:
    """X where the condition holds, else y."""
    return np.where(condition, x, y), lambda g: (
        unbroadcast(g * condition, x),
        unbroadcast(g * ~condition, y),
    )


def cast(x: np.ndarray, dtype: np.dtype) -> Result:
    """X in another dtype; the gradient comes back in the dtype of x."""
    return x.astype(dtype), lambda g: (g.astype(x.dtype),)


def matmul(x: np.ndarray, y: np.ndarray) -> Result:
    """The product of matrices, or of stacks of them, in at least float32.

    Raises:
        RankError: If an operand has fewer than two axes.
    """
    if x.ndim < 2 or y.ndim < 2:
        raise RankError(f"matmul: expected operands of rank >= 2, found {x.shape} and {y.shape}")
    wide_x, wide_y = widened(x), widened(y)

    def pullback(g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        wide_g = widened(g)
        gx = unbroadcast(_product(wide_g, wide_y.swapaxes(-1, -2)), x)
        if y.ndim == 2:
            rows = wide_x.reshape(-1, x.shape[-1])
            return gx, rows.T @ wide_g.reshape(-1, g.shape[-1])
        return gx, unbroadcast(wide_x.swapaxes(-1, -2) @ wide_g, y)

    return _product(wide_x, wide_y).astype(x.dtype, copy=False), pullback


def widened(x: np.ndarray) -> np.ndarray:
    """Return half precision as float32; others unchanged."""
    return x.astype(np.float32) if x.dtype.itemsize == 2 else x


def _product(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.ndim == 2 or y.ndim > 2:
        return np.asarray(x @ y)
    return np.asarray(x.reshape(-1, x.shape[-1]) @ y).reshape(*x.shape[:-1], y.shape[-1])


def sum_(x: np.ndarray, axis: Axis, keepdims: bool) -> Result:  # noqa: FBT001 (never seen by users)
    """The sum over axes, accumulated in at least float32."""
    out = np.asarray(widened(x).sum(axis=axis, keepdims=keepdims)).astype(x.dtype, copy=False)
    kept = kept_shape(x.shape, axis)
    return out, lambda g: (np.broadcast_to(g.reshape(kept), x.shape),)


def mean(x: np.ndarray, axis: Axis, keepdims: bool) -> Result:  # noqa: FBT001 (as for sum_)
    """The mean over axes, accumulated in at least float32."""
    out = np.asarray(widened(x).mean(axis=axis, keepdims=keepdims)).astype(x.dtype, copy=False)
    kept, count = kept_shape(x.shape, axis), x.size // max(out.size, 1)
    return out, lambda g: (np.broadcast_to((g / count).reshape(kept), x.shape),)


def max_(x: np.ndarray, axis: Axis, keepdims: bool) -> Result:  # noqa: FBT001 (as for sum_)
    """The maximum over axes; equal maxima share the gradient, as in TensorFlow."""
    kept = kept_shape(x.shape, axis)
    out = np.asarray(x.max(axis=axis, keepdims=keepdims))
    chosen = x == out.reshape(kept)
    share = chosen / np.sum(chosen, axis=axis, keepdims=True)
    return out, lambda g: (g.reshape(kept) * share.astype(x.dtype),)


def kept_shape(shape: tuple[int, ...], axis: Axis) -> tuple[int, ...]:
    """`shape` with the reduced axes at length 1."""
    axes = range(len(shape)) if axis is None else np.atleast_1d(axis)
    reduced = {int(a) % len(shape) for a in axes}
    return tuple(1 if i in reduced else size for i, size in enumerate(shape))


def reshape(x: np.ndarray, shape: Sequence[int]) -> Result:
    """The same elements in C order in another shape."""
    return x.reshape(shape), lambda g: (g.reshape(x.shape),)


def transpose(x: np.ndarray, axes: Sequence[int]) -> Result:
    """X with its axes in another order."""
    return x.transpose(axes), lambda g: (g.transpose(np.argsort(axes)),)


def broadcast_to(x: np.ndarray, shape: tuple[int, ...]) -> Result:
    """X repeated to a larger shape."""
    return np.broadcast_to(x, shape), lambda g: (unbroadcast(g, x),)


def pad(x: np.ndarray, widths: Sequence[tuple[int, int]], fill: float) -> Result:
    """X with (before, after) elements of value `fill` added on each axis."""
    inner = tuple(slice(before, before + n) for (before, _), n in zip(widths, x.shape, strict=True))
    return np.pad(x, widths, constant_values=fill), lambda g: (g[inner],)


def concatenate(*xs: np.ndarray, axis: int) -> Result:
    """Arrays joined along an axis."""
    ends = np.cumsum([x.shape[axis] for x in xs])[:-1]
    return np.concatenate(xs, axis), lambda g: tuple(np.split(g, ends, axis))


def stack(*xs: np.ndarray, axis: int) -> Result:
    """Arrays of one shape joined along a new axis."""
    return np.stack(xs, axis), lambda g: tuple(np.moveaxis(g, axis, 0))


def getitem(x: np.ndarray, key: Key) -> Result:
    """X[key] for integers and slices."""

    def pullback(g: np.ndarray) -> tuple[np.ndarray]:
        gx = np.zeros_like(x)
        gx[key] = g
        return (gx,)

    return np.asarray(x[key]), pullback


def take(x: np.ndarray, indices: np.ndarray) -> Result:
    """Rows of x by integer index; gradients of repeated rows are summed."""
    return x[indices], lambda g: (Gathered.of(g, indices, x),)


def log_softmax(x: np.ndarray, axis: int) -> Result:
    """X - log(sum(exp(x))) along an axis, shifted by the maximum."""
    shifted = x - x.max(axis=axis, keepdims=True)
    out = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return out, lambda g: (g - np.exp(out) * g.sum(axis=axis, keepdims=True),)


def softmax(x: np.ndarray, axis: int) -> Result:
    """Exp(x) / sum(exp(x)) along an axis, shifted by the maximum."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    out = e / e.sum(axis=axis, keepdims=True)
    return out, lambda g: (out * (g - (g * out).sum(axis=axis, keepdims=True)),)
