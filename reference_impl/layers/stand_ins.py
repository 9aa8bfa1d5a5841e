"""Calls on zeros of trial lengths, to build a layer and find its output shapes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from saveproof.reference_impl.limits import check_size
from saveproof.reference_impl.nest import Nested, Shape, map_leaves, map_shapes, shapes_in

PAIRS = ((2, 3), (8, 9), (32, 33), (128, 129))
"""Pairs of lengths tried for open ones: an output length that differs between the two is open.

Later pairs are larger, since a window needs at least its own length, and stacked windows more.
"""


def zeros_for(symbols: Nested, length: int) -> Nested:
    """Return zeros for symbolic tensors: one sample, and `length` for each other open length."""

    def zeros(symbol: Any) -> np.ndarray:
        sizes = [length if size is None else size for size in symbol.shape[1:]]
        lengths = [*(size or 1 for size in symbol.shape[:1]), *sizes]
        check_size(lengths, str(symbol.dtype), where="inputs to build a layer with", keep=False)
        return np.zeros(lengths, symbol.dtype)

    return map_leaves(zeros, symbols)


def open_shapes(called: Callable[[int], Nested], given: Sequence[Shape], *, where: str) -> Nested:
    """Return the shapes of a call's outputs, with None for lengths that depend on an open one.

    Args:
        called: returns the shapes of the outputs for a given value of the open lengths.
        given: the shapes of the inputs, batch first.
        where: the called layer, for messages.

    Raises:
        ValueError: if the call fails for every length tried.
    """
    if not any(None in shape[1:] for shape in given):
        return called(1)
    first: Exception | None = None
    for one, other in PAIRS:
        try:
            return _compared(called(one), called(other))
        except (ValueError, IndexError) as error:
            first = first or error
    raise ValueError(
        f"{where}: expected a call that works for any open lengths of its inputs "
        f"{list(given)}; tried {PAIRS[0][0]} to {PAIRS[-1][1]}: {first}; give the lengths that it "
        "needs"
    ) from first


def _compared(one: Nested, other: Nested) -> Nested:
    sizes = iter(shapes_in(other))
    return map_shapes(lambda shape: _open_where_other(shape, next(sizes)), one)


def _open_where_other(shape: Shape, other: Shape) -> Shape:
    pairs = zip(shape, other, strict=True)
    return tuple(size if size == length else None for size, length in pairs)
