"""Memory limits for loading files, and `allow_size`, which raises them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

from saveproof.reference_impl.loading import LoadError
from saveproof.reference_impl.state import Array, StoredArray

SLACK = 1 << 24
"""Bytes that a part of any file may always take in memory."""

LARGEST_MODEL = 1 << 32
"""Bytes of weights that a configuration without stored weights may create."""

EXPANSION = 3
"""The largest allowed ratio of a compressed file's size in memory to its size on disk."""

_ALLOWED: ContextVar[int] = ContextVar("allowed", default=0)


@dataclass(slots=True)
class _Budget:
    """The bytes that a model's weights may still take, and the reason for the limit."""

    left: int
    reason: str


_BUDGET: ContextVar[_Budget | None] = ContextVar("budget", default=None)


class TooLarge(LoadError):
    """Loading a file would exceed its memory limit; the message says how to raise it."""


@contextmanager
def allow_size(nbytes: int) -> Iterator[None]:
    """Raise the memory limits to `nbytes` within the block.

    Use it for a trusted file whose load raised `TooLarge`.
    """
    token = _ALLOWED.set(nbytes)
    try:
        yield
    finally:
        _ALLOWED.reset(token)


def check_expansion(size: int, stored: int, *, where: str) -> None:
    """Check that data of `stored` bytes in a file may expand to `size` bytes in memory.

    Raises:
        TooLarge: naming `where`.
    """
    most = max(SLACK, EXPANSION * stored, _ALLOWED.get())
    if size > most:
        raise _too_large(where, size, most)


@contextmanager
def building(*, held: int | None = None) -> Iterator[None]:
    """Limit the total weights of layers created within the block; nested blocks have no effect.

    Args:
        held: bytes of weights that the file stores, if it stores any.
    """
    if _BUDGET.get() is not None:
        yield
        return
    budget = _Budget(max(LARGEST_MODEL, _ALLOWED.get()), "for a configuration without weights")
    if held is not None:
        budget = _Budget(max(held + SLACK, _ALLOWED.get()), f"for a file with {held} bytes")
    token = _BUDGET.set(budget)
    try:
        yield
    finally:
        _BUDGET.reset(token)


def check_size(shape: Sequence[int], dtype: str, *, where: str, keep: bool = True) -> None:
    """Check the size of an array that a configuration from a file requires, before creating it.

    Args:
        shape: of the array.
        dtype: of the array.
        where: names the layer and the array in messages.
        keep: whether the array counts towards the total, as a weight does.

    Raises:
        TooLarge: naming `where`.
    """
    budget = _BUDGET.get()
    if budget is None or not all(isinstance(size, int | np.integer) for size in shape):
        return
    size = math.prod(map(int, shape)) * np.dtype(dtype).itemsize
    if size > budget.left:
        what = f"{where} of shape {tuple(shape)!s:.80}, {budget.reason}"
        raise _too_large(what, size, budget.left)
    if keep:
        budget.left -= max(0, size)


def held_by(arrays: Iterable[Array]) -> int:
    """Return the bytes of weights that a file stores.

    Above `LARGEST_MODEL` only uncompressed arrays count, and each array only once.
    """
    listed = list(arrays)
    held = sum(array.nbytes for array in listed)
    if held <= LARGEST_MODEL:
        return held
    plain: dict[int, int] = {}
    for array in listed:
        if not isinstance(array, StoredArray):
            place = array.__array_interface__["data"][0]
            plain[place] = max(array.nbytes, plain.get(place, 0))
    return max(LARGEST_MODEL, sum(plain.values()))


def _too_large(where: str, size: int, most: int) -> TooLarge:
    found = size if size < 1 << 63 else "more than 2**63"
    return TooLarge(
        f"{where}: expected up to {most} bytes in memory, found {found}; if you trust the file, "
        "load it within `with keras.utils.allow_size(BYTES):`, where BYTES is its total size"
    )
