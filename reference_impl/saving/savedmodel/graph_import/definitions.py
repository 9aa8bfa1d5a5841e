"""The definitions of a graph's functions, and which of them are alike."""

import re
from typing import Any

from saveproof.reference_impl.saving.errors import NotReadHere, WrongPart
from saveproof.reference_impl.saving.savedmodel.functions import Functions

_NUMBERED = re.compile(r"__(?:inference|forward)_(?P<base>.+)_\d+", re.DOTALL)

DEEPEST = 64
"""Functions of which each calls the next."""


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
            WrongPart: if there is none of that name.
        """
        if name not in self._definitions:
            raise WrongPart(f"{self._where}: no function {name!r}, which the graph calls")
        return self._definitions[name]

    def shape_of(self, name: str, *, depth: int = 0) -> int | None:
        """Return a number for what does not depend on names and constants: the operations.

        Functions with the same operations have the same number.

        Raises:
            NotReadHere: if functions call each other too deep.
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
    """Check that not too many functions call each other.

    Raises:
        NotReadHere: naming the last of them.
    """
    if depth > DEEPEST:
        raise NotReadHere(f"function {name!r}: more than {DEEPEST} functions that call each other")


def base_name(name: str) -> str:
    """Return a function's name without the number that makes it the only one."""
    found = _NUMBERED.fullmatch(name)
    return found["base"] if found else name


def called_by(node: Any) -> list[str]:
    """Return the names of the functions that a node calls."""
    found = []
    for value in node.attr.values():
        found += [func.name for func in (value.func, *value.list.func) if func.name]
    return found
