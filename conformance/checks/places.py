"""The place of a snapshot's entry: classes of layers instead of their names."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import LIVE
from saveproof.conformance.model_state.trace import Trace

OF_LAYERS = frozenset(
    {
        *(Facet.ARGUMENTS, Facet.SHARING, Facet.NAMES, Facet.WEIGHTS, Facet.NON_TRAINABLE),
        *(Facet.TRAINABLE, Facet.DTYPE_POLICY, Facet.RNG, Facet.RECURRENT),
    }
)
"""Facets whose entries begin with the name of a layer."""

LAYERS_ALONE = frozenset({Facet.SHARING, Facet.TRAINABLE, Facet.DTYPE_POLICY})
"""Facets whose entries may be the name of a layer, and nothing else."""

BY_LAST_PART = frozenset({Facet.ARCHITECTURE, Facet.SLOTS})
"""Facets whose entries are named by their last part: the parts before it vary."""


class Place(NamedTuple):
    """The classes of the layers that lead to an entry, and its name in the last of them."""

    classes: tuple[str, ...]
    name: str


def place(trace: Trace, facet: str, entry: str) -> Place:
    """Return the place of an entry, the same for every case: no layer's name, no position.

    A layer without a class, from the case or the subject, leaves no part in it.
    """
    if facet is Facet.METRICS:
        return Place((), "")
    if facet in (Facet.COMPILE, Facet.OPTIMIZER):
        return Place((), entry.rpartition("/")[2])
    if facet not in OF_LAYERS and facet != LIVE:
        words = words_of(entry)
        return Place((), "/".join(words[-1:] if facet in BY_LAST_PART else words))
    classes, rest = _of_layer(trace, entry)
    if not classes and facet != LIVE:
        rest = "" if facet in LAYERS_ALONE else rest.rpartition("/")[2]
    return Place(classes, "/".join(words_of(rest)))


def _of_layer(trace: Trace, entry: str) -> tuple[tuple[str, ...], str]:
    """Return the classes that lead to the layer, as deep as they are known, and the rest."""
    known = dict(_classes(trace))
    parts = entry.split("/")
    for length in range(len(parts), 0, -1):
        classes = known.get("/".join(parts[:length]))
        if classes:
            return classes, "/".join(parts[length:])
    return (), entry


def _classes(trace: Trace) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the classes that lead to each layer, by the names that lead to it."""
    layers = trace.case.architecture.by_address()
    yield from _chains({"/".join(address): layer.class_name for address, layer in layers})
    for snapshot in (trace.before, trace.loaded):
        if snapshot is not None:
            yield from _chains(snapshot.classes)


def _chains(classes: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name in classes:
        parts = name.split("/")
        outer = ("/".join(parts[:length]) for length in range(1, len(parts) + 1))
        yield name, tuple(classes[one] for one in outer if one in classes)


def words_of(entry: str) -> list[str]:
    """Return the parts of the entry without their positions; a position alone is dropped."""
    words = (part.lstrip("0123456789").strip() for part in entry.split("/"))
    return [word for word in words if word]
