"""Snapshots: all observable state of a live model, as plain named data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from saveproof.conformance.model_state.contract import Facet
from saveproof.reports.findings import Change, Difference, Element

Value = Any
"""A NumPy array (copied out of the model), or a JSON value."""

Inventory = Mapping[str, Value]
"""One facet's state by name, in the subject's own order."""


LIVE = "live model"
"""The name of the inventory of all that a save could change in a live model."""

UNREADABLE = "can't be read"
"""The name of an entry that gives the reason why the rest of an inventory is missing."""


@dataclass(frozen=True)
class Snapshot:
    """The observable state of a model: an inventory a facet, without facets that can't be observed.

    The name of an entry begins with its layer's name, or with the names of all layers around it:
    `block/dense/0 kernel`. If these are not the names in the case, `classes` may give each class
    by such a name: `{"block": "Sequential", "block/dense": "Dense"}`. `live` may have what belongs
    to no facet and a save could change, such as the compile config that the next save writes; it is
    compared only before and after a save of the same model.
    """

    facets: Mapping[Facet, Inventory]
    classes: Mapping[str, str] = field(default_factory=dict)
    live: Inventory = field(default_factory=dict)

    def __getitem__(self, facet: Facet) -> Inventory:
        """Return the facet's inventory; empty where the subject can't observe it."""
        return self.facets.get(facet, {})


def differences(expected: Inventory, found: Inventory) -> Iterator[Difference]:
    """Yield the differences: names and their count first, then dtype, shape and bytes."""
    if tuple(expected) != tuple(found):
        yield from _name_differences(tuple(expected), tuple(found))
    for name, value in expected.items():
        if name in found and not equal(value, found[name]):
            yield _entry_difference(name, value, found[name])


def same(expected: Inventory, found: Inventory) -> bool:
    """Return whether two inventories are equal, names and their order included."""
    return tuple(expected) == tuple(found) and all(
        equal(value, found[name]) for name, value in expected.items()
    )


def alike(one: Snapshot, other: Snapshot) -> bool:
    """Return whether two snapshots are equal in every facet; `live` may differ."""
    return one.facets.keys() == other.facets.keys() and all(
        same(one[facet], other[facet]) for facet in one.facets
    )


def equal(one: Value, other: Value) -> bool:
    """Return whether two values are equal: arrays to the byte, JSON values by class and equality.

    A NaN is equal to a NaN, anywhere in a JSON value.
    """
    if not isinstance(one, np.ndarray):
        return type(one) is type(other) and bool(one == other or repr(one) == repr(other))
    return (
        isinstance(other, np.ndarray)
        and one.dtype == other.dtype
        and one.shape == other.shape
        and one.tobytes() == other.tobytes()
    )


def distance(expected: Sequence[np.ndarray], found: Sequence[np.ndarray]) -> float:
    """Return the greatest absolute difference over pairs of arrays of equal shapes."""
    pairs = zip(expected, found, strict=True)
    return max((_gap(a, b) for a, b in pairs), default=0.0)


def equal_arrays(expected: Sequence[np.ndarray], found: Sequence[np.ndarray]) -> bool:
    """Return whether the arrays are as many, and equal in dtype, shape and bytes."""
    return len(expected) == len(found) and all(map(equal, expected, found))


def one_nan(array: np.ndarray) -> np.ndarray:
    """Return the array with the same bytes in every NaN, which arithmetic leaves to the machine.

    The sign and the payload of a NaN that an operation gives may vary with the operands' alignment.
    """
    nans = array != array
    return np.where(nans, array.dtype.type(np.nan), array) if nans.any() else array


def is_constant(array: np.ndarray) -> bool:
    """Return whether several rows are all equal; a NaN is equal to a NaN."""
    array = one_nan(array)
    return len(array) > 1 and array.tobytes() == array[:1].tobytes() * len(array)


def is_uniform(value: Value) -> bool:
    """Return whether all elements of an array are one number, as in most slots before a step."""
    return (
        not isinstance(value, np.ndarray) or value.size < 2 or bool((value == value.flat[0]).all())
    )


def _gap(a: np.ndarray, b: np.ndarray) -> float:
    with np.errstate(invalid="ignore"):
        gap = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return float(np.max(gap, initial=0.0))


def value_difference(where: str, expected: Value, found: Value) -> Difference:
    """Return the difference of two values, with its size if both are finite numbers."""
    distance, magnitude = _measured(expected, found)
    texts = (shown(expected), shown(found))
    element = _element(expected, found)
    return Difference(where, *texts, Change.VALUE, distance, magnitude, element)


def _element(expected: Value, found: Value) -> Element | None:
    """Return the element of an array that differs most, or the first different one of JSON."""
    if isinstance(expected, np.ndarray) and isinstance(found, np.ndarray):
        return _array_element(expected, found)
    place, a, b = _first_apart(expected, found)
    return Element(*_texts(a, b), place)


def _array_element(expected: np.ndarray, found: np.ndarray) -> Element | None:
    if expected.shape != found.shape:
        return None
    apart = (expected != found) & ((expected == expected) | (found == found))
    if not apart.any():  # equal numbers of different bytes: a zero's sign, a NaN's payload
        return None
    a, b = _numbers(expected), _numbers(found)
    gap = apart if a is None or b is None else np.abs(a - b)
    index = np.unravel_index(int(np.argmax(gap)), gap.shape)
    texts = _texts(expected[index].item(), found[index].item())
    place = f"[{', '.join(map(str, index))}]" if index else ""
    return Element(*texts, place, int(apart.sum()), int(apart.size))


def _first_apart(a: Value, b: Value, place: str = "") -> tuple[str, Value, Value]:
    """Return the place and both values of the first difference in two JSON values."""
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        keys: Sequence[Any] = tuple(a)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        keys = range(len(a))
    else:
        return place, a, b
    key = next((key for key in keys if not equal(a[key], b[key])), None)
    return (place, a, b) if key is None else _first_apart(a[key], b[key], f"{place}[{key!r}]")


def _texts(a: Value, b: Value) -> tuple[str, str]:
    """Return both values; floats with as many digits as tell them apart, at least five."""
    if isinstance(a, float) and isinstance(b, float):
        for digits in range(5, 17):
            texts = (f"{a:.{digits}g}", f"{b:.{digits}g}")
            if texts[0] != texts[1]:
                return texts
    return shown(a), shown(b)


def _measured(expected: Value, found: Value) -> tuple[float | None, float | None]:
    """Return the greatest distance, and the greatest absolute value that was expected."""
    a, b = _numbers(expected), _numbers(found)
    if a is None or b is None or a.shape != b.shape:
        return None, None
    return _gap(a, b), float(np.max(np.abs(a)))


def _numbers(value: Value) -> np.ndarray | None:
    """Return the value in float64; None where it holds anything but finite numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.ndarray):
        return None
    array = np.asarray(value)
    if not array.size or array.dtype == bool or not np.can_cast(array.dtype, np.float64):
        return None
    numbers = array.astype(np.float64)
    return numbers if np.isfinite(numbers).all() else None


def _name_differences(expected: tuple[str, ...], found: tuple[str, ...]) -> Iterator[Difference]:
    counts = (f"{len(expected)} entries", f"{len(found)} entries")
    missing = [name for name in expected if name not in found]
    extra = [name for name in found if name not in expected]
    yield from (Difference(name, *counts, Change.MISSING) for name in missing)
    yield from (Difference(name, *counts, Change.UNEXPECTED) for name in extra)
    if not missing and not extra:
        first = next(a for a, b in zip(expected, found, strict=True) if a != b)
        yield Difference(first, ", ".join(expected), ", ".join(found), Change.ORDER)


def _entry_difference(where: str, a: Value, b: Value) -> Difference:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if a.dtype != b.dtype:
            return Difference(where, str(a.dtype), str(b.dtype), Change.DTYPE)
        if a.shape != b.shape:
            return Difference(where, str(a.shape), str(b.shape), Change.SHAPE)
    return value_difference(where, a, b)


def shown(value: Value) -> str:
    """Return the value as a short text."""
    if isinstance(value, np.ndarray):
        return np.array2string(value, threshold=8, edgeitems=2, precision=9)
    text = repr(value)
    return text if len(text) <= 400 else text[:400] + "…"
