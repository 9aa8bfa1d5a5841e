"""Model without file formats: functional, or a subclass that defines `call`."""

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np

from saveproof.reference_impl.config_types import checked, construct
from saveproof.reference_impl.custom_objects import custom_object_scope
from saveproof.reference_impl.engine.construction import (
    Construction,
    check_arguments,
    check_takes,
    construction,
    own_arguments,
)
from saveproof.reference_impl.engine.errors import UnbuiltModel
from saveproof.reference_impl.engine.graph import Graph, conformed_inputs, graph_between
from saveproof.reference_impl.engine.graph_checks import NetworkConfig
from saveproof.reference_impl.engine.graph_config import graph_config, graph_from_config
from saveproof.reference_impl.engine.network import Network
from saveproof.reference_impl.engine.summary import print_line, summary_lines
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.call_context import CallFrame, calling
from saveproof.reference_impl.layers.policy import is_floating
from saveproof.reference_impl.layers.serialization import serialize_layer
from saveproof.reference_impl.layers.symbolic import KerasTensor
from saveproof.reference_impl.layers.weights import each_once
from saveproof.reference_impl.limits import building
from saveproof.reference_impl.loading import at
from saveproof.reference_impl.nest import Nested, leaves, map_leaves, shapes_in
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.plain import json_text
from saveproof.reference_impl.state import BACKEND, KERAS_VERSION


