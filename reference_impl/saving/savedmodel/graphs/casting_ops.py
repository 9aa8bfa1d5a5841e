"""What every recipe needs: what it is, and symbols in other dtypes and of like shapes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from saveproof.reference_impl.nest import Shape
from saveproof.reference_impl.saving.savedmodel.graphs.function import Function
from saveproof.reference_impl.saving.savedmodel.graphs.symbol import Symbol

Outcome = tuple[Shape, np.dtype]
"""The shape and dtype that a primitive gives."""

Recipe = Callable[[Function, Sequence[Symbol], Sequence[Any], Outcome], Symbol]
"""Draws a primitive: takes the function, the operands, the other arguments and the outcome."""


def converted(function: Function, symbol: Symbol, dtype: Any) -> Symbol:
    """Return the symbol in a dtype."""
    if symbol.dtype == np.dtype(dtype):
        return symbol
    return function.node(
        "Cast", [symbol.name], symbol.shape, dtype, SrcT=symbol.dtype, DstT=np.dtype(dtype)
    )


def widened(function: Function, symbol: Symbol) -> Symbol:
    """Return a symbol of half precision in single, any other as it is."""
    return converted(function, symbol, np.float32) if is_narrow(symbol.dtype) else symbol


def is_narrow(dtype: np.dtype) -> bool:
    """Say whether a dtype is of half precision."""
    return dtype.itemsize == 2 and dtype.kind in "fV"


def same(function: Function, op: str, *operands: Symbol, like: Symbol | None = None) -> Symbol:
    """Return an operation whose result is like one of its operands, the first unless told."""
    like = operands[0] if like is None else like
    names = [operand.name for operand in operands]
    return function.node(op, names, like.shape, like.dtype, T=like.dtype)
