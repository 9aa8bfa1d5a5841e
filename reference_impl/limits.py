"""How large what a file describes may become, and the one setting that allows more."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

from saveproof.reference_impl.loading import LoadError
from saveproof.reference_impl.state import Array, StoredArray

SLACK = 1 << 24
"""Bytes that a part of any file may take, however small the file is."""

LARGEST_MODEL = 1 << 32
"""Bytes of weights that a configuration alone may ask for."""

EXPANSION = 3
"""How many times its size on disk a compressed file may take in memory."""

_ALLOWED: ContextVar[int] = ContextVar("allowed", default=0)


@dataclass(slots=True)
class _Budget:
    """What the weights of a model may still take, and why it is not more."""

    left: int
    reason: str


_BUDGET: ContextVar[_Budget | None] = ContextVar("budget", default=None)


class TooLarge(LoadError):
    """A file asks for more memory than it may; the message says how to allow it."""


@contextmanager
def allow_size(nbytes: int) -> Iterator[None]:
    """Let a file expand to, and a configuration make a model of, that many bytes in the block.

    For a file whose origin you trust, and that was refused with `TooLarge`.
    """
    token = _ALLOWED.set(nbytes)
    try:
        yield
    finally:
        _ALLOWED.reset(token)


def check_expansion(size: int, stored: int, *, where: str) -> None:
    """Check that what takes `stored` bytes of a file does not take too many in memory.

    Raises:
        TooLarge: naming `where`.
    """
    most = max(SLACK, EXPANSION * stored, _ALLOWED.get())
    if size > most:
        raise _too_large(where, size, most)


@contextmanager
def building(*, held: int | None = None) -> Iterator[None]:
    """Let the layers made within the block have limited weights in all; the outermost block counts.

    Args:
        held: bytes of weights that the file holds, if it holds the weights, too.
    """
    if _BUDGET.get() is not None:
        yield
        return
    budget = _Budget(max(LARGEST_MODEL, _ALLOWED.get()), "of a configuration alone")
    if held is not None:
        budget = _Budget(max(held + SLACK, _ALLOWED.get()), f"of a file that holds {held}")
    token = _BUDGET.set(budget)
    try:
        yield
    finally:
        _BUDGET.reset(token)


def check_size(shape: Sequence[int], dtype: str, *, where: str, keep: bool = True) -> None:
    """Check, before an array is made, that a configuration from a file may ask for it.

    Args:
        shape: of the array.
        dtype: its type.
        where: names the layer and the array.
        keep: whether it stays, as a weight does.

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
    """Return the bytes of weights that a file holds.

    Beyond what a configuration alone may ask for, those count that are not compressed, and each
    only once however often it is listed.
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
        "load it within `with keras.utils.allow_size(BYTES):`, BYTES being what all of it needs"
    )
