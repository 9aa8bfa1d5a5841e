"""Recipes that draw each primitive as TensorFlow operations."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from saveproof.reference_impl.nest import Shape
from saveproof.reference_impl.numerics import primitives, products, windows
from saveproof.reference_impl.saving.savedmodel.graphs.activation_ops import (
    sigmoid,
    softmax,
    softplus,
)
from saveproof.reference_impl.saving.savedmodel.graphs.casting_ops import (
    Outcome,
    Recipe,
    converted,
    is_narrow,
    widened,
)
from saveproof.reference_impl.saving.savedmodel.graphs.function import Function
from saveproof.reference_impl.saving.savedmodel.graphs.shape_ops import (
    broadcast_to,
    concatenate,
    getitem,
    length_of,
    pad,
    reshape,
    reshaped,
    reshaped_to,
    stack,
    take,
    transpose,
)
from saveproof.reference_impl.saving.savedmodel.graphs.symbol import Symbol
from saveproof.reference_impl.saving.savedmodel.graphs.window_ops import (
    average_pool,
    conv,
    depthwise_conv,
    max_pool,
)

SAME_DTYPE: Mapping[Any, str] = {
    primitives.absolute: "Abs",
    primitives.add: "AddV2",
    primitives.erf: "Erf",
    primitives.exp: "Exp",
    primitives.identity: "Identity",
    primitives.log: "Log",
    primitives.maximum: "Maximum",
    primitives.minimum: "Minimum",
    primitives.multiply: "Mul",
    primitives.negative: "Neg",
    primitives.relu: "Relu",
    primitives.sqrt: "Sqrt",
    primitives.square: "Square",
    primitives.subtract: "Sub",
    primitives.tanh: "Tanh",
}
"""Elementwise operations whose operands and result have the same dtype."""


def elementwise(op: str) -> Recipe:
    """Return the recipe of an elementwise operation; operands are cast to the result's dtype."""

    def recipe(
        function: Function, inputs: Sequence[Symbol], _: Sequence[Any], outcome: Outcome
    ) -> Symbol:
        shape, dtype = outcome
        operands = [converted(function, symbol, dtype).name for symbol in inputs]
        return function.node(op, operands, shape, dtype, T=dtype)

    return recipe


def _divide(
    function: Function, inputs: Sequence[Symbol], _: Sequence[Any], outcome: Outcome
) -> Symbol:
    """Draw a division; half precision in float32, since TensorFlow rounds the reciprocal."""
    shape, dtype = outcome
    wide = np.dtype(np.float32) if is_narrow(dtype) else dtype
    operands = [converted(function, symbol, wide).name for symbol in inputs]
    return converted(function, function.node("RealDiv", operands, shape, wide, T=wide), dtype)


def _cast(function: Function, inputs: Sequence[Symbol], args: Sequence[Any], _: Outcome) -> Symbol:
    return converted(function, inputs[0], args[0])


def _power(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    shape, dtype = outcome
    base = converted(function, inputs[0], dtype)
    exponent = function.constant(args[0], dtype)
    return function.node("Pow", [base.name, exponent.name], shape, dtype, T=dtype)


def _clip(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    shape, dtype = outcome
    low, high = (function.constant(bound, dtype) for bound in args)
    below = function.node("Minimum", [inputs[0].name, high.name], shape, dtype, T=dtype)
    return function.node("Maximum", [below.name, low.name], shape, dtype, T=dtype)


def _where(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    shape, dtype = outcome
    x, y = (converted(function, symbol, dtype) for symbol in inputs)
    condition = args[0] if isinstance(args[0], Symbol) else function.constant(args[0], bool)
    return function.node("SelectV2", [condition.name, x.name, y.name], shape, dtype, T=dtype)


def _matmul(
    function: Function, inputs: Sequence[Symbol], _: Sequence[Any], outcome: Outcome
) -> Symbol:
    shape, dtype = outcome
    x, y = (widened(function, symbol) for symbol in inputs)
    wide = np.promote_types(x.dtype, y.dtype)
    x, y = converted(function, x, wide), converted(function, y, wide)
    if y.ndim > 2:
        product = function.node("BatchMatMulV2", [x.name, y.name], shape, wide, T=wide)
        return converted(function, product, dtype)
    rows = x if x.ndim == 2 else reshaped(function, x, (-1, x.shape[-1]))
    matrix = (rows.shape[0], shape[-1])
    product = function.node("MatMul", [rows.name, y.name], matrix, wide, T=wide)
    product = converted(function, product, dtype)
    return product if x.ndim == 2 else _reshaped_like(function, product, x, shape)


def _einsum(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    shape, dtype = outcome
    x, y = (widened(function, symbol) for symbol in inputs)
    y = converted(function, y, x.dtype)
    found = function.node(
        "Einsum", [x.name, y.name], shape, x.dtype, N=2, T=x.dtype, equation=args[0]["equation"]
    )
    return converted(function, found, dtype)


def _reshaped_like(function: Function, rows: Symbol, like: Symbol, shape: Shape) -> Symbol:
    """Return rows with the leading axes of `like`."""
    if shape[1:].count(None) == 0:
        return reshaped(function, rows, (-1, *shape[1:]))
    leading = [length_of(function, like, axis) for axis in range(like.ndim - 1)]
    return reshaped_to(function, rows, [*leading, shape[-1]], shape)


def _reduction(op: str) -> Recipe:
    def recipe(
        function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
    ) -> Symbol:
        (shape, dtype), (axis, keepdims) = outcome, args
        x = widened(function, inputs[0])
        axes = range(x.ndim) if axis is None else np.atleast_1d(axis)
        over = function.constant([int(a) for a in axes], np.int32)
        result = function.node(
            op, [x.name, over.name], shape, x.dtype, T=x.dtype, keep_dims=bool(keepdims)
        )
        return converted(function, result, dtype)

    return recipe


OPERATIONS: Mapping[Any, Recipe] = {
    **{primitive: elementwise(op) for primitive, op in SAME_DTYPE.items()},
    primitives.broadcast_to: broadcast_to,
    primitives.cast: _cast,
    primitives.clip: _clip,
    primitives.concatenate: concatenate,
    primitives.divide: _divide,
    primitives.getitem: getitem,
    primitives.log_softmax: softmax("LogSoftmax"),
    primitives.matmul: _matmul,
    primitives.max_: _reduction("Max"),
    primitives.mean: _reduction("Mean"),
    primitives.pad: pad,
    primitives.power: _power,
    primitives.reshape: reshape,
    primitives.softmax: softmax("Softmax"),
    primitives.stack: stack,
    primitives.sigmoid: sigmoid,
    primitives.softplus: softplus,
    primitives.sum_: _reduction("Sum"),
    primitives.take: take,
    primitives.transpose: transpose,
    primitives.where: _where,
    products.einsum: _einsum,
    windows.average_pool: average_pool,
    windows.conv: conv,
    windows.depthwise_conv: depthwise_conv,
    windows.max_pool: max_pool,
}
"""The recipe of every primitive."""
