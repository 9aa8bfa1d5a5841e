"""Translates snapshots of two implementations into the names and values that both share."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from saveproof.conformance.checks.places import words_of
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import Inventory, Snapshot, Value
from saveproof.conformance.model_state.trace import Trajectory

_LAYER = re.compile(r"(?:layers/\d+/config/)*layers/\d+/(?:class_name|config/name)")
_CALL = re.compile(r"/call \d+$")
_ESSENTIAL = re.compile(r"(?:^|/)class_name$|^(?:loss|metrics|weighted_metrics)/\d+$")

SYNONYMS = {
    "depthwise_kernel": "kernel",
    "Model": "Functional",
    "IdentityInitializer": "Identity",
    "OrthogonalInitializer": "Orthogonal",
    "keras_3_hard_sigmoid": "hard_sigmoid",
    "swish": "silu",
}
"""Values with the same meaning: an older name and the newer one."""

MOMENTA = "_u_product"
SLOTS = {
    "": MOMENTA,
    "m": "momentum",
    "u": "norm",
    "v": "velocity",
    "vhat": "velocity_hat",
}
"""Slot names of Keras 2, and those of Keras 3; Keras 2 does not name Nadam's momentum product."""

UNSHARED = frozenset(("ema_overwrite_frequency", "name"))
"""Arguments that are not compared between Keras 2 and Keras 3.

The frequency has no effect without an average, and each version gives its own names to losses,
metrics and schedules that the user did not name.
"""

AXIS = "axis"
"""The argument for an axis, or several, that may be counted from either end."""

SHARED_NAMES_ONLY = (Facet.ARGUMENTS, Facet.COMPILE, Facet.OPTIMIZER, Facet.LEARNING_RATE)
"""Facets in which each version has entries that the other lacks: only common ones are compared."""


