"""Builds an architecture, one layer after the other."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from saveproof.strategies.byte_draws import ByteDraws
from saveproof.strategies.capabilities import Capabilities
from saveproof.strategies.case import Architecture, Call, Config, Input, Kind, Layer
from saveproof.strategies.names import Register
from saveproof.strategies.shapes import layer_shape

TRAINING = frozenset(
    {
        *("Dense", "Embedding", "Conv1D", "Conv2D", "DepthwiseConv1D", "DepthwiseConv2D"),
        *("SeparableConv1D", "SeparableConv2D", "SimpleRNN", "LSTM", "GRU", "Bidirectional"),
    }
)


@dataclass(slots=True)
class ArchitectureBuilder:
    """The layers, calls and tensors so far; no layer takes the `loose` tensors yet.

    `depth` counts the models around this one, `trained` holds the tensors whose last layer always
    has a gradient, `tensors` describes each tensor as an input without a name, `batch_size` is the
    fixed one of the inputs, `classes` are the layers to choose from, `had` is what a subject has.
    """

    kind: Kind
    register: Register
    classes: frozenset[str]
    had: Capabilities
    batch_size: int | None = None
    depth: int = 0
    taken: set[str] = field(default_factory=set)
    inputs: list[Input] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    tensors: dict[str, Input] = field(default_factory=dict)
    loose: list[str] = field(default_factory=list)
    trained: set[str] = field(default_factory=set)

    @property
    def branches(self) -> bool:
        """Whether the model may be more than a chain of layers."""
        return self.kind is not Kind.SEQUENTIAL and self.had.joins

    def name(self, class_name: str, draws: ByteDraws) -> str:
        """Return a name that nothing in this architecture has yet."""
        non_ascii = self.kind in self.had.non_ascii
        return self.register.name(class_name, draws, taken=self.taken, non_ascii=non_ascii)

    def add_input(self, tensor: Input, name: ByteDraws) -> None:
        """Add an input like that tensor, under a name of its own."""
        named = replace(tensor, name=self.name("Input", name), batch_size=self.batch_size)
        self.inputs.append(named)
        self._add_tensor(named.name, tensor)

    def add_layer(
        self,
        class_name: str,
        config: Config,
        inputs: Sequence[str],
        *,
        name: ByteDraws,
    ) -> str:
        """Add a layer and its first call; return the tensor that it gives."""
        named: Config = {"name": self.name(class_name, name)}
        return self._add(Layer(class_name=class_name, config=named | config), inputs)

    def add_model(self, model: Architecture, config: Config, inputs: Sequence[str]) -> str:
        """Add a model as a layer, under its own name, and its first call; return its tensor."""
        class_name = model.kind.capitalize()
        named: Config = {"name": model.name}
        return self._add(Layer(class_name=class_name, config=named | config, model=model), inputs)

    def _add(self, layer: Layer, inputs: Sequence[str]) -> str:
        self.layers.append(layer)
        return self._call(layer, inputs, layer.name)

    def call_again(self, layer: Layer, inputs: Sequence[str]) -> str:
        """Call a layer that is there already; return the tensor that it gives."""
        number = sum(call.layer == layer.name for call in self.calls) + 1
        return self._call(layer, inputs, f"{layer.name}#{number}")

    def _call(self, layer: Layer, inputs: Sequence[str], output: str) -> str:
        self.calls.append(Call(layer=layer.name, inputs=tuple(inputs), output=output))
        shape = layer_shape(layer, [(None, *self.tensors[name].shape) for name in inputs])
        self.loose = [name for name in self.loose if name not in inputs]
        self._add_tensor(output, Input("", tuple(n for n in shape[1:] if n is not None)))
        config = layer.config
        if (
            layer.class_name in TRAINING
            and config.get("trainable", True)
            and config.get("activation") != "relu"  # may be zero for every row
        ):
            self.trained.add(output)
        return output

    def _add_tensor(self, name: str, tensor: Input) -> None:
        self.tensors[name] = replace(tensor, name="", batch_size=self.batch_size)
        self.loose.append(name)

    def partners(self, source: str) -> list[str]:
        """Return the tensors that can be joined with `source` along the last axis, loose first."""
        shape = self.tensors[source].shape
        if self.tensors[source].vocabulary:
            return []
        found = [
            name
            for name, tensor in self.tensors.items()
            if name != source and not tensor.vocabulary and tensor.shape[:-1] == shape[:-1]
            and len(tensor.shape) == len(shape)
        ]  # fmt: skip
        return sorted(found, key=lambda name: name not in self.loose)

    def shareable(self, source: str) -> list[Layer]:
        """Return the stateless layers that already took one tensor of such a shape."""
        tensor = self.tensors[source]
        seen = {
            call.layer: None
            for call in reversed(self.calls)
            if len(call.inputs) == 1 and self.tensors[call.inputs[0]] == tensor
        }
        by_name = {layer.name: layer for layer in self.layers}
        return [by_name[name] for name in seen if not is_stateful(by_name[name])]

    def alike(self, source: str) -> list[str]:
        """Return the tensors of the same shape and kind, including this one, oldest first."""
        return [name for name, tensor in self.tensors.items() if tensor == self.tensors[source]]

    def architecture(self, name: str, outputs: Sequence[str]) -> Architecture:
        """Return the finished architecture."""
        return Architecture(
            kind=self.kind,
            name=name,
            inputs=tuple(self.inputs),
            layers=tuple(self.layers),
            calls=tuple(self.calls),
            outputs=tuple(outputs),
        )


def is_stateful(layer: Layer) -> bool:
    """Return whether a layer, or one inside a nested model, keeps states between batches."""
    if layer.model is not None:
        return any(is_stateful(inner) for inner in layer.model.layers)
    return bool(layer.config.get("stateful"))
