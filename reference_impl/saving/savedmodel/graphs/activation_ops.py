"""Sigmoid, softplus and softmax as TensorFlow operations with the rounding of our primitives."""

from collections.abc import Sequence
from functools import partial, reduce
from typing import Any

import numpy as np

from saveproof.reference_impl.saving.savedmodel.graphs.casting_ops import (
    Outcome,
    Recipe,
    converted,
    is_narrow,
    same,
)
from saveproof.reference_impl.saving.savedmodel.graphs.function import Function
from saveproof.reference_impl.saving.savedmodel.graphs.shape_ops import sliced, transpose
from saveproof.reference_impl.saving.savedmodel.graphs.symbol import Symbol


def _small(function: Function, x: Symbol) -> Symbol:
    """Return exp(-|x|), from which sigmoid and softplus are computed without overflow."""
    return same(function, "Exp", same(function, "Neg", same(function, "Abs", x)))


def sigmoid(
    function: Function, inputs: Sequence[Symbol], _: Sequence[Any], outcome: Outcome
) -> Symbol:
    """Draw a sigmoid, in half precision step by step, since TensorFlow's rounds only once."""
    (x,), (shape, dtype) = inputs, outcome
    if not is_narrow(dtype):
        return same(function, "Sigmoid", x)
    small, one = _small(function, x), function.constant(1, dtype)
    divisor = same(function, "AddV2", small, one)
    high = same(function, "RealDiv", one, divisor, like=x)
    low = same(function, "RealDiv", small, divisor)
    zero = function.constant(0, dtype)
    positive = function.node("GreaterEqual", [x.name, zero.name], shape, np.bool_, T=dtype)
    return same(function, "SelectV2", positive, high, low, like=x)


def softplus(
    function: Function, inputs: Sequence[Symbol], _: Sequence[Any], outcome: Outcome
) -> Symbol:
    """Draw max(x, 0) + log1p(exp(-|x|)); TensorFlow's softplus differs by several ulps."""
    (x,) = inputs
    floor = same(function, "Maximum", x, function.constant(0, outcome[1]))
    return same(function, "AddV2", floor, same(function, "Log1p", _small(function, x)))


def _exponentials(function: Function, x: Symbol) -> tuple[Symbol, Symbol, Symbol]:
    """Return x minus its maximum along the last axis, the exponential, and its sum."""
    over, summed = function.constant([x.ndim - 1], np.int32), (*x.shape[:-1], 1)
    kept = {"T": x.dtype, "keep_dims": True}
    highest = function.node("Max", [x.name, over.name], summed, x.dtype, **kept)
    shifted = same(function, "Sub", x, highest)
    powers = same(function, "Exp", shifted)
    if x.dtype == np.float16:  # NumPy adds these up in single precision
        wide = converted(function, powers, np.float32)
        kept["T"] = wide.dtype
        total = function.node("Sum", [wide.name, over.name], summed, wide.dtype, **kept)
        return shifted, powers, converted(function, total, x.dtype)
    parts = [
        sliced(function, powers, (..., slice(place, place + 1)), summed)
        for place in range(x.shape[-1])
    ]
    return shifted, powers, reduce(partial(same, function, "AddV2"), parts)


def _narrow_softmax(function: Function, op: str, x: Symbol) -> Symbol:
    """Draw a softmax along the last axis step by step, with the rounding of our primitive."""
    shifted, powers, total = _exponentials(function, x)
    if op == "Softmax":
        return same(function, "RealDiv", powers, total)
    return same(function, "Sub", shifted, same(function, "Log", total))


def softmax(op: str) -> Recipe:
    """Return the recipe of a softmax or its logarithm along any axis."""

    def recipe(
        function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
    ) -> Symbol:
        (x,), (shape, dtype), axis = inputs, outcome, args[0] % inputs[0].ndim
        order = [a for a in range(x.ndim) if a != axis] + [axis]
        turned = tuple(shape[a] for a in order)
        last = x if axis == x.ndim - 1 else transpose(function, [x], [order], (turned, dtype))
        known = is_narrow(dtype) and turned[-1] is not None
        found = _narrow_softmax(function, op, last) if known else same(function, op, last)
        if last is x:
            return found
        return transpose(function, [found], [np.argsort(order).tolist()], outcome)

    return recipe
