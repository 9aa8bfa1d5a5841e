"""Symbolic tensors, and the calls of layers that make them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from saveproof.reference_impl.nest import Nested, Shape, leaves, map_leaves


@dataclass(eq=False, slots=True)
class KerasTensor:
    """A symbolic tensor: shape (batch first, None for an open length), dtype and origin."""

    shape: Shape
    dtype: str
    layer: Any = None
    node_index: int = 0
    tensor_index: int = 0

    @property
    def node(self) -> "Node":
        """The call that made this tensor."""
        if self.layer is None:
            raise ValueError(
                f"symbolic tensor of shape {self.shape}: expected the output of a layer, found none"
            )
        made: Node = self.layer.inbound_nodes[self.node_index]
        return made


@dataclass(eq=False, slots=True)
class Node:
    """One symbolic call of a layer: nested inputs, further arguments, and outputs."""

    layer: Any
    inputs: Nested
    arguments: dict[str, Any] = field(default_factory=dict)
    outputs: Nested = None

    @property
    def sources(self) -> list[KerasTensor]:
        """The symbolic tensors among the inputs and arguments, those given by keyword last."""
        return [*leaves(self.inputs), *symbols_in(self.arguments)]


def symbols_in(arguments: Mapping[str, Any]) -> list[KerasTensor]:
    """Return the symbolic tensors among a call's other arguments."""
    return [leaf for leaf in leaves(arguments) if isinstance(leaf, KerasTensor)]


def with_symbols(
    arguments: Mapping[str, Any], function: Callable[[KerasTensor], Any]
) -> dict[str, Any]:
    """Return a call's other arguments with `function` applied to each symbolic tensor."""
    return {
        name: map_leaves(
            lambda leaf: function(leaf) if isinstance(leaf, KerasTensor) else leaf, value
        )
        if symbols_in({name: value})
        else value
        for name, value in arguments.items()
    }


def alone(structure: Nested) -> Nested:
    """Return the item of a list of one tensor or shape, as Keras does; other values unchanged."""
    return structure[0] if isinstance(structure, list) and len(structure) == 1 else structure
