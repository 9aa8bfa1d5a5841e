"""`Recipe`, the type of functions that draw primitives, and casts."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from saveproof.reference_impl.nest import Shape
from saveproof.reference_impl.saving.savedmodel.graphs.function import Function
from saveproof.reference_impl.saving.savedmodel.graphs.symbol import Symbol

Outcome = tuple[Shape, np.dtype]
"""The shape and dtype of a primitive's result."""

Recipe = Callable[[Function, Sequence[Symbol], Sequence[Any], Outcome], Symbol]
"""Draws a primitive, given the function, the operands, static arguments and the outcome."""


def converted(function: Function, symbol: Symbol, dtype: Any) -> Symbol:
    """Return the symbol cast to a dtype."""
    if symbol.dtype == np.dtype(dtype):
        return symbol
    return function.node(
        "Cast", [symbol.name], symbol.shape, dtype, SrcT=symbol.dtype, DstT=np.dtype(dtype)
    )


def widened(function: Function, symbol: Symbol) -> Symbol:
    """Return a half-precision symbol cast to float32; others unchanged."""
    return converted(function, symbol, np.float32) if is_narrow(symbol.dtype) else symbol


def is_narrow(dtype: np.dtype) -> bool:
    """Return whether a dtype has half precision."""
    return dtype.itemsize == 2 and dtype.kind in "fV"


def same(function: Function, op: str, *operands: Symbol, like: Symbol | None = None) -> Symbol:
    """Return an operation whose result has the shape and dtype of `like`, by default the first."""
    like = operands[0] if like is None else like
    names = [operand.name for operand in operands]
    return function.node(op, names, like.shape, like.dtype, T=like.dtype)