class Model(Network):
    """A model that can be compiled and trained; `reference_impl.model.Model` adds files."""

    configured_by_layers = True
    _construction = Construction()

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Record the arguments of a subclass's constructor."""
        model = super().__new__(cls)
        object.__setattr__(model, "_construction", construction(cls.__init__, args, kwargs))
        return model

    def __init__(
        self,
        inputs: Nested = None,
        outputs: Nested = None,
        name: str | None = None,
        *,
        trainable: bool = True,
        dtype: object = None,
    ) -> None:
        if inputs is not None and dtype is not None:
            raise TypeError(
                f"{type(self).__name__}: dtype: expected None for a functional model, "
                f"found {dtype!r}; set the dtype of its layers"
            )
        super().__init__(name=name, dtype=dtype)
        self.graph: Graph | None = None
        if inputs is not None:
            self.become(graph_between(inputs, outputs))
        if not trainable:
            self.trainable = False

    def become(self, graph: Graph) -> None:
        """Turn this model into a functional one with the graph."""
        self.graph = graph
        self.is_graph_network = True
        self.built = True

    def sublayers(self) -> list[Layer]:
        """Return the graph's layers by depth, then layers assigned to attributes, each once."""
        assigned = super().sublayers()
        if self.graph is None:
            return assigned
        return list({id(layer): layer for layer in (*self.graph.layers, *assigned)}.values())

    def positions(self) -> tuple[str, ...]:
        """Return the names of the positional arguments after the inputs."""
        return ("training",) if type(self).call is Model.call else super().positions()

    def __call__(self, inputs: Nested, *others: Any, **arguments: Any) -> Nested:
        """Compute the outputs; a subclassed model records the inputs of its first call."""
        if self.graph is None and self.called_on is None:
            self._note_call(inputs)
        return super().__call__(inputs, *others, **arguments)

    def _note_call(self, inputs: Nested) -> None:
        object.__setattr__(self, "called_on", map_leaves(self._as_symbol, inputs))

    def _as_symbol(self, value: Any) -> KerasTensor:
        """Return a symbolic input of a subclassed model, with an open batch size."""
        shape = (None, *(value.shape if isinstance(value, KerasTensor) else np.shape(value))[1:])
        dtype = str(value.dtype if isinstance(value, KerasTensor) else np.asarray(value).dtype)
        return KerasTensor(shape, self.compute_dtype if is_floating(dtype) else dtype)

    def call(self, inputs: Nested) -> Nested:
        """Return the graph's outputs; a subclass overrides this method."""
        if self.graph is None:
            return super().call(inputs)
        return self.graph.run(conformed_inputs(self.graph, inputs, where=f"model {self.name!r}"))

    def compute_output_shape(self, input_shape: Nested) -> Nested:
        """Return the outputs' shapes."""
        if self.graph is None:
            return super().compute_output_shape(input_shape)
        return self.graph.output_shapes(shapes_in(input_shape))

    @property
    def states_output_shape(self) -> bool:
        """Whether a graph or the class's own method determines the shape of the outputs."""
        by_call = type(self).compute_output_shape is Model.compute_output_shape
        return self.graph is not None or not by_call

    def build(self, input_shape: Nested) -> None:
        """Create a subclassed model's weights by a call on zeros of that shape."""
        if self.graph is None and not self.built:
            self.build_for(self._symbols(input_shape))

    def build_for(self, symbols: Nested) -> None:
        """Create a subclassed model's weights for these symbolic inputs."""
        if self.called_on is None:
            self._note_call(symbols)
        try:
            self._shape_by_call(symbols, {})
        except ValueError:
            self.built, self.called_on = False, None
            raise

    def ensure_built(self, input_shape: Nested) -> None:
        """Build a subclassed model with its own `build`, if any, and mark it as built."""
        if not self.built and type(self).build is not Model.build:
            with calling(CallFrame()):
                self.build(input_shape)
        self.built = True

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes, layer by layer, then the model's own."""
        self._check_built()
        if not self._trainable:
            return []
        below = [weight for layer in self.sublayers() for weight in layer.trainable_weights]
        return each_once(below + self.own_weights(trainable=True))

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training does not change, in tf_keras's order."""
        self._check_built()
        below = [weight for layer in self.sublayers() for weight in layer.non_trainable_weights]
        own = self.own_weights(trainable=False)
        if self._trainable:
            return each_once(below + own)
        first = [weight for layer in self.sublayers() for weight in layer.trainable_weights]
        return each_once(first + self.own_weights(trainable=True) + below + own)

    @property
    def weights(self) -> list[Variable]:
        """All weights, layer by layer, then the model's own.

        For layers in a list or dictionary, trainable weights come first, as in tf_keras.
        """
        self._check_built()
        graph = [] if self.graph is None else self.graph.layers
        below = [weight for held in (*graph, *self.tracked.values()) for weight in _weights(held)]
        return each_once(
            below + self.own_weights(trainable=True) + self.own_weights(trainable=False)
        )

    def _check_built(self) -> None:
        if not self.built:
            raise UnbuiltModel(
                f"model {self.name!r}: its weights have not been created yet; call the model on "
                "data, or call build(input_shape)"
            )

    def get_config(self) -> dict[str, Any]:
        """Return the graph's configuration, or the arguments of a class that builds its graph.

        Raises:
            NotImplementedError: for a subclassed model without `get_config`, or one whose
                constructor arguments are not plain.
        """
        if self.graph is None:
            raise NotImplementedError(
                f"model {self.name!r}: a subclassed model is defined by its code and has no "
                f"configuration; save its weights, or define {type(self).__name__}.get_config()"
            )
        self.check_config()
        if self.makes_own_graph:
            named = {"name": self.name, "trainable": self._trainable}
            return own_arguments(type(self).__init__, self._construction, named)
        return self.graph_config()

    def check_config(self) -> None:
        if type(self).get_config is Model.get_config:
            check_arguments(self, self._construction)

    @property
    def makes_own_graph(self) -> bool:
        return self.graph is not None and not self._construction.of_tensors

    def graph_config(self) -> dict[str, Any]:
        """Return the configuration of the graph, from which a plain `Model` can be created."""
        assert self.graph is not None
        return {"name": self.name, "trainable": self._trainable, **graph_config(self.graph)}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        """Return a functional model from its configuration, with fresh weights."""
        with custom_object_scope(custom_objects or {}), building(), at():
            found = checked(config, NetworkConfig)
            if "input_layers" not in found:
                return construct(cls, found)
            check_takes(cls, found)
            inputs, outputs = graph_from_config(found)
            model = cls(inputs=inputs, outputs=outputs, name=found.get("name"))
            model.set_own_trainable(found.get("trainable", True))
            return model

    def to_json(self, **json_arguments: Any) -> str:
        """Return the architecture as JSON text: class name, configuration, versions."""
        entry = {**serialize_layer(self), "keras_version": KERAS_VERSION, "backend": BACKEND}
        return json_text(entry, **json_arguments)

    def summary(self, *, print_fn: Callable[[str], Any] = print_line) -> None:
        """Print each layer with its number of parameters."""
        for line in summary_lines(self):
            print_fn(line)


def beyond_graph(model: Model) -> list[str]:
    """Return the parts of a functional model outside its graph: own call, layers and weights."""
    graph = {id(layer) for layer in (model.graph.layers if model.graph else model.layers)}
    held = [layer.name for layer in model.sublayers() if id(layer) not in graph]
    own_call = [] if type(model).call is Model.call else [f"{type(model).__name__}.call()"]
    return [*own_call, *held, *(weight.name for weight in model.own_weights())]


def _weights(held: Any) -> list[Variable]:
    """Return the weights of a layer, or of those in a container."""
    if isinstance(held, Layer):
        return held.weights
    layers = [leaf for leaf in leaves(held) if isinstance(leaf, Layer)]
    trainable = [weight for layer in layers for weight in layer.trainable_weights]
    return trainable + [weight for layer in layers for weight in layer.non_trainable_weights]