def comparable(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with shared names and values, without the facets that have none."""
    return Snapshot(
        {
            facet: dict(_TRANSLATIONS[facet](snapshot))
            for facet in snapshot.facets
            if facet in _TRANSLATIONS
        },
        snapshot.classes,
    )


def in_common(expected: Snapshot, found: Snapshot) -> tuple[Snapshot, Snapshot]:
    """Return two comparable snapshots without the arguments that only one of them has.

    Classes, losses and metrics stay in any case. A facet that is empty on one side stays complete
    on the other, since it was lost.
    """
    one, other = dict(expected.facets), dict(found.facets)
    for facet in SHARED_NAMES_ONLY:
        a, b = expected[facet], found[facet]
        if a and b:
            a, b = _known_to(a, b), _known_to(b, a)
            one[facet], other[facet] = _with_axes_like(a, b), _with_axes_like(b, a)
    return Snapshot(one, expected.classes), Snapshot(other, found.classes)


def trajectories_in_common(
    original: Trajectory, resumed: Trajectory
) -> tuple[Trajectory, Trajectory]:
    """Return two trajectories with the logs that both have, and their snapshots translated.

    Only Keras 2 logs a loss for each output.
    """
    one, other = [], []
    for a, b in zip(original.steps, resumed.steps, strict=False):
        logs = [_common_logs(*pair) for pair in zip(a.logs, b.logs, strict=False)]
        before, after = in_common(comparable(a.snapshot), comparable(b.snapshot))
        one.append(replace(a, logs=tuple(log for log, _ in logs), snapshot=before))
        other.append(replace(b, logs=tuple(log for _, log in logs), snapshot=after))
    rest = [replace(s, snapshot=comparable(s.snapshot)) for s in original.steps[len(one) :]]
    return replace(original, steps=(*one, *rest)), replace(resumed, steps=tuple(other))


def _common_logs(
    one: Mapping[str, float], other: Mapping[str, float]
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    names = [name for name in one if name in other]
    return {name: one[name] for name in names}, {name: other[name] for name in names}


def _known_to(inventory: Inventory, other: Inventory) -> Inventory:
    return {n: value for n, value in inventory.items() if n in other or _ESSENTIAL.search(n)}


def _with_axes_like(inventory: Inventory, other: Inventory) -> Inventory:
    """Return the inventory with axes as lists; where the other counts from the other end, as many.

    The number of axes can be compared without the rank, which no inventory has.
    """
    axes = {n: inventory[n] for n in inventory if n.rpartition("/")[2] == AXIS and n in other}
    return {**inventory, **{n: _axes(value, other[n]) for n, value in axes.items()}}


def _axes(value: Value, other: Value) -> Value:
    own, others = (one if isinstance(one, list) else [one] for one in (value, other))
    if not all(isinstance(axis, int) for axis in (*own, *others)):
        return value
    same_end = len({axis < 0 for axis in (*own, *others)}) == 1
    return own if same_end else f"{len(own)} of the axes"


def _names(snapshot: Snapshot) -> Iterator[tuple[str, Value]]:
    for name, value in snapshot[Facet.NAMES].items():
        yield name, _plain(value)


def _weights(snapshot: Snapshot) -> Iterator[tuple[str, Value]]:
    for name, value in snapshot[Facet.WEIGHTS].items():
        entry, space, weight = name.rpartition(" ")
        yield f"{entry}{space}{_plain(weight)}", value


def _unchanged(facet: Facet) -> Callable[[Snapshot], Iterator[tuple[str, Value]]]:
    def inventory(snapshot: Snapshot) -> Iterator[tuple[str, Value]]:
        yield from snapshot[facet].items()

    return inventory


def _arguments(facet: Facet) -> Callable[[Snapshot], Iterator[tuple[str, Value]]]:
    def inventory(snapshot: Snapshot) -> Iterator[tuple[str, Value]]:
        for name, value in sorted(snapshot[facet].items()):
            if name.rpartition("/")[2] not in UNSHARED:
                yield name, _plain(value)

    return inventory


def _plain(value: Any) -> Value:
    """Return the value with float32 numbers, lists for all sequences, and the newer name."""
    if isinstance(value, float):
        return float(np.float32(value))
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return SYNONYMS.get(value, value) if isinstance(value, str) else value


def _layers(snapshot: Snapshot) -> Iterator[tuple[str, Value]]:
    for name, value in snapshot[Facet.ARCHITECTURE].items():
        if _LAYER.fullmatch(name):
            yield name, _plain(value)


def _sharing(snapshot: Snapshot) -> Iterator[tuple[str, Value]]:
    """Yield the inputs of each layer's calls, sorted: the versions number calls differently."""
    calls: dict[str, list[list[str]]] = {}
    for name, value in snapshot[Facet.SHARING].items():
        if _CALL.search(name):
            layer = _CALL.sub("", name)
            calls.setdefault(layer, []).append([f"{taken}/{output}" for taken, _, output in value])
        else:
            yield name, value
    yield from ((f"{layer}/calls", sorted(taken)) for layer, taken in calls.items())


def _policies(snapshot: Snapshot) -> Iterator[tuple[str, Value]]:
    """Yield the dtype policies of layers that can be frozen; an input layer has only a dtype."""
    for address, policy in snapshot[Facet.DTYPE_POLICY].items():
        if address in snapshot[Facet.TRAINABLE]:
            yield address, policy


def _iteration(snapshot: Snapshot) -> Iterator[tuple[str, Value]]:
    for name, value in snapshot[Facet.ITERATION].items():
        yield name, np.asarray(value).astype(np.int64)


def _slots(snapshot: Snapshot) -> Iterator[tuple[str, Value]]:
    """Yield each slot by its name and its number among the slots of that name.

    Slots of SGD without momentum are skipped: Keras 2 keeps them, but never reads them. Nadam's
    momentum product alone is skipped too: a fresh optimizer has the same value.
    """
    idle = not snapshot[Facet.OPTIMIZER].get("momentum", 1.0)
    words = ("/".join(words_of(name)) for name in snapshot[Facet.SLOTS])
    slots = [SLOTS.get(word, word) for word in words]
    if set(slots) == {MOMENTA}:
        return
    seen: Counter[str] = Counter()
    for slot, value in zip(slots, snapshot[Facet.SLOTS].values(), strict=True):
        if not (idle and slot == "momentum"):
            yield f"{slot}/{seen[slot]}", value
            seen[slot] += 1


_TRANSLATIONS: Mapping[Facet, Callable[[Snapshot], Iterator[tuple[str, Value]]]] = {
    Facet.ARCHITECTURE: _layers,
    Facet.ARGUMENTS: _arguments(Facet.ARGUMENTS),
    Facet.SHARING: _sharing,
    Facet.NAMES: _names,
    Facet.WEIGHTS: _weights,
    Facet.NON_TRAINABLE: _unchanged(Facet.NON_TRAINABLE),
    Facet.TRAINABLE: _unchanged(Facet.TRAINABLE),
    Facet.DTYPE_POLICY: _policies,
    Facet.COMPILE: _arguments(Facet.COMPILE),
    Facet.OPTIMIZER: _arguments(Facet.OPTIMIZER),
    Facet.SLOTS: _slots,
    Facet.ITERATION: _iteration,
    Facet.LEARNING_RATE: _arguments(Facet.LEARNING_RATE),
}
