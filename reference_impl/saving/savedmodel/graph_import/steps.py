"""`Steps`, the steps of a program imported from a graph, and the values that they use."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from saveproof.reference_impl.limits import check_size
from saveproof.reference_impl.saving.errors import NotReadHere
from saveproof.reference_impl.saving.savedmodel.graph_import.definitions import check_depth
from saveproof.reference_impl.saving.savedmodel.program import PRIMITIVES, Ref, encoded_value

MOST_CALLS = 10_000
"""The largest number of function calls in a program, counting nested calls each time."""


@dataclass(frozen=True, slots=True)
class Handle:
    """A variable of the graph, by the number of its object."""

    number: int


@dataclass(frozen=True, slots=True)
class Lengths:
    """The unknown shape of a tensor."""

    of: Ref


@dataclass(frozen=True, slots=True)
class Length:
    """The unknown length of one axis of a tensor."""

    of: Ref
    axis: int


Value = Ref | np.ndarray | Handle | Lengths
"""The value of a node's output; the elements of an array may be lengths."""


class Steps:
    """The steps of a program so far; operations on constants are computed immediately."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []
        self._called = 0

    def calls(self, name: str, depth: int) -> None:
        """Count the call of a function at this depth.

        Raises:
            NotReadHere: if there are too many: nested repeated calls grow exponentially.
        """
        check_depth(depth, name)
        self._called += 1
        if self._called > MOST_CALLS:
            raise NotReadHere(f"function {name!r}: expected up to {MOST_CALLS} calls, found more")

    def made(
        self, primitive: str, inputs: Iterable[Value], /, *args: Any, **keywords: Any
    ) -> Value:
        """Add a primitive and return its output."""
        operands = list(inputs)
        if not any(isinstance(value, Ref) for value in (*operands, *args)):
            if primitive == "broadcast_to":
                check_size(args[0], "float64", where="a constant of the graph", keep=False)
            return np.asarray(PRIMITIVES[primitive](*operands, *args, **keywords)[0])
        step = {"inputs": operands, "arguments": list(args)}
        encoded = {key: [self.encoded(item) for item in items] for key, items in step.items()}
        return self.add({"primitive": primitive, **encoded, "keywords": keywords})

    def compared(self, op: str, value: Ref, number: float) -> Ref:
        """Add a comparison with a number and return its output."""
        return self.add({"comparison": op, "inputs": self.encoded(value), "number": number})

    def add(self, step: dict[str, Any]) -> Ref:
        """Add a step and return its first output."""
        self.steps.append(step)
        return Ref("step", len(self.steps) - 1)

    def encoded(self, value: Any) -> Any:
        """Return a value, or a structure of values, in the encoding of programs.

        Raises:
            NotReadHere: for an unknown length, or a variable's handle.
        """
        if isinstance(value, Handle | Lengths) or (
            isinstance(value, np.ndarray) and value.dtype.kind == "O"
        ):
            raise NotReadHere(f"expected a tensor, found {value!r:.100}")
        return encoded_value(value, self.encoded)


Operation = Callable[[Steps, Any, Sequence[Any]], Value | list[Value]]
"""Converts a node, given its inputs, and returns its output or outputs."""


def known(value: Any) -> Any:
    """Return a constant as numbers.

    Raises:
        NotReadHere: if the value is not constant.
    """
    if not isinstance(value, np.ndarray):
        raise NotReadHere(f"expected a constant, found {value!r:.100}")
    return value.tolist()
