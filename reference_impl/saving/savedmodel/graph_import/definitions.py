"""The definitions of a graph's functions, and comparison of their operations."""

import re
from typing import Any

from saveproof.reference_impl.saving.errors import NotReadHere, WrongPart
from saveproof.reference_impl.saving.savedmodel.functions import Functions

_NUMBERED = re.compile(r"__(?:inference|forward)_(?P<base>.+)_\d+", re.DOTALL)

DEEPEST = 64
"""The largest depth of function calls."""


class Definitions:
    """The definitions of the functions of a SavedModel."""

    def __init__(self, functions: Functions) -> None:
        library = functions.meta.graph_def.library
        self._definitions = {one.signature.name: one for one in library.function}
        self._where = functions.where
        self._shapes: dict[str, int | None] = {}
        self._numbers: dict[Any, int] = {}

    def definition(self, name: str) -> Any:
        """Return a FunctionDef.

        Raises:
            WrongPart: if there is no function with that name.
        """
        if name not in self._definitions:
            raise WrongPart(f"{self._where}: no function {name!r}; the graph calls it")
        return self._definitions[name]

    def shape_of(self, name: str, *, depth: int = 0) -> int | None:
        """Return a number that is equal for functions with the same operations.

        Names and constants are ignored.

        Raises:
            NotReadHere: if function calls are nested too deeply.
        """
        check_depth(depth, name)
        if name not in self._shapes:
            self._shapes[name] = None  # a function that calls itself
            shape = tuple(
                (
                    node.op,
                    *(self.shape_of(one, depth=depth + 1) for one in sorted(called_by(node))),
                )
                for node in self.definition(name).node_def
            )
            self._shapes[name] = self._numbers.setdefault(shape, len(self._numbers))
        return self._shapes[name]


def check_depth(depth: int, name: str) -> None:
    """Check the depth of nested function calls.

    Raises:
        NotReadHere: naming the innermost function.
    """
    if depth > DEEPEST:
        raise NotReadHere(f"function {name!r}: expected up to {DEEPEST} nested calls, found more")


def base_name(name: str) -> str:
    """Return a function's name without the number that makes it unique."""
    found = _NUMBERED.fullmatch(name)
    return found["base"] if found else name


def called_by(node: Any) -> list[str]:
    """Return the names of the functions that a node calls."""
    found = []
    for value in node.attr.values():
        found += [func.name for func in (value.func, *value.list.func) if func.name]
    return found
