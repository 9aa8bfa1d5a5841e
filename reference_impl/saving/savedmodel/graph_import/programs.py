"""Conversion of another writer's graph of a subclassed model's call to a program.

Where the graph calls a layer's function, the program calls the layer, so that it can train.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.nest import leaves, map_leaves
from saveproof.reference_impl.saving.errors import NotReadHere, WrongPart
from saveproof.reference_impl.saving.savedmodel.functions import Functions, Trace
from saveproof.reference_impl.saving.savedmodel.graph_import.definitions import (
    Definitions,
    base_name,
    called_by,
)
from saveproof.reference_impl.saving.savedmodel.graph_import.operations import FOREIGN_OPERATIONS
from saveproof.reference_impl.saving.savedmodel.graph_import.steps import Handle, Steps, Value
from saveproof.reference_impl.saving.savedmodel.graphs.endpoints import Spec
from saveproof.reference_impl.saving.savedmodel.objects import KERAS_API
from saveproof.reference_impl.saving.savedmodel.program import Ref

CALLS = ("PartitionedCall", "StatefulPartitionedCall")
READS = ("ReadVariableOp", "ResourceGather")
WRITES = ("Assign", "ResourceScatter")

PENALTY = "activity_regularizer_fn"
"""The child of a layer's `keras_api` with the functions of its losses."""


@dataclass(frozen=True, slots=True)
class Known:
    """A layer that the graph may call: its position in the model, the layer, and its functions."""

    place: int
    layer: Layer
    traces: Sequence[Trace]


class Callees:
    """The layers of a model that its graph may call, and their variables.

    Args:
        functions: of the SavedModel.
        layers: the model and its layers, each with the number of its object if it has one.
        weights: by object number: the layer, and the position in its own weights.
    """

    def __init__(
        self,
        functions: Functions,
        layers: Sequence[tuple[int | None, Layer]],
        weights: Mapping[int, tuple[int, int]],
    ) -> None:
        self.definitions = Definitions(functions)
        self.weights = weights
        self.layers = [
            Known(place, layer, [] if number is None else list(functions.traces(number)))
            for place, (number, layer) in enumerate(layers)
        ]
        self.penalties = {
            name
            for number, _ in layers
            if number is not None
            for name in functions.concrete_names(functions.below(number, KERAS_API, PENALTY))
        }

    def called(self, name: str, bound: Sequence[int]) -> tuple[Known, list[Trace]] | None:
        """Return the layer with this function, and its matching functions; None if no layer has it.

        Raises:
            NotReadHere: if several layers have an equal function.
        """
        found = [
            (known, alike)
            for known in self.layers[1:]
            if (alike := [one for one in known.traces if self._alike(one, name, bound)])
        ]
        exact = [each for each in found if any(one.name == name for one in each[1])]
        candidates = exact or found
        if len(candidates) > 1:
            names = sorted(known.layer.name for known, _ in candidates)
            raise NotReadHere(f"function {name!r}: expected one layer with it, found {names}")
        return candidates[0] if candidates else None

    def _alike(self, trace: Trace, name: str, bound: Sequence[int]) -> bool:
        """Return whether both are equal except for names; a graph may contain copies."""
        return (
            base_name(trace.name) == base_name(name)
            and list(trace.bound) == list(bound)
            and self.definitions.shape_of(trace.name) == self.definitions.shape_of(name)
        )


def foreign_program(callees: Callees, trace: Trace, *, training: bool) -> dict[str, Any]:
    """Return the program of one function of the model.

    Raises:
        NotReadHere: naming the part that a program cannot express.
        WrongPart: if the graph contains an invalid reference.
    """
    steps = Steps()
    definition = callees.definitions.definition(trace.name)
    count = len(definition.signature.input_arg) - len(trace.bound)
    given: list[Value] = [Ref("input", number) for number in range(count)]
    given += [Handle(number) for number in trace.bound]
    converter = _Converter(callees, steps, definition, given, training=training)
    values = iter(converter.outputs(losses=trace.losses))
    outputs = map_leaves(lambda _: next(values), trace.outputs)
    return {"steps": steps.steps, "outputs": steps.encoded(outputs)}


