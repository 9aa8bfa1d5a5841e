"""Convolution and pooling as TensorFlow's operations."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from reference_impl.graphs.casting import Outcome, converted, widened
from reference_impl.graphs.function import Function
from reference_impl.graphs.shaping import padded
from reference_impl.graphs.symbol import Symbol


def convolved(
    function: Function,
    x: Symbol,
    kernel: Symbol,
    *,
    strides: Sequence[int],
    dilation: Sequence[int],
    padding: str,
    outcome: Outcome,
) -> Symbol:
    """Return the cross-correlation over one axis or two; `padding` is TensorFlow's own."""
    shape, dtype = outcome
    x, kernel = widened(function, x), widened(function, kernel)
    wide, flat = x.dtype, len(strides) == 1
    if flat:
        x, kernel = _with_axis(function, x, 1), _with_axis(function, kernel, 0)
        strides, dilation = (1, *strides), (1, *dilation)
    found = function.node(
        "Conv2D", [x.name, kernel.name], (shape[0], 1, *shape[1:]) if flat else shape, wide,
        T=wide, padding=padding, strides=[1, *strides, 1], dilations=[1, *dilation, 1],
    )  # fmt: skip
    if flat:
        found = function.node("Squeeze", [found.name], shape, wide, T=wide, squeeze_dims=[1])
    return converted(function, found, dtype)


def _with_axis(function: Function, x: Symbol, axis: int) -> Symbol:
    place = function.constant(axis, np.int32)
    shape = (*x.shape[:axis], 1, *x.shape[axis:])
    return function.node("ExpandDims", [x.name, place.name], shape, x.dtype, T=x.dtype)


def conv(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    """Draw a cross-correlation of an input padded as told."""
    (x, kernel), (strides, dilation, pads) = inputs, args
    if any(pair != (0, 0) for pair in pads):
        x = _padded_space(function, x, pads, 0.0)
    return convolved(
        function, x, kernel, strides=strides, dilation=dilation, padding="VALID", outcome=outcome
    )


def _padded_space(
    function: Function, x: Symbol, pads: Sequence[tuple[int, int]], fill: float
) -> Symbol:
    widths = [(0, 0), *pads, (0, 0)]
    lengths = zip(x.shape, widths, strict=True)
    shape = tuple(None if n is None else before + n + after for n, (before, after) in lengths)
    return padded(function, x, widths, fill, shape)


def pooled(
    function: Function,
    x: Symbol,
    *,
    sizes: Sequence[int],
    strides: Sequence[int],
    padding: str,
    outcome: Outcome,
) -> Symbol:
    """Return the largest element of each window over two axes."""
    shape, dtype = outcome
    return function.node(
        "MaxPool", [x.name], shape, dtype, T=dtype, ksize=[1, *sizes, 1],
        strides=[1, *strides, 1], padding=padding,
    )  # fmt: skip


def max_pool(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    """Draw the largest element of each window of an input padded as told."""
    (x,), (sizes, strides, pads) = inputs, args
    if any(pair != (0, 0) for pair in pads):
        x = _padded_space(function, x, pads, -np.inf)
    return pooled(function, x, sizes=sizes, strides=strides, padding="VALID", outcome=outcome)
