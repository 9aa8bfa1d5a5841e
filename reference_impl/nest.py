"""Nested lists, tuples and dictionaries of tensors: flatten, map, and shapes as leaves."""

from collections.abc import Callable, Iterator
from typing import Any

Nested = Any
"""A leaf, or a list, tuple or dictionary of nested values: user data at a framework's edge."""

Shape = tuple[int | None, ...]


def leaves(structure: Nested) -> Iterator[Any]:
    """Yield the leaves in order; those of a dictionary by sorted key, as in Keras."""
    if isinstance(structure, dict):
        for key in sorted(structure):
            yield from leaves(structure[key])
    elif isinstance(structure, list | tuple):
        for item in structure:
            yield from leaves(item)
    else:
        yield structure


def map_leaves(function: Callable[[Any], Any], structure: Nested) -> Nested:
    """Return the same structure with `function` applied to each leaf."""
    if isinstance(structure, dict):
        return {key: map_leaves(function, value) for key, value in structure.items()}
    if isinstance(structure, list | tuple):
        return type(structure)(map_leaves(function, item) for item in structure)
    return function(structure)


def is_shape(structure: Nested) -> bool:
    """Return whether this is one shape: a sequence of lengths, None for an open length."""
    return isinstance(structure, list | tuple) and all(
        size is None or isinstance(size, int) for size in structure
    )


def shapes_in(structure: Nested) -> list[Shape]:
    """Return the shapes in the structure, in its order."""
    found: list[Shape] = []
    map_shapes(found.append, structure)
    return found


def map_shapes(function: Callable[[Shape], Any], structure: Nested) -> Nested:
    """Return the same structure with `function` applied to each shape in it."""
    if is_shape(structure):
        return function(tuple(structure))
    if isinstance(structure, dict):
        return {key: map_shapes(function, value) for key, value in structure.items()}
    return type(structure)(map_shapes(function, item) for item in structure)
