"""Snapshots: everything a subject can tell of a live model, as plain named data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.contract import Facet

Value = Any
"""A NumPy array (copied out of the model), or a JSON value."""

Inventory = Mapping[str, Value]
"""One facet's state by name, in the subject's own order."""


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


def difference(expected: Inventory, found: Inventory) -> Difference | None:
    """Return the first difference: names and their count first, then dtype, shape and bytes."""
    if tuple(expected) != tuple(found):
        return _name_difference(tuple(expected), tuple(found))
    for name, value in expected.items():
        parted = value_difference(name, value, found[name])
        if parted is not None:
            return parted
    return None


def value_difference(where: str, expected: Value, found: Value) -> Difference | None:
    """Return how two values part, or None: arrays to the byte, JSON values by equality."""
    if isinstance(expected, np.ndarray) and isinstance(found, np.ndarray):
        return _array_difference(where, expected, found)
    if type(expected) is type(found) and expected == found:
        return None
    return Difference(where, "value", _shown(expected), _shown(found))


def distance(expected: Sequence[np.ndarray], found: Sequence[np.ndarray]) -> float:
    """Return the greatest absolute difference over pairs of arrays of equal shapes."""
    pairs = zip(expected, found, strict=True)
    return max((_gap(a, b) for a, b in pairs), default=0.0)


def _gap(a: np.ndarray, b: np.ndarray) -> float:
    with np.errstate(invalid="ignore"):
        gap = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return float(np.max(gap, initial=0.0))


def _name_difference(expected: tuple[str, ...], found: tuple[str, ...]) -> Difference:
    missing = [name for name in expected if name not in found]
    extra = [name for name in found if name not in expected]
    counts = (f"{len(expected)} entries", f"{len(found)} entries")
    if missing:
        return Difference(missing[0], "missing", *counts)
    if extra:
        return Difference(extra[0], "unexpected", *counts)
    return Difference(found[0], "order", ", ".join(expected), ", ".join(found))


def _array_difference(where: str, a: np.ndarray, b: np.ndarray) -> Difference | None:
    if a.dtype != b.dtype:
        return Difference(where, "dtype", str(a.dtype), str(b.dtype))
    if a.shape != b.shape:
        return Difference(where, "shape", str(a.shape), str(b.shape))
    if a.tobytes() == b.tobytes():
        return None
    return Difference(where, "value", _shown(a), _shown(b))


def _shown(value: Value) -> str:
    if isinstance(value, np.ndarray):
        return np.array2string(value, threshold=8, edgeitems=2, precision=9)
    text = repr(value)
    return text if len(text) <= 400 else text[:400] + "…"
