"""The recorded symbolic calls of a layer: inputs, outputs and their shapes."""

from collections.abc import Callable
from typing import Any

from saveproof.reference_impl.fields import Configured
from saveproof.reference_impl.layers.symbolic import KerasTensor, Node, alone
from saveproof.reference_impl.nest import Nested, map_leaves, map_shapes


class RecordedCalls(Configured):
    """The part of a layer that records its symbolic calls."""

    name: str
    compute_dtype: Any
    inbound_nodes: list[Node]

    @property
    def input(self) -> Nested:
        """The symbolic inputs of the layer's first call."""
        node = self._first_call("input")
        return alone(node.inputs or node.outputs)

    @property
    def output(self) -> Nested:
        """The symbolic outputs of the layer's first call."""
        return alone(self._first_call("output").outputs)

    @property
    def input_shape(self) -> Nested:
        """The shapes of the inputs, which must be equal in all symbolic calls."""
        return self._shape_in_calls("input_shape", lambda node: node.inputs or node.outputs)

    @property
    def output_shape(self) -> Nested:
        """The shapes of the outputs, which must be equal in all symbolic calls."""
        return self._shape_in_calls("output_shape", lambda node: node.outputs)

    def _first_call(self, asked: str) -> Node:
        if not self.inbound_nodes:
            raise AttributeError(
                f"layer {self.name!r}: {asked}: the layer has not been called on symbolic tensors; "
                "call it on a keras.Input, or set the model's input shape"
            )
        return self.inbound_nodes[0]

    def _shape_in_calls(self, asked: str, part: Callable[[Node], Nested]) -> Nested:
        self._first_call(asked)
        first, *others = [
            map_leaves(lambda tensor: tensor.shape, part(node)) for node in self.inbound_nodes
        ]
        if any(other != first for other in others):
            raise AttributeError(
                f"layer {self.name!r}: {asked}: expected equal shapes in all calls, "
                f"found {[first, *others]}"
            )
        return alone(first)

    def record_node(
        self, inputs: Nested, arguments: dict[str, Any], output_shapes: Nested
    ) -> Nested:
        """Record a symbolic call and return its outputs."""
        node_index, count = len(self.inbound_nodes), iter(range(1 << 30))
        outputs = map_shapes(
            lambda shape: KerasTensor(shape, self.compute_dtype, self, node_index, next(count)),
            output_shapes,
        )
        self.inbound_nodes.append(Node(self, inputs, arguments, outputs))
        return outputs
