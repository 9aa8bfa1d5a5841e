"""Sequential without file formats: a model that calls its layers one after the other."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, Self

from saveproof.reference_impl.config_types import checked
from saveproof.reference_impl.custom_objects import custom_object_scope
from saveproof.reference_impl.engine.construction import takes
from saveproof.reference_impl.engine.graph import graph_between
from saveproof.reference_impl.engine.graph_checks import NetworkConfig
from saveproof.reference_impl.engine.model import Model
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.input_layer import InputLayer
from saveproof.reference_impl.layers.policy import FLOATX
from saveproof.reference_impl.layers.serialization import deserialize_layer, serialize_layer
from saveproof.reference_impl.layers.symbolic import KerasTensor
from saveproof.reference_impl.limits import building
from saveproof.reference_impl.loading import MalformedEntry, at
from saveproof.reference_impl.nest import Nested, Shape, is_shape, map_shapes


class SequentialConfig(NetworkConfig):
    """The configuration of a Sequential."""

    layers: Sequence[Any]
    build_input_shape: NotRequired[Sequence[int | None] | None]


class Sequential(Model):
    """A stack of layers; `reference_impl.model.Sequential` adds its files."""

    internals = frozenset({"_stack", "_tensors"})
    is_network = True

    def __init__(
        self,
        layers: Sequence[Layer | KerasTensor] | Layer | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self._stack: list[Layer] = []
        self._tensors: list[KerasTensor] = []
        names: set[str] = set()
        for layer in [layers] if isinstance(layers, Layer | KerasTensor) else layers or ():
            self._append(layer, names)
        self._close()

    def add(self, layer: Layer | KerasTensor) -> None:
        """Append a layer."""
        self._append(layer, {other.name for other in self._stack})
        self._close()

    def pop(self) -> None:
        """Remove the last layer.

        Raises:
            TypeError: if there are no layers.
        """
        if not self._stack:
            raise TypeError(f"model {self.name!r}: expected a layer to remove, found none")
        self._stack.pop()
        self._tensors = self._tensors[:-1] if self._stack else []
        self.graph, self.is_graph_network, self.built = None, False, False
        self._close()

    @property
    def layers(self) -> list[Layer]:
        """The layers in order, without the input layer."""
        return list(self._stack)

    def sublayers(self) -> list[Layer]:
        """Return the layers in order, starting with the input layer if there is one."""
        inputs = [tensor.layer for tensor in self._tensors[:1] if tensor.layer is not None]
        return [*inputs, *self._stack]

    def _append(self, layer: Layer | KerasTensor, names: set[str]) -> None:
        first = not self._stack and not self._tensors
        if isinstance(layer, KerasTensor):
            layer = layer.layer or InputLayer(batch_input_shape=layer.shape)
        if not isinstance(layer, Layer):
            raise TypeError(f"model {self.name!r}: expected a layer, found {layer!r:.200}")
        if isinstance(layer, InputLayer):
            if not first:
                raise ValueError(f"model {self.name!r}: an input layer must come first")
            self._tensors = [layer.output]
            return
        if layer.name in names:
            raise ValueError(
                f"model {self.name!r}: expected unique layer names, found two layers named "
                f"{layer.name!r}"
            )
        if first:
            self._tensors = self._declared_input(layer)
        names.add(layer.name)
        self._stack.append(layer)
        if self._tensors:
            self._call_next(layer)

    def _declared_input(self, layer: Layer) -> list[KerasTensor]:
        """Return the input that the first layer declares, or an empty list."""
        shape, dtype = layer.batch_input_shape, layer.dtype
        if isinstance(layer, Model) and layer.graph is not None:
            inner = next(iter(layer.inputs or ()))
            shape, dtype = inner.shape, inner.dtype
        return [] if shape is None else [self._new_input(layer, shape, dtype)]

    def _new_input(self, layer: Layer, shape: Shape, dtype: str) -> KerasTensor:
        name = f"{layer.name}_input"
        made: KerasTensor = InputLayer(batch_input_shape=shape, dtype=dtype, name=name).output
        return made

    def _call_next(self, layer: Layer) -> None:
        tensor = layer(self._tensors[-1])
        if not isinstance(tensor, KerasTensor):
            raise ValueError(
                f"model {self.name!r}: layer {layer.name!r} has several outputs; "
                "a Sequential takes layers with one"
            )
        self._tensors.append(tensor)

    def _close(self) -> None:
        """Set the graph of the calls made so far, if the input is known."""
        if self._stack and self._tensors:
            self.become(graph_between(self._tensors[0], self._tensors[-1]))

    def build(self, input_shape: Nested = None) -> None:
        """Create the weights for inputs of this shape (batch first), unless they exist."""
        if self.graph is not None or not self._stack or input_shape is None:
            return
        if not is_shape(input_shape):
            raise ValueError(f"model {self.name!r}: expected one shape, found {input_shape}")
        self._tensors = [self._new_input(self._stack[0], tuple(input_shape), FLOATX)]
        for layer in self._stack:
            self._call_next(layer)
        self._close()

    def ensure_built(self, input_shape: Nested) -> None:
        """Build the layers at the first call, with an open batch size unless one is stateful."""
        if self.graph is not None:
            return
        stateful = any(layer.stateful for layer in self.flatten_layers())
        self.build(input_shape if stateful else map_shapes(_with_open_batch, input_shape))

    def get_config(self) -> dict[str, Any]:
        """Return the name and the layers' entries, starting with the input layer's.

        tf_keras does not save the model's own trainable flag, so a frozen model is trainable after
        a load. Here the config contains the flag if it is False; tf_keras ignores it.
        """
        self.check_config()
        return self.graph_config()

    def check_config(self) -> None:
        """Check that the class can be constructed from the layers in a file."""
        overridden = type(self).get_config is not Sequential.get_config
        if not overridden and not takes(type(self).__init__, "layers", exactly=True):
            raise NotImplementedError(
                f"model {self.name!r}: the constructor of {type(self).__name__} takes no layers; "
                "define get_config() and from_config() to save it, or save a SavedModel or the "
                "weights"
            )

    @property
    def makes_own_graph(self) -> bool:
        """Always False: the configuration contains the layers."""
        return False

    def graph_config(self) -> dict[str, Any]:
        """Return the layers' configuration, from which a plain `Sequential` can be created."""
        frozen = {} if self.trainable else {"trainable": False}
        layers = [serialize_layer(layer) for layer in self.sublayers()]
        return {"name": self.name, **frozen, "layers": layers}

    @classmethod
    def from_config(cls, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Return the model from its configuration, in the oldest files a list of layers."""
        as_mapping = {"layers": config} if isinstance(config, list) else config
        with custom_object_scope(custom_objects or {}), building(), at():
            given = checked(as_mapping, SequentialConfig)
            if not takes(cls.__init__, "layers", exactly=True):
                raise MalformedEntry(
                    f"model {given.get('name')!r}: the configuration describes a stack of layers, "
                    f"but the constructor of {cls.__name__} takes no layers; load it without the "
                    "class, or define get_config() and from_config() in the class"
                )
            layers = []
            for number, entry in enumerate(given["layers"]):
                with at("layers", number):
                    layers.append(deserialize_layer(entry))
            model = cls(layers, name=given.get("name"))
            shape = given.get("build_input_shape")
            if shape is not None and not model.built:
                with at("build_input_shape"):
                    model.build(tuple(shape))
            model.set_own_trainable(given.get("trainable", True))
            return model

    def __call__(self, inputs: Nested, *others: Any, **arguments: Any) -> Nested:
        """Compute the outputs; the first call sets the shapes if they are unknown."""
        if self.graph is None and isinstance(inputs, KerasTensor):
            self.build(inputs.shape)
        return super().__call__(inputs, *others, **arguments)


def _with_open_batch(shape: Shape) -> Shape:
    return (None, *shape[1:])
