"""Recipes for reshaping, slicing, concatenating and padding."""

import math
from collections.abc import Sequence
from types import EllipsisType
from typing import Any

import numpy as np

from saveproof.reference_impl.nest import Shape
from saveproof.reference_impl.saving.savedmodel.graphs.casting_ops import Outcome, converted
from saveproof.reference_impl.saving.savedmodel.graphs.function import Function
from saveproof.reference_impl.saving.savedmodel.graphs.symbol import Symbol, UntraceableOperation


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


def reshape(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    """Draw a reshape; None means the length of x on that axis."""
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
    """Return x reshaped to lengths that are symbols or numbers; TensorFlow infers None."""
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
    """Return the length of an axis as a scalar symbol."""
    if x.shape[axis] is not None:
        return function.constant(x.shape[axis], np.int32)
    sizes = function.node("Shape", [x.name], (x.ndim,), np.int32, T=x.dtype)
    return sliced(function, sizes, (axis,), ())


def sliced(function: Function, x: Symbol, key: tuple[Any, ...], shape: Shape) -> Symbol:
    """Return x[key] of this shape, for integers, slices, Ellipsis and None."""
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


def getitem(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    """Draw an index of integers, slices, Ellipsis and None."""
    key = args[0] if isinstance(args[0], tuple) else (args[0],)
    return sliced(function, inputs[0], key, outcome[0])


def transpose(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    """Draw a transposition."""
    shape, dtype = outcome
    order = function.constant([axis % len(shape) for axis in args[0]], np.int32)
    return function.node("Transpose", [inputs[0].name, order.name], shape, dtype, T=dtype)


def broadcast_to(
    function: Function, inputs: Sequence[Symbol], _: Sequence[Any], outcome: Outcome
) -> Symbol:
    """Draw a broadcast to a larger, known shape."""
    shape, dtype = outcome
    if None in shape:
        raise UntraceableOperation(f"broadcast_to: expected a known shape, found {shape}")
    target = function.constant(list(shape), np.int32)
    return function.node("BroadcastTo", [inputs[0].name, target.name], shape, dtype, T=dtype)


def padded(
    function: Function, x: Symbol, widths: Sequence[tuple[int, int]], fill: float, shape: Shape
) -> Symbol:
    """Return x padded on each axis."""
    amounts = function.constant([list(pair) for pair in widths], np.int32)
    value = function.constant(fill, x.dtype)
    return function.node("PadV2", [x.name, amounts.name, value.name], shape, x.dtype, T=x.dtype)


def pad(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    """Draw padding on each axis."""
    widths, fill = args
    return padded(function, inputs[0], widths, fill, outcome[0])


def joined(function: Function, inputs: Sequence[Symbol], axis: int, outcome: Outcome) -> Symbol:
    """Return tensors concatenated along an axis."""
    shape, dtype = outcome
    names = [converted(function, symbol, dtype).name for symbol in inputs]
    if len(names) == 1:
        return function.node("Identity", names, shape, dtype, T=dtype)
    place = function.constant(axis, np.int32)
    return function.node("ConcatV2", [*names, place.name], shape, dtype, N=len(names), T=dtype)


def concatenate(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    """Draw a concatenation along an axis."""
    return joined(function, inputs, args[0]["axis"], outcome)


def stack(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    """Draw a stacking along a new axis."""
    shape, dtype = outcome
    names = [converted(function, symbol, dtype).name for symbol in inputs]
    return function.node(
        "Pack", names, shape, dtype, N=len(names), T=dtype, axis=int(args[0]["axis"])
    )


def take(
    function: Function, inputs: Sequence[Symbol], args: Sequence[Any], outcome: Outcome
) -> Symbol:
    """Draw a lookup of table rows by integer index."""
    indices = args[0] if isinstance(args[0], Symbol) else function.constant(args[0])
    return rows_taken(function, inputs[0], indices, outcome[0])


def rows_taken(function: Function, table: Symbol, indices: Symbol, shape: Shape) -> Symbol:
    """Return rows of a table by integer index."""
    axis = function.constant(0, np.int32)
    return function.node(
        "GatherV2", [table.name, indices.name, axis.name], shape, table.dtype,
        Tparams=table.dtype, Tindices=indices.dtype, Taxis=np.dtype(np.int32),
    )  # fmt: skip