class _Converter:
    """Converts the nodes of one function to steps.

    Args:
        callees: the layers and functions that it may call.
        steps: collects the steps.
        definition: the FunctionDef.
        given: the values of its arguments.
        training: whether the call is in training.
        depth: of the enclosing function calls.
    """

    def __init__(
        self,
        callees: Callees,
        steps: Steps,
        definition: Any,
        given: Sequence[Value],
        *,
        training: bool,
        depth: int = 0,
    ) -> None:
        self._callees, self._steps, self._training = callees, steps, training
        self._depth = depth
        self._definition, self._where = definition, f"function {definition.signature.name!r}"
        self._nodes = {node.name: node for node in definition.node_def}
        arguments = [one.name for one in definition.signature.input_arg]
        if len(arguments) != len(given):
            raise WrongPart(
                f"{self._where}: expected {len(arguments)} arguments, found {len(given)}"
            )
        self._values = {name: [value] for name, value in zip(arguments, given, strict=True)}
        self._layers = {
            node.name: found
            for node in definition.node_def
            if node.op in CALLS and (found := self._layer_called(node)) is not None
        }

    def outputs(self, *, losses: int = 0) -> list[Value]:
        """Convert the nodes behind the outputs and all calls of layers; return the outputs.

        The last `losses` outputs are losses of layers, which the layers add themselves.
        """
        keys = [self._definition.ret[one.name] for one in self._definition.signature.output_arg]
        own = keys[: len(keys) - losses]
        for key in keys[len(own) :]:
            self._check_loss(key)
        wanted = self._behind([*own, *self._layers])
        for node in self._definition.node_def:
            if node.op.startswith(WRITES):
                raise NotReadHere(f"node {node.name!r} ({node.op}): the model's own call assigns")
            if node.name in wanted:
                self._values[node.name] = self._outputs_of(node)
        return [self._value(key) for key in own]

    def _layer_called(self, node: Any) -> tuple[Known, list[Trace]] | None:
        given = [self._values.get(name, [None])[0] for name in _data(node)]
        bound = [value.number for value in given if isinstance(value, Handle)]
        return self._callees.called(node.attr["f"].func.name, bound)

    def _behind(self, keys: Sequence[str]) -> set[str]:
        """Return the names of the nodes that these keys depend on."""
        found: set[str] = set()
        names = [_output(key)[0] for key in keys]
        while names:
            name = names.pop()
            if name not in found and name in self._nodes:
                found.add(name)
                names += [_output(key)[0] for key in _data(self._nodes[name])]
        return found

    def _check_loss(self, key: str) -> None:
        """Check that a layer or a nested layer adds the loss."""
        keys = [key]
        for one in keys:
            name, place = _output(one)
            if name in self._layers:
                _, traces = self._layers[name]
                if place >= len(list(leaves(traces[0].outputs))):
                    return
            elif name in self._nodes:
                node = self._nodes[name]
                if self._callees.penalties.intersection(called_by(node)):
                    return
                keys += [key for key in _data(node) if key not in keys]
        raise NotReadHere(f"{self._where}: the model's own call adds a loss")

    def _value(self, key: str) -> Value:
        name, place = _output(key)
        if name not in self._values or place >= len(self._values[name]):
            raise WrongPart(f"{self._where}: expected an earlier node, found {key!r}")
        return self._values[name][place]

    def _outputs_of(self, node: Any) -> list[Value]:
        """Return the outputs of a node.

        Raises:
            NotReadHere: naming the node, if its operation is not supported.
        """
        inputs = [self._value(key) for key in _data(node)]
        if node.name in self._layers:
            return self._called(node, inputs)
        if node.op in CALLS:
            name = node.attr["f"].func.name
            self._steps.calls(name, self._depth + 1)
            inner = _Converter(
                *(self._callees, self._steps, self._callees.definitions.definition(name), inputs),
                training=self._training,
                depth=self._depth + 1,
            )
            return inner.outputs()
        if node.op not in FOREIGN_OPERATIONS:
            raise NotReadHere(f"node {node.name!r}: the operation {node.op} is not supported")
        try:
            if node.op in READS:
                inputs[0] = self._read(inputs[0])
            outputs = FOREIGN_OPERATIONS[node.op](self._steps, node, inputs)
        except NotReadHere as error:
            raise NotReadHere(f"node {node.name!r} ({node.op}): {error}") from error
        return outputs if isinstance(outputs, list) else [outputs]

    def _read(self, handle: Value) -> Value:
        if not isinstance(handle, Handle) or handle.number not in self._callees.weights:
            raise NotReadHere("reads a variable that is not a weight of the model")
        return Ref("weight", *self._callees.weights[handle.number])

    def _called(self, node: Any, inputs: Sequence[Value]) -> list[Value]:
        """Add the call of a layer."""
        known, traces = self._layers[node.name]
        (_, given), *others = traces[0].arguments.items()
        tensors = (value for value in inputs if not isinstance(value, Handle))
        taken = map_leaves(lambda _: next(tensors), given)
        arguments = {key: item for key, item in others if key != "training" and item is not None}
        if any(isinstance(leaf, Spec) for leaf in leaves(arguments)):
            raise NotReadHere(
                f"layer {known.layer.name!r}: tensors as arguments {sorted(arguments)} are not "
                "supported"
            )
        flags = {trace.training for trace in traces}
        flag = flags.pop() if len(flags) == 1 else None
        step = {
            "layer": known.place,
            "inputs": self._steps.encoded(taken),
            "arguments": {key: self._steps.encoded(item) for key, item in arguments.items()},
            "training": self._training if flag is None else flag,
        }
        number = self._steps.add(step).number
        count = len(list(leaves(traces[0].outputs))) + traces[0].losses
        return [Ref("step", number, place) for place in range(count)]


def _data(node: Any) -> list[str]:
    """Return the data inputs of a node, without control inputs."""
    return [key for key in node.input if not key.startswith("^")]


def _output(key: str) -> tuple[str, int]:
    """Return the node or argument of a key, and the number of its output."""
    name, _, place = key.partition(":")
    return name, int(place.rpartition(":")[2] or 0)
