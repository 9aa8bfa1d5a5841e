"""Which variable of a model takes which array of a file in the layout of `.weights.h5`."""

from collections.abc import Sequence
from functools import partial

from reference_impl.formats.weights_h5 import WeightsTree
from reference_impl.layers.base import Layer
from reference_impl.models.object_paths import WALKS, Place, Walk
from reference_impl.models.restore import Assignments, WeightsMismatch, left_if, paired
from reference_impl.state import NamedArray


def fitting_tree(model: Layer, tree: WeightsTree, *, skip_mismatch: bool = False) -> Assignments:
    """Return which variable takes which array, by the walk that finds them all.

    Groups that the model has no place for are left, as in Keras; with `skip_mismatch` so are layers
    that do not fit, with a warning.

    Raises:
        WeightsMismatch: if the file lacks what the model has, or a shape does not fit.
    """
    walks = [Walk(dialect, nested).places(model) for dialect, nested in WALKS]
    missing = [_missing(places, tree) for places in walks]
    places = min(zip(walks, missing, strict=True), key=lambda found: len(found[1]))[0]
    if all(missing) and not skip_mismatch:
        raise WeightsMismatch(
            f"model {model.name!r}: {'; '.join(min(missing, key=len)[:3])}; the file has "
            f"{sorted(path for path, group in tree.groups.items() if group.arrays)[:20]}; nothing "
            "was changed"
        )
    changes: Assignments = []
    for place in places:
        if place.variables:
            pair = partial(paired, place.name, place.variables, _named(place, tree))
            changes += left_if(pair, skip_mismatch=skip_mismatch)
    return changes


def _named(place: Place, tree: WeightsTree) -> list[NamedArray]:
    group = tree.groups.get(place.path)
    arrays = [] if group is None else group.numbered()
    return [NamedArray(f"{place.path}/vars/{i}", array) for i, array in enumerate(arrays)]


def _missing(places: Sequence[Place], tree: WeightsTree) -> list[str]:
    """Return what the file lacks of these places, a sentence each."""
    lacking: list[str] = []
    for place in places:
        expected = len(place.variables)
        group = tree.groups.get(place.path)
        found = 0 if group is None else len(group.arrays)
        if expected and found != expected:
            lacking.append(
                f"layer {place.name!r}: expected {expected} weights at {place.path or '/'!r}, "
                f"found {found}"
            )
    return lacking
