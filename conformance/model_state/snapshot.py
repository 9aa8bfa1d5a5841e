"""Snapshots: everything a subject can tell of a live model, as plain named data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from saveproof.conformance.model_state.contract import Facet

Value = Any
"""A NumPy array (copied out of the model), or a JSON value."""

Inventory = Mapping[str, Value]
"""One facet's state by name, in the subject's own order."""


UNTOLD = "can't be told"
"""The name of an entry that says why the rest of an inventory is missing."""


@dataclass(frozen=True)
class Snapshot:
    """What was seen of a model: an inventory a facet; a facet that can't be seen is absent."""

    facets: Mapping[Facet, Inventory]

    def __getitem__(self, facet: Facet) -> Inventory:
        """Return the facet's inventory; empty where the subject can't see it."""
        return self.facets.get(facet, {})


@dataclass(frozen=True)
class Difference:
    """Where two inventories part: `what` is missing, unexpected, order, dtype, shape or value."""

    where: str
    what: str
    expected: str
    found: str


def differences(expected: Inventory, found: Inventory) -> Iterator[Difference]:
    """Yield the differences: names and their count first, then dtype, shape and bytes."""
    if tuple(expected) != tuple(found):
        yield from _name_differences(tuple(expected), tuple(found))
    for name, value in expected.items():
        if name in found and not equal(value, found[name]):
            yield _value_difference(name, value, found[name])


def same(expected: Inventory, found: Inventory) -> bool:
    """Say whether two inventories are equal, names and their order included."""
    return tuple(expected) == tuple(found) and all(
        equal(value, found[name]) for name, value in expected.items()
    )


def alike(one: Snapshot, other: Snapshot) -> bool:
    """Say whether two snapshots tell the same of every facet."""
    return one.facets.keys() == other.facets.keys() and all(
        same(one[facet], other[facet]) for facet in one.facets
    )


def equal(one: Value, other: Value) -> bool:
    """Say whether two values are equal: arrays to the byte, JSON values by class and equality.

    A NaN is equal to a NaN, wherever it stands in a JSON value.
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
    """Say whether the arrays are as many, and equal in dtype, shape and bytes."""
    return len(expected) == len(found) and all(map(equal, expected, found))


def is_constant(array: np.ndarray) -> bool:
    """Say whether several rows are all equal."""
    return len(array) > 1 and array.tobytes() == array[:1].tobytes() * len(array)


def _gap(a: np.ndarray, b: np.ndarray) -> float:
    with np.errstate(invalid="ignore"):
        gap = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return float(np.max(gap, initial=0.0))


def _name_differences(expected: tuple[str, ...], found: tuple[str, ...]) -> Iterator[Difference]:
    counts = (f"{len(expected)} entries", f"{len(found)} entries")
    missing = [name for name in expected if name not in found]
    extra = [name for name in found if name not in expected]
    yield from (Difference(name, "missing", *counts) for name in missing)
    yield from (Difference(name, "unexpected", *counts) for name in extra)
    if not missing and not extra:
        first = next(a for a, b in zip(expected, found, strict=True) if a != b)
        yield Difference(first, "order", ", ".join(expected), ", ".join(found))


def _value_difference(where: str, a: Value, b: Value) -> Difference:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if a.dtype != b.dtype:
            return Difference(where, "dtype", str(a.dtype), str(b.dtype))
        if a.shape != b.shape:
            return Difference(where, "shape", str(a.shape), str(b.shape))
    return Difference(where, "value", shown(a), shown(b))


def shown(value: Value) -> str:
    """Return the value in words that are not too many."""
    if isinstance(value, np.ndarray):
        return np.array2string(value, threshold=8, edgeitems=2, precision=9)
    text = repr(value)
    return text if len(text) <= 400 else text[:400] + "…"
