"""Recipes for convolution and pooling."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from saveproof.reference_impl.nest import Shape
from saveproof.reference_impl.saving.savedmodel.graphs.casting_ops import (
    Outcome,
    converted,
    same,
    widened,
)
from saveproof.reference_impl.saving.savedmodel.graphs.function import Function
from saveproof.reference_impl.saving.savedmodel.graphs.shape_ops import joined, padded, sliced
from saveproof.reference_impl.saving.savedmodel.graphs.symbol import Symbol

Slid = Callable[[Symbol, Shape, Sequence[int]], Symbol]
"""Draws an operation over two axes, given the input, the result's shape and the strides."""


def _over_axes(
    function: Function, x: Symbol, strides: Sequence[int], outcome: Outcome, slid: Slid
) -> Symbol:
    """Return an operation over two axes, or over one axis with an added axis of length 1."""
    shape, dtype = outcome
    if len(strides) == 2:
        return converted(function, slid(x, shape, strides), dtype)
    found = slid(_with_axis(function, x, 1), (shape[0], 1, *shape[1:]), (1, *strides))
    found = function.node(
        "Squeeze", [found.name], shape, found.dtype, T=found.dtype, squeeze_dims=[1]
    )
    return converted(function, found, dtype)


def convolved(
    function: Function,
    x: Symbol,
    kernel: Symbol,
    *,
    strides: Sequence[int],
    dilation: Sequence[int],
    padding: str,
    outcome: Outcome,
    op: str = "Conv2D",
) -> Symbol:
    """Return the cross-correlation over one or two axes, with TensorFlow's `padding`."""
    x, kernel = widened(function, x), widened(function, kernel)
    if len(strides) == 1:
        kernel, dilation = _with_axis(function, kernel, 0), (1, *dilation)

    def slid(x: Symbol, shape: Shape, strides: Sequence[int]) -> Symbol:
        if op == "DepthwiseConv2dNative":  # its strides must be equal
            strides = [max(strides)] * 2
        return function.node(
            op, [x.name, kernel.name], shape, x.dtype,
            T=x.dtype, padding=padding, strides=[1, *strides, 1], dilations=[1, *dilation, 1],
        )  # fmt: skip

    return _over_axes(function, x, strides, outcome, slid)


def convolved_depthwise(
    function: Function,
    x: Symbol,
    kernel: Symbol,
    *,
    strides: Sequence[int],
    dilation: Sequence[int],
    padding: str,
    outcome: Outcome,
) -> Symbol:
    """Return the cross-correlation of each channel with its own kernels.

    On some devices TensorFlow's operation requires equal strides and no dilation; other cases are
    drawn channel by channel.
    """
    how: dict[str, Any] = {"strides": strides, "dilation": dilation, "padding": padding}
    shape, dtype = outcome
    channels, multiplier = kernel.shape[-2:]
    if set(dilation) == {1} and len(set(strides)) == 1:
        op = "DepthwiseConv2dNative"
        return convolved(function, x, kernel, **how, outcome=outcome, op=op)
    one = (*shape[:-1], multiplier), dtype
    parts = [
        convolved(function, *(_channel(function, y, i, at) for y, at in ((x, -1), (kernel, -2))),
                  **how, outcome=one)
        for i in range(channels)
    ]  # fmt: skip
    return joined(function, parts, x.ndim - 1, outcome)


def _channel(function: Function, x: Symbol, place: int, axis: int) -> Symbol:
    """Return one channel of x, with a channel axis of length 1."""
    key: list[Any] = [slice(None)] * x.ndim
    key[axis] = slice(place, place + 1)
    shape = list(x.shape)
    shape[axis] = 1
    return sliced(function, x, tuple(key), tuple(shape))


def _with_axis(function: Function, x: Symbol, axis: int) -> Symbol:
    place = function.constant(axis, np.int32)
    shape = (*x.shape[:axis], 1, *x.shape[axis:])
    return function.node("ExpandDims", [x.name, place.name], shape, x.dtype, T=x.dtype)


def conv(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    """Draw a cross-correlation of an input with explicit padding."""
    return _padded_first(convolved, function, inputs, args, outcome)


def depthwise_conv(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    """Draw a depthwise cross-correlation of an input with explicit padding."""
    return _padded_first(convolved_depthwise, function, inputs, args, outcome)


def _padded_first(
    drawn: Callable[..., Symbol],
    function: Function,
    inputs: Sequence[Symbol],
    args: Sequence[Any],
    outcome: Outcome,
) -> Symbol:
    (x, kernel), (strides, dilation, pads) = inputs, args
    x = _padded_space(function, x, pads, 0.0)
    how: dict[str, Any] = {"strides": strides, "dilation": dilation, "padding": "VALID"}
    return drawn(function, x, kernel, **how, outcome=outcome)


def _padded_space(
    function: Function, x: Symbol, pads: Sequence[tuple[int, int]], fill: float
) -> Symbol:
    if all(pair == (0, 0) for pair in pads):
        return x
    widths = [(0, 0), *pads, (0, 0)]
    lengths = zip(x.shape, widths, strict=True)
    shape = tuple(None if n is None else before + n + after for n, (before, after) in lengths)
    return padded(function, x, widths, fill, shape)


def pooled(
    function: Function,
    x: Symbol,
    *,
    op: str,
    sizes: Sequence[int],
    strides: Sequence[int],
    padding: str,
    outcome: Outcome,
) -> Symbol:
    """Return the maximum or mean of each window over one or two axes."""
    window = sizes if len(sizes) == 2 else (1, *sizes)
    x = widened(function, x) if op == "AvgPool" else x

    def slid(x: Symbol, shape: Shape, strides: Sequence[int]) -> Symbol:
        return function.node(
            op, [x.name], shape, x.dtype, T=x.dtype, ksize=[1, *window, 1],
            strides=[1, *strides, 1], padding=padding,
        )  # fmt: skip

    return _over_axes(function, x, strides, outcome, slid)


def max_pool(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    """Draw the maximum of each window of an input with explicit padding."""
    (x,), (sizes, strides, pads) = inputs, args
    x = _padded_space(function, x, pads, -np.inf)
    how: dict[str, Any] = {"sizes": sizes, "strides": strides, "padding": "VALID"}
    return pooled(function, x, op="MaxPool", **how, outcome=outcome)


def average_pool(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    """Draw the mean of each window over its elements that are not padding."""
    (x,), (sizes, strides, pads) = inputs, args
    shape, dtype = outcome
    x = widened(function, x)
    how: dict[str, Any] = {"sizes": sizes, "strides": strides, "padding": "VALID"}
    how |= {"op": "AvgPool", "outcome": (shape, x.dtype)}
    mean = pooled(function, _padded_space(function, x, pads, 0.0), **how)
    if any(pair != (0, 0) for pair in pads):
        ones = _padded_space(function, same(function, "OnesLike", x), pads, 0.0)
        mean = same(function, "RealDiv", mean, pooled(function, ones, **how))
    return converted(function, mean, dtype)
