"""Differentiable functions of tensors."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from saveproof.reference_impl.numerics import primitives, products, windows
from saveproof.reference_impl.numerics.primitives import Axis
from saveproof.reference_impl.numerics.tape import (
    Operand,
    Tape,
    Tensor,
    Variable,
    applied,
    binary,
    current_tracer,
    unary,
    value_of,
)

__all__ = [
    "Operand",
    "Tape",
    "Tensor",
    "Variable",
    "absolute",
    "add",
    "average_pool",
    "broadcast_to",
    "cast",
    "clip",
    "concatenate",
    "conv",
    "divide",
    "einsum",
    "erf",
    "exp",
    "identity",
    "log",
    "log_softmax",
    "matmul",
    "max",
    "max_pool",
    "maximum",
    "mean",
    "minimum",
    "multiply",
    "negative",
    "pad",
    "power",
    "relu",
    "reshape",
    "sigmoid",
    "softmax",
    "softplus",
    "sqrt",
    "square",
    "stack",
    "stop_gradient",
    "subtract",
    "sum",
    "take",
    "tanh",
    "transpose",
    "where",
]


def add(x: Operand, y: Operand) -> Tensor:
    """The sum of x and y."""
    return binary(primitives.add, x, y)


def subtract(x: Operand, y: Operand) -> Tensor:
    """The difference x - y."""
    return binary(primitives.subtract, x, y)


def multiply(x: Operand, y: Operand) -> Tensor:
    """The product of x and y."""
    return binary(primitives.multiply, x, y)


def divide(x: Operand, y: Operand) -> Tensor:
    """The quotient x / y."""
    return binary(primitives.divide, x, y)


def maximum(x: Operand, y: Operand) -> Tensor:
    """The larger of x and y."""
    return binary(primitives.maximum, x, y)


def minimum(x: Operand, y: Operand) -> Tensor:
    """The smaller of x and y."""
    return binary(primitives.minimum, x, y)


def matmul(x: Operand, y: Operand) -> Tensor:
    """The product of matrices or of stacks of them."""
    return binary(primitives.matmul, x, y)


def einsum(equation: str, x: Operand, y: Operand) -> Tensor:
    """Sums of products of x and y by index letters, as in `np.einsum`."""
    return applied(partial(products.einsum, equation=equation), (x, y))


def identity(x: Operand) -> Tensor:
    """X as a new tensor without `logits`."""
    return unary(primitives.identity, x)


def negative(x: Operand) -> Tensor:
    """Minus x."""
    return unary(primitives.negative, x)


def exp(x: Operand) -> Tensor:
    """E to the x."""
    return unary(primitives.exp, x)


def log(x: Operand) -> Tensor:
    """The natural logarithm."""
    return unary(primitives.log, x)


def sqrt(x: Operand) -> Tensor:
    """The square root."""
    return unary(primitives.sqrt, x)


def square(x: Operand) -> Tensor:
    """The square of x."""
    return unary(primitives.square, x)


def absolute(x: Operand) -> Tensor:
    """The absolute value."""
    return unary(primitives.absolute, x)


def tanh(x: Operand) -> Tensor:
    """The hyperbolic tangent."""
    return unary(primitives.tanh, x)


def sigmoid(x: Operand) -> Tensor:
    """1 / (1 + exp(-x))."""
    return unary(primitives.sigmoid, x)


def relu(x: Operand) -> Tensor:
    """Max(x, 0)."""
    return unary(primitives.relu, x)


def softplus(x: Operand) -> Tensor:
    """Log(1 + exp(x))."""
    return unary(primitives.softplus, x)


def erf(x: Operand) -> Tensor:
    """The error function."""
    return unary(primitives.erf, x)


def power(x: Operand, exponent: float) -> Tensor:
    """X to a constant exponent."""
    return unary(primitives.power, x, exponent)


def clip(x: Operand, low: float, high: float) -> Tensor:
    """X kept within [low, high]."""
    return unary(primitives.clip, x, low, high)


def where(condition: Operand, x: Operand, y: Operand) -> Tensor:
    """X where the condition holds, else y."""
    known = np.asarray(condition, bool) if current_tracer() is None else condition
    return binary(primitives.where, x, y, known)


def cast(x: Operand, dtype: npt.DTypeLike) -> Tensor:
    """X in another dtype; x itself if it is a tensor of that dtype already."""
    if isinstance(x, Tensor) and x.dtype == dtype:
        return x
    return unary(primitives.cast, x, np.dtype(dtype))


def sum(x: Operand, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """The sum over axes; over all of them by default."""
    return unary(primitives.sum_, x, axis, keepdims)


def mean(x: Operand, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """The mean over axes; over all of them by default."""
    return unary(primitives.mean, x, axis, keepdims)


def max(x: Operand, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
    """The maximum over axes; over all of them by default."""
    return unary(primitives.max_, x, axis, keepdims)


def reshape(x: Operand, shape: Sequence[int]) -> Tensor:
    """The same elements in C order in another shape; one length may be -1."""
    return unary(primitives.reshape, x, tuple(shape))


def transpose(x: Operand, axes: Sequence[int]) -> Tensor:
    """X with its axes in another order."""
    return unary(primitives.transpose, x, tuple(axes))


def broadcast_to(x: Operand, shape: tuple[int, ...]) -> Tensor:
    """X repeated to a larger shape."""
    return unary(primitives.broadcast_to, x, shape)


def pad(x: Operand, widths: Sequence[tuple[int, int]], *, fill: float = 0.0) -> Tensor:
    """X with (before, after) elements of value `fill` added on each axis."""
    return unary(primitives.pad, x, widths, fill)


def concatenate(xs: Sequence[Operand], axis: int = -1) -> Tensor:
    """Tensors joined along an axis."""
    return applied(partial(primitives.concatenate, axis=axis), tuple(xs))


def stack(xs: Sequence[Operand], axis: int = 0) -> Tensor:
    """Tensors of one shape joined along a new axis."""
    return applied(partial(primitives.stack, axis=axis), tuple(xs))


def take(x: Operand, indices: np.ndarray) -> Tensor:
    """Rows of x by integer index; the gradient is dense."""
    return unary(primitives.take, x, indices)


def log_softmax(x: Operand, axis: int = -1) -> Tensor:
    """The logarithm of the softmax along an axis."""
    return unary(primitives.log_softmax, x, axis)


def softmax(x: Operand, axis: int = -1) -> Tensor:
    """Exp(x) / sum(exp(x)) along an axis."""
    return unary(primitives.softmax, x, axis)


def conv(
    x: Operand,
    kernel: Operand,
    *,
    strides: Sequence[int],
    padding: str = "valid",
    dilation: Sequence[int],
    depthwise: bool = False,
) -> Tensor:
    """Cross-correlation of x (batch, *space, channels) with kernel (*window, channels, filters).

    `padding` is "valid", "same" or, on one axis, "causal", as in TensorFlow. With `depthwise` each
    channel has its own filters, and the results are concatenated.
    """
    pads = _pads(x, np.shape(kernel)[:-2], strides, dilation, padding)
    primitive = windows.depthwise_conv if depthwise else windows.conv
    return binary(primitive, x, kernel, strides, dilation, pads)


def max_pool(
    x: Operand, *, sizes: Sequence[int], strides: Sequence[int], padding: str = "valid"
) -> Tensor:
    """The largest element of each window of x (batch, *space, channels)."""
    pads = _pads(x, sizes, strides, [1] * len(sizes), padding)
    return unary(windows.max_pool, x, sizes, strides, pads)


def average_pool(
    x: Operand, *, sizes: Sequence[int], strides: Sequence[int], padding: str = "valid"
) -> Tensor:
    """The mean of each window of x (batch, *space, channels), of the elements inside x."""
    pads = _pads(x, sizes, strides, [1] * len(sizes), padding)
    return unary(windows.average_pool, x, sizes, strides, pads)


def _pads(
    x: Operand, sizes: Sequence[int], strides: Sequence[int], dilation: Sequence[int], padding: str
) -> list[tuple[int, int]]:
    per_axis = zip(np.shape(x)[1:-1], sizes, strides, dilation, strict=True)
    return [windows.pad_amounts(n, size, s, d, padding) for n, size, s, d in per_axis]


def stop_gradient(x: Operand) -> Tensor:
    """X as a constant: no gradient flows through it."""
    return Tensor(value_of(x)) if current_tracer() is None else identity(x)
