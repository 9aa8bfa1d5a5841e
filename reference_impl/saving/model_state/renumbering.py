"""Matching of weights by name when the numbers in layer names changed since the save.

A file lists a layer's trainable weights first, so the order depends on which nested layers were
frozen. If that is unknown, only the names identify the weights.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

Parts = tuple[str, ...]


class UnclearNames(ValueError):
    """Names and order of the weights in a file contradict each other."""


def places_by_name(
    expected: Sequence[str], found: Sequence[str], *, where: str, in_order: bool = False
) -> list[int]:
    """Return for each expected name the position of the same weight among the names found.

    It has the same name; or the same name except for the numbers that Keras appends to layer names
    in order of creation; or, if the weights are known to be `in_order`, the same position.

    Raises:
        UnclearNames: if numbers and positions contradict each other, so that different layers may
            have the same name by chance.
    """
    # Keras 2 appends the output's number (":0") to names; Keras 3 does not.
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
            f"{where}: expected the weights {list(expected)} in this order, found {list(found)}; "
            "the file does not say which nested layers were frozen: freeze the same ones before "
            "the load, or give the layers their names in the file; nothing was changed"
        )
    return by_rank


def _layers(names: Sequence[str]) -> set[str]:
    return {name.rpartition("/")[0] for name in names}


def ranked(names: Sequence[str]) -> list[Parts]:
    """Return names with the parts of equal base renumbered from 0.

    >>> ranked(["a/dense_4/kernel", "a/dense_7/kernel"])
    [('a 0', 'dense 0', 'kernel 0'), ('a 0', 'dense 1', 'kernel 0')]
    """
    renamed: dict[Parts, Parts] = {(): ()}
    for parts in _levels(names):
        renamed |= _renamed_below(parts, renamed)
    return [renamed[tuple(name.split("/"))] for name in names]


def _levels(names: Sequence[str]) -> Iterator[list[Parts]]:
    """Yield the prefixes of the names with 1, 2… parts."""
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
