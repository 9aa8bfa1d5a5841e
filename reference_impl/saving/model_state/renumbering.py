"""Which weight is which by their names, where layers were numbered otherwise when they were saved.

A layer's weights stand in a file with those that training changes first, so that their order tells
nothing as long as it is not known which layers inside were frozen. Their names do.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

Parts = tuple[str, ...]


class UnclearNames(ValueError):
    """Names and order of the weights in a file say different things."""


def places_by_name(
    expected: Sequence[str], found: Sequence[str], *, where: str, in_order: bool = False
) -> list[int]:
    """Return for each expected name the place of the one found that is the same weight.

    It is the one of the same name, or of the same name but for the numbers that Keras gives to
    layers in the order in which they are made, or else, and if they are `in_order`, the one at the
    same place.

    Raises:
        UnclearNames: if numbers and places differ, and layers that are not the same may have the
            same name by chance.
    """
    # Keras 2 numbers what an operation puts out; Keras 3 does not.
    expected, found = ([name.removesuffix(":0") for name in names] for names in (expected, found))
    if len(set(expected)) == len(expected) and set(expected) == set(found):
        return [found.index(name) for name in expected]
    by_place = list(range(len(expected)))
    ours, theirs = ranked(expected), ranked(found)
    if in_order or sorted(ours) != sorted(theirs) or len(set(ours)) != len(ours):
        return by_place
    by_rank = [theirs.index(name) for name in ours]
    places = [by_rank.index(place) for place in by_place]
    runs = 1 + sum(later < place for place, later in pairwise(places))
    if by_rank == by_place or runs > 2:
        return by_place
    if _layers(expected) & _layers(found):
        raise UnclearNames(
            f"{where}: expected the weights {list(expected)} in this order, found {list(found)}: "
            "whether layers inside were frozen when they were saved is not known; freeze the same "
            "ones before the load, or give the layers the names that they had; nothing was changed"
        )
    return by_rank


def _layers(names: Sequence[str]) -> set[str]:
    return {name.rpartition("/")[0] for name in names}


def ranked(names: Sequence[str]) -> list[Parts]:
    """Return names with their parts numbered from 0 among those of the same base.

    >>> ranked(["a/dense_4/kernel", "a/dense_7/kernel"])
    [('a 0', 'dense 0', 'kernel 0'), ('a 0', 'dense 1', 'kernel 0')]
    """
    renamed: dict[Parts, Parts] = {(): ()}
    for parts in _levels(names):
        renamed |= _renamed_below(parts, renamed)
    return [renamed[tuple(name.split("/"))] for name in names]


def _levels(names: Sequence[str]) -> Iterator[list[Parts]]:
    """Yield the beginnings of the names, by how many parts they have."""
    split = [tuple(name.split("/")) for name in names]
    for depth in range(1, max(map(len, split), default=0) + 1):
        yield list(dict.fromkeys(parts[:depth] for parts in split if len(parts) >= depth))


def _renamed_below(level: Sequence[Parts], renamed: dict[Parts, Parts]) -> dict[Parts, Parts]:
    groups: dict[tuple[Parts, str], list[tuple[int, Parts]]] = {}
    for parts in level:
        base, number = _numbered(parts[-1])
        groups.setdefault((parts[:-1], base), []).append((number, parts))
    return {
        parts: (*renamed[outer], f"{base} {rank}")
        for (outer, base), members in groups.items()
        for rank, (_, parts) in enumerate(sorted(members))
    }


def _numbered(part: str) -> tuple[str, int]:
    found = re.fullmatch(r"(.+?)_(\d{1,9})", part)
    return (part, 0) if found is None else (found[1], int(found[2]))
