"""Primitives over sliding windows: convolutions and pooling, by im2col on strided views."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from saveproof.reference_impl.numerics.primitives import Result

Pads = Sequence[tuple[int, int]]


def output_length(n: int, size: int, stride: int, dilation: int, padding: str) -> int:
    """Return the number of windows along an axis of length n; padding is valid, same or causal."""
    reach = (size - 1) * dilation + 1
    if padding == "valid":
        return max((n - reach) // stride + 1, 0)
    return -(-n // stride)


def pad_amounts(n: int, size: int, stride: int, dilation: int, padding: str) -> tuple[int, int]:
    """Return the padding (before, after) of an axis of length n, as in TensorFlow."""
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return (size - 1) * dilation, 0
    reach = (size - 1) * dilation + 1
    total = max((output_length(n, size, stride, dilation, "same") - 1) * stride + reach - n, 0)
    return total // 2, total - total // 2


def conv(
    x: np.ndarray, kernel: np.ndarray, strides: Sequence[int], dilation: Sequence[int], pads: Pads
) -> Result:
    """Cross-correlation of x (batch, *space, channels) with kernel (*window, channels, filters)."""
    sizes, (channels, filters) = kernel.shape[:-2], kernel.shape[-2:]
    dtype, padded = _summable(x, pads)
    patches = _patches(padded, sizes, strides, dilation)
    rows = patches.reshape(-1, int(np.prod(sizes)) * channels)
    matrix = kernel.astype(dtype, copy=False).reshape(-1, filters)
    out = (rows @ matrix).reshape(*patches.shape[: x.ndim - 1], filters)

    def pullback(g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        flat = g.astype(dtype, copy=False).reshape(-1, filters)
        parts = (flat @ matrix.T).reshape(patches.shape)
        gx = _added_up(parts, padded, strides, dilation)[_interior(x.shape, pads)]
        return gx, (rows.T @ flat).reshape(kernel.shape)

    return out.astype(x.dtype, copy=False), pullback


def depthwise_conv(
    x: np.ndarray, kernel: np.ndarray, strides: Sequence[int], dilation: Sequence[int], pads: Pads
) -> Result:
    """Cross-correlation of each channel of x with its own kernels.

    x (batch, *space, channels), kernel (*window, channels, multiplier); the result has
    channels * multiplier channels, starting with those of the first channel.
    """
    sizes, (channels, multiplier) = kernel.shape[:-2], kernel.shape[-2:]
    dtype, padded = _summable(x, pads)
    patches = _patches(padded, sizes, strides, dilation)
    rows = patches.reshape(-1, int(np.prod(sizes)), channels)
    matrix = kernel.astype(dtype, copy=False).reshape(-1, channels, multiplier)
    out = np.einsum("nwc,wcm->ncm", rows, matrix)

    def pullback(g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        flat = g.astype(dtype, copy=False).reshape(out.shape)
        parts = np.einsum("ncm,wcm->nwc", flat, matrix).reshape(patches.shape)
        gx = _added_up(parts, padded, strides, dilation)[_interior(x.shape, pads)]
        return gx, np.einsum("nwc,ncm->wcm", rows, flat).reshape(kernel.shape)

    shape = (*patches.shape[: x.ndim - 1], channels * multiplier)
    return out.reshape(shape).astype(x.dtype, copy=False), pullback


def max_pool(x: np.ndarray, sizes: Sequence[int], strides: Sequence[int], pads: Pads) -> Result:
    """The largest element of each window of x (batch, *space, channels).

    Of several equal maxima the first in row order receives the gradient, as in TensorFlow.
    """
    lowest = np.array(-np.inf, x.dtype)
    padded = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=lowest)
    ones = [1] * len(sizes)
    patches = _patches(padded, sizes, strides, ones)
    space, channels = patches.shape[: x.ndim - 1], x.shape[-1]
    flat = patches.reshape(*space, int(np.prod(sizes)), channels)
    chosen = flat.argmax(axis=-2)

    def pullback(g: np.ndarray) -> tuple[np.ndarray]:
        gx = np.zeros_like(padded)
        for i, (_, place) in enumerate(_places(space[1:], sizes, strides, ones)):
            gx[place] += g * (chosen == i)
        return (gx[_interior(x.shape, pads)],)

    return np.take_along_axis(flat, chosen[..., None, :], axis=-2)[..., 0, :], pullback


def average_pool(x: np.ndarray, sizes: Sequence[int], strides: Sequence[int], pads: Pads) -> Result:
    """The mean of the elements of x (batch, *space, channels) in each window without padding."""
    ones = [1] * len(sizes)
    dtype, padded = _summable(x, pads)
    patches = _patches(padded, sizes, strides, ones)
    inside = np.pad(np.ones((1, *x.shape[1:-1], 1), dtype), [(0, 0), *pads, (0, 0)])
    window = tuple(range(x.ndim - 1, patches.ndim - 1))
    counts = _patches(inside, sizes, strides, ones).sum(window)

    def pullback(g: np.ndarray) -> tuple[np.ndarray]:
        shares = np.expand_dims(g.astype(dtype, copy=False) / counts, window)
        parts = np.broadcast_to(shares, patches.shape)
        return (_added_up(parts, padded, strides, ones)[_interior(x.shape, pads)],)

    return (patches.sum(window) / counts).astype(x.dtype, copy=False), pullback


def _summable(x: np.ndarray, pads: Pads) -> tuple[np.dtype, np.ndarray]:
    """Return the dtype for sums, float32 for half precision, and x in it, padded with zeros."""
    dtype = np.result_type(x.dtype, np.float32) if x.dtype.itemsize == 2 else x.dtype
    return dtype, np.pad(x.astype(dtype, copy=False), [(0, 0), *pads, (0, 0)])


def _added_up(
    parts: np.ndarray, padded: np.ndarray, strides: Sequence[int], dilation: Sequence[int]
) -> np.ndarray:
    """Return the sum over windows for each padded element of x."""
    axes = padded.ndim - 2
    counts, sizes = parts.shape[1 : axes + 1], parts.shape[axes + 1 : -1]
    total = np.zeros_like(padded)
    for offset, place in _places(counts, sizes, strides, dilation):
        at: tuple[Any, ...] = (Ellipsis, *offset, slice(None))
        total[place] += parts[at]
    return total


def _patches(
    padded: np.ndarray, sizes: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> np.ndarray:
    """Return a view of shape (batch, *windows, *window, channels)."""
    batch, *space, channels = padded.shape
    counts = [
        output_length(n, size, s, d, "valid")
        for n, size, s, d in zip(space, sizes, strides, dilation, strict=True)
    ]
    first, *steps, last = padded.strides
    between = [step * s for step, s in zip(steps, strides, strict=True)]
    within = [step * d for step, d in zip(steps, dilation, strict=True)]
    return np.lib.stride_tricks.as_strided(
        padded,
        (batch, *counts, *sizes, channels),
        (first, *between, *within, last),
        writeable=False,
    )


def _places(
    counts: Sequence[int], sizes: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Yield each offset in the window with the slices of the padded array at that offset."""
    for offset in np.ndindex(*sizes):
        space = [
            slice(o * d, o * d + (count - 1) * s + 1, s)
            for o, d, count, s in zip(offset, dilation, counts, strides, strict=True)
        ]
        yield offset, (slice(None), *space)


def _interior(shape: Sequence[int], pads: Pads) -> tuple[slice, ...]:
    space = zip(pads, shape[1:-1], strict=True)
    return (slice(None), *(slice(before, before + n) for (before, _), n in space))
