"""Marked values: arguments that are no JSON values, as JSON objects with one marked key.

A tuple, a NumPy array or scalar, a function of the framework, and an object that is made by a call
of its class: each has one spelling in a case, which a family writes out as source.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from saveproof.strategies.case import Config

TUPLE = "$tuple"
ARRAY = "$array"
FUNCTION = "$function"
OBJECT = "$object"

MARKS = (TUPLE, ARRAY, FUNCTION, OBJECT)


def several(*items: Any) -> Config:
    """Return a tuple."""
    return {TUPLE: list(items)}


def array(values: Any, dtype: str = "float32") -> Config:
    """Return a NumPy array, or a NumPy scalar of one number."""
    return {ARRAY: values, "dtype": dtype}


def function(name: str) -> Config:
    """Return a function of the framework by its name after the package, `activations.relu`."""
    return {FUNCTION: name}


def made(qualified: str, **arguments: Any) -> Config:
    """Return an object of a class by its qualified name, `layers.Dense`."""
    return {OBJECT: qualified, "arguments": arguments}


def mark_of(value: Any) -> str:
    """Return the mark of a value; empty for plain JSON."""
    if not isinstance(value, Mapping):
        return ""
    return next((mark for mark in MARKS if mark in value), "")


def is_marked(value: Any) -> bool:
    """Return whether a value has a mark, or one of the values in it."""
    if mark_of(value):
        return True
    inner = value.values() if isinstance(value, Mapping) else value
    return isinstance(value, Mapping | list) and any(map(is_marked, inner))


def classes_in(value: Any) -> Iterator[str]:
    """Yield the qualified names of the classes that a value makes objects of."""
    if isinstance(value, Mapping):
        if OBJECT in value:
            yield value[OBJECT]
        for inner in value.values():
            yield from classes_in(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from classes_in(inner)
