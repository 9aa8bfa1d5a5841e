"""The primitives as TensorFlow's operations: what a node is drawn for each of them."""

import math
from collections.abc import Callable, Mapping, Sequence
from types import EllipsisType
from typing import Any

import numpy as np

from reference_impl import primitives, windows
from reference_impl.graphs.function import Function
from reference_impl.graphs.symbol import Symbol, UntraceableOperation
from reference_impl.nest import Shape

Outcome = tuple[Shape, np.dtype]
"""The shape and dtype that a primitive gives."""

Recipe = Callable[[Function, Sequence[Symbol], Sequence[Any], Outcome], Symbol]

SAME_DTYPE: Mapping[Any, str] = {
    primitives.absolute: "Abs",
    primitives.add: "AddV2",
    primitives.divide: "RealDiv",
    primitives.erf: "Erf",
    primitives.exp: "Exp",
    primitives.identity: "Identity",
    primitives.log: "Log",
    primitives.maximum: "Maximum",
    primitives.minimum: "Minimum",
    primitives.multiply: "Mul",
    primitives.negative: "Neg",
    primitives.relu: "Relu",
    primitives.sigmoid: "Sigmoid",
    primitives.softplus: "Softplus",
    primitives.sqrt: "Sqrt",
    primitives.square: "Square",
    primitives.subtract: "Sub",
    primitives.tanh: "Tanh",
}
"""Operations on elements whose operands and result have one dtype."""


def elementwise(op: str) -> Recipe:
    """Return the recipe of an operation on elements; operands are brought to the result's dtype."""

    def recipe(
        function: Function, inputs: Sequence[Symbol], _: Sequence[Any], outcome: Outcome
    ) -> Symbol:
        shape, dtype = outcome
        operands = [converted(function, symbol, dtype).name for symbol in inputs]
        return function.node(op, operands, shape, dtype, T=dtype)

    return recipe


def converted(function: Function, symbol: Symbol, dtype: Any) -> Symbol:
    """Return the symbol in a dtype."""
    if symbol.dtype == np.dtype(dtype):
        return symbol
    return function.node(
        "Cast", [symbol.name], symbol.shape, dtype, SrcT=symbol.dtype, DstT=np.dtype(dtype)
    )


def _widened(function: Function, symbol: Symbol) -> Symbol:
    narrow = symbol.dtype.itemsize == 2 and symbol.dtype.kind in "fV"
    return converted(function, symbol, np.float32) if narrow else symbol


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
    x, y = (_widened(function, symbol) for symbol in inputs)
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
        x = _widened(function, inputs[0])
        axes = range(x.ndim) if axis is None else np.atleast_1d(axis)
        over = function.constant([int(a) for a in axes], np.int32)
        result = function.node(
            op, [x.name, over.name], shape, x.dtype, T=x.dtype, keep_dims=bool(keepdims)
        )
        return converted(function, result, dtype)

    return recipe


def reshaped(function: Function, x: Symbol, shape: Sequence[int | None]) -> Symbol:
    """Return the elements of x in another shape; at most one length may be open or -1."""
    open_axes = [axis for axis, size in enumerate(shape) if size is None or size == -1]
    found: list[int | None] = [
        None if axis in open_axes else shape[axis] for axis in range(len(shape))
    ]
    if open_axes and None not in x.shape:
        known = math.prod(size for size in found if size is not None)
        found[open_axes[0]] = math.prod(x.shape) // max(known, 1)
    target = function.constant([-1 if size is None else size for size in found], np.int32)
    return function.node("Reshape", [x.name, target.name], tuple(found), x.dtype, T=x.dtype)


