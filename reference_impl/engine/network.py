"""Network: a trainer with symbolic inputs and outputs if it is functional."""

from typing import Any

from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.nest import Nested, leaves, map_leaves


class Network(Trainer):
    """The symbolic inputs and outputs of a model, named as in Keras."""

    @property
    def inputs(self) -> list[Any] | None:
        """The symbolic inputs, flattened; None for a subclassed model."""
        return None if self.graph is None else list(leaves(self.graph.inputs))

    @property
    def outputs(self) -> list[Any] | None:
        """The symbolic outputs, flattened; None for a subclassed model."""
        return None if self.graph is None else list(leaves(self.graph.outputs))

    @property
    def input(self) -> Nested:
        """The symbolic inputs in their nested structure."""
        return None if self.graph is None else self.graph.inputs

    @property
    def output(self) -> Nested:
        """The symbolic outputs in their nested structure."""
        return None if self.graph is None else self.graph.outputs

    @property
    def input_shape(self) -> Nested:
        """The shapes of the inputs, in their nested structure."""
        return super().input_shape if self.graph is None else _shapes(self.graph.inputs)

    @property
    def output_shape(self) -> Nested:
        """The shapes of the outputs, in their nested structure."""
        return super().output_shape if self.graph is None else _shapes(self.graph.outputs)

    @property
    def output_names(self) -> list[str] | None:
        """The names of the outputs: those of the layers that compute them."""
        return None if self.graph is None else self.graph.output_names

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return the layer with that name or at that index.

        Raises:
            ValueError: if no layer has it.
        """
        if (index is None) == (name is None):
            raise ValueError(
                f"model {self.name!r}: get_layer: expected a name or an index, found name={name!r} "
                f"and index={index!r}"
            )
        if index is not None:
            if index < len(self.layers):
                return self.layers[index]
            raise ValueError(
                f"model {self.name!r}: expected an index below {len(self.layers)}, the number of "
                f"layers, found {index!r}"
            )
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"model {self.name!r}: expected one of the layers "
            f"{sorted(layer.name for layer in self.layers)}, found {name!r}"
        )


def _shapes(symbols: Nested) -> Nested:
    return map_leaves(lambda symbol: symbol.shape, symbols)
