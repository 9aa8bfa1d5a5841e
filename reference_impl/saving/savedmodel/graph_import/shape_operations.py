"""Conversion of TensorFlow's shape operations to steps of a program."""

from collections.abc import Sequence
from types import EllipsisType
from typing import Any

import numpy as np

from saveproof.reference_impl.saving.errors import NotReadHere
from saveproof.reference_impl.saving.savedmodel.graph_import.steps import (
    Length,
    Lengths,
    Steps,
    Value,
    known,
)


def concatenate(steps: Steps, _: Any, inputs: Sequence[Any]) -> Value:
    """Add a concatenation along an axis."""
    *tensors, axis = inputs
    return steps.made("concatenate", tensors, axis=known(axis))


def pack(steps: Steps, node: Any, inputs: Sequence[Any]) -> Value:
    """Add a stacking along a new axis."""
    return steps.made("stack", inputs, axis=node.attr["axis"].i)


def unpack(steps: Steps, node: Any, inputs: Sequence[Any]) -> list[Value]:
    """Add the slices along an axis, which is removed."""
    axis, count = node.attr["axis"].i, node.attr["num"].i
    return [steps.made("getitem", inputs, _at(axis, place)) for place in range(count)]


def split(steps: Steps, _: Any, inputs: Sequence[Any]) -> list[Value]:
    """Add slices of the known output lengths."""
    x, sizes, axis = inputs
    if min(known(sizes)) < 0:
        raise NotReadHere("a split with an open length")
    ends = np.cumsum(sizes).tolist()
    parts = [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return [steps.made("getitem", [x], _at(known(axis), part)) for part in parts]


def _at(axis: int, key: int | slice | None) -> tuple[Any, ...]:
    """Return the index of a slice along an axis, counted from either end."""
    if axis >= 0:
        return (*[slice(None)] * axis, key)
    return (..., key, *[slice(None)] * (-1 - axis))


def shape(_: Steps, __: Any, inputs: Sequence[Any]) -> Value:
    """Return the shape of a tensor, symbolic if it is unknown."""
    (x,) = inputs
    return np.array(x.shape, np.int32) if isinstance(x, np.ndarray) else Lengths(x)


def reshape(steps: Steps, _: Any, inputs: Sequence[Any]) -> Value:
    """Add a reshape, in which lengths may be open."""
    x, shape = inputs
    target = list(known(shape))
    opened = [place for place, size in enumerate(target) if isinstance(size, Length)]
    if len(opened) == 1 and -1 not in target:
        target[opened[0]] = -1
    elif all(target[place] == Length(x, place) for place in opened):
        target = [None if isinstance(size, Length) else size for size in target]
    else:
        raise NotReadHere(f"a shape with open lengths: {target}")
    return steps.made("reshape", [x], target)


def expand(steps: Steps, _: Any, inputs: Sequence[Any]) -> Value:
    """Add a new axis of length 1."""
    return steps.made("getitem", inputs[:1], _at(known(inputs[1]), None))


def squeeze(steps: Steps, node: Any, inputs: Sequence[Any]) -> Value:
    """Add the removal of axes of length 1."""
    axes = sorted(node.attr["squeeze_dims"].list.i)
    if not axes or len({axis < 0 for axis in axes}) > 1:
        raise NotReadHere("a squeeze of unnamed axes, or of axes counted from both ends")
    front = axes[0] >= 0
    key: list[Any] = [slice(None)] * (axes[-1] + 1 if front else -axes[0])
    for axis in axes:
        key[axis] = 0
    return steps.made("getitem", inputs, tuple(key if front else [..., *key]))


def sliced(steps: Steps, node: Any, inputs: Sequence[Any]) -> Value:
    """Add a strided slice."""
    x, *bounds = inputs
    key = _key(node, *map(known, bounds))
    if isinstance(x, Lengths):
        return _length(x, key)
    return steps.made("getitem", [x], key)


def _key(node: Any, begin: Sequence[int], end: Sequence[int], strides: Sequence[int]) -> Any:
    """Return the index of a strided slice from its bounds and masks."""

    def masked(mask: str, place: int) -> bool:
        return bool(node.attr[f"{mask}_mask"].i >> place & 1)

    key: list[int | slice | EllipsisType | None] = []
    for place, (first, last, stride) in enumerate(zip(begin, end, strides, strict=True)):
        if masked("ellipsis", place):
            key.append(...)
        elif masked("new_axis", place):
            key.append(None)
        elif masked("shrink_axis", place):
            key.append(first)
        else:
            start = None if masked("begin", place) else first
            key.append(slice(start, None if masked("end", place) else last, stride))
    return tuple(key)


def _length(shape: Lengths, key: Sequence[Any]) -> np.ndarray:
    """Return the lengths that an index selects from a shape."""
    (part,) = key
    if isinstance(part, int):
        axes: Any = part
    elif isinstance(part, slice) and (part.start or 0) >= 0 and (part.stop or -1) >= 0:
        axes = range(*part.indices(part.stop))
    else:
        raise NotReadHere("a part of a shape of unknown rank")
    found = np.empty(np.shape(axes), object)
    for place, axis in np.ndenumerate(np.asarray(axes)):
        found[place] = Length(shape.of, int(axis))
    return found


def transpose(steps: Steps, _: Any, inputs: Sequence[Any]) -> Value:
    """Add a transposition."""
    return steps.made("transpose", inputs[:1], known(inputs[1]))


def broadcast(steps: Steps, _: Any, inputs: Sequence[Any]) -> Value:
    """Add a broadcast to a larger shape."""
    x, shape = inputs
    target = known(shape)
    if any(isinstance(size, Length) for size in target):
        raise NotReadHere(f"a shape with open lengths: {target}")
    return steps.made("broadcast_to", [x], target)


def pad(steps: Steps, _: Any, inputs: Sequence[Any]) -> Value:
    """Add padding on each axis."""
    x, widths, *fill = inputs
    return steps.made("pad", [x], known(widths), known(fill[0]) if fill else 0)