def _reshape(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    """Draw a reshape; None asks for the length that x has on that axis."""
    (x,), (shape, _) = inputs, outcome
    target = list(args[0])
    if sum(size is None for size in shape) <= 1:
        return reshaped(function, x, shape)
    lengths = [
        length_of(function, x, axis) if size is None else size for axis, size in enumerate(target)
    ]
    return reshaped_to(function, x, lengths, shape)


def reshaped_to(
    function: Function, x: Symbol, lengths: Sequence[Symbol | int | None], shape: Shape
) -> Symbol:
    """Return x with lengths that are numbers of the graph or known; None is left to TensorFlow."""
    known = [
        length
        if isinstance(length, Symbol)
        else function.constant(-1 if length is None else length, np.int32)
        for length in lengths
    ]
    target = function.node(
        "Pack", [length.name for length in known], (len(shape),), np.int32,
        N=len(known), T=np.dtype(np.int32),
    )  # fmt: skip
    return function.node("Reshape", [x.name, target.name], shape, x.dtype, T=x.dtype)


def length_of(function: Function, x: Symbol, axis: int) -> Symbol:
    """Return the length of an axis as a number of the graph."""
    if x.shape[axis] is not None:
        return function.constant(x.shape[axis], np.int32)
    sizes = function.node("Shape", [x.name], (x.ndim,), np.int32, T=x.dtype)
    return sliced(function, sizes, (axis,), ())


def sliced(function: Function, x: Symbol, key: tuple[Any, ...], shape: Shape) -> Symbol:
    """Return x[key], for integers, slices, Ellipsis and None, which gives this shape."""
    begin, end, strides = [], [], []
    masks = dict.fromkeys(("begin", "end", "ellipsis", "new_axis", "shrink_axis"), 0)
    for place, item in enumerate(key):
        bit, part = 1 << place, slice(None)
        if isinstance(item, EllipsisType):
            masks["ellipsis"] |= bit
        elif item is None:
            masks["new_axis"] |= bit
        elif isinstance(item, slice):
            part = item
        else:
            masks["shrink_axis"] |= bit
            number = int(item)
            part = slice(number, number + 1 if number != -1 else None)
        masks["begin"] |= bit if part.start is None else 0
        masks["end"] |= bit if part.stop is None else 0
        begin.append(part.start or 0)
        end.append(part.stop or 0)
        strides.append(part.step or 1)
    index = np.dtype(np.int32)
    operands = [x, *(function.constant(bounds, index) for bounds in (begin, end, strides))]
    return function.node(
        "StridedSlice", [operand.name for operand in operands], shape, x.dtype, T=x.dtype,
        Index=index, **{f"{name}_mask": bits for name, bits in masks.items()},
    )  # fmt: skip


def _getitem(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    key = args[0] if isinstance(args[0], tuple) else (args[0],)
    return sliced(function, inputs[0], key, outcome[0])


def _transpose(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    shape, dtype = outcome
    order = function.constant([axis % len(shape) for axis in args[0]], np.int32)
    return function.node("Transpose", [inputs[0].name, order.name], shape, dtype, T=dtype)


def _broadcast_to(
    function: Function, inputs: Sequence[Symbol], _: Sequence[Any], outcome: Outcome
) -> Symbol:
    shape, dtype = outcome
    if None in shape:
        raise UntraceableOperation(
            f"broadcast_to: expected a known shape, found {shape}, which a graph can't be given"
        )
    target = function.constant(list(shape), np.int32)
    return function.node("BroadcastTo", [inputs[0].name, target.name], shape, dtype, T=dtype)


def padded(
    function: Function, x: Symbol, widths: Sequence[tuple[int, int]], fill: float, shape: Shape
) -> Symbol:
    """Return x with elements added on each axis."""
    amounts = function.constant([list(pair) for pair in widths], np.int32)
    value = function.constant(fill, x.dtype)
    return function.node("PadV2", [x.name, amounts.name, value.name], shape, x.dtype, T=x.dtype)


def _pad(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    widths, fill = args
    return padded(function, inputs[0], widths, fill, outcome[0])


def joined(function: Function, inputs: Sequence[Symbol], axis: int, outcome: Outcome) -> Symbol:
    """Return tensors joined along an axis."""
    shape, dtype = outcome
    names = [converted(function, symbol, dtype).name for symbol in inputs]
    if len(names) == 1:
        return function.node("Identity", names, shape, dtype, T=dtype)
    place = function.constant(axis, np.int32)
    return function.node("ConcatV2", [*names, place.name], shape, dtype, N=len(names), T=dtype)


def _concatenate(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    return joined(function, inputs, args[0]["axis"], outcome)


def _stack(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    shape, dtype = outcome
    names = [converted(function, symbol, dtype).name for symbol in inputs]
    return function.node(
        "Pack", names, shape, dtype, N=len(names), T=dtype, axis=int(args[0]["axis"])
    )


def _take(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    indices = args[0] if isinstance(args[0], Symbol) else function.constant(args[0])
    return rows_taken(function, inputs[0], indices, outcome[0])


def rows_taken(function: Function, table: Symbol, indices: Symbol, shape: Shape) -> Symbol:
    """Return rows of a table by integer index."""
    axis = function.constant(0, np.int32)
    return function.node(
        "GatherV2", [table.name, indices.name, axis.name], shape, table.dtype,
        Tparams=table.dtype, Tindices=indices.dtype, Taxis=np.dtype(np.int32),
    )  # fmt: skip


def _softmax(op: str) -> Recipe:
    def recipe(
        function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
    ) -> Symbol:
        (x,), (shape, dtype), axis = inputs, outcome, args[0] % inputs[0].ndim
        order = [a for a in range(x.ndim) if a != axis] + [axis]
        turned = tuple(shape[a] for a in order)
        last = x if axis == x.ndim - 1 else _transpose(function, [x], [order], (turned, dtype))
        found = function.node(op, [last.name], turned, dtype, T=dtype)
        if last is x:
            return found
        return _transpose(function, [found], [np.argsort(order).tolist()], outcome)

    return recipe


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
    x, kernel = _widened(function, x), _widened(function, kernel)
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


def _conv(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
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


def _max_pool(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    (x,), (sizes, strides, pads) = inputs, args
    if any(pair != (0, 0) for pair in pads):
        x = _padded_space(function, x, pads, -np.inf)
    return pooled(function, x, sizes=sizes, strides=strides, padding="VALID", outcome=outcome)


OPERATIONS: Mapping[Any, Recipe] = {
    **{primitive: elementwise(op) for primitive, op in SAME_DTYPE.items()},
    primitives.broadcast_to: _broadcast_to,
    primitives.cast: _cast,
    primitives.clip: _clip,
    primitives.concatenate: _concatenate,
    primitives.getitem: _getitem,
    primitives.log_softmax: _softmax("LogSoftmax"),
    primitives.matmul: _matmul,
    primitives.max_: _reduction("Max"),
    primitives.mean: _reduction("Mean"),
    primitives.pad: _pad,
    primitives.power: _power,
    primitives.reshape: _reshape,
    primitives.softmax: _softmax("Softmax"),
    primitives.stack: _stack,
    primitives.sum_: _reduction("Sum"),
    primitives.take: _take,
    primitives.transpose: _transpose,
    primitives.where: _where,
    windows.conv: _conv,
    windows.max_pool: _max_pool,
}
"""Every primitive, and how it is drawn."""
