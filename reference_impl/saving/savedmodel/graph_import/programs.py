"""A subclassed model's call as a program, told from the graph that another writer drew of it.

Where the graph calls a layer's function, the program calls the layer itself: so it trains, too.
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
"""Below a layer's `keras_api`: what it adds to the loss, as the graph computes it."""


@dataclass(frozen=True, slots=True)
class Known:
    """A layer that the graph may call: its place among the model's, itself, and its functions."""

    place: int
    layer: Layer
    traces: Sequence[Trace]


class Callees:
    """The layers of a model that its graph may call, and the variables of all of them.

    Args:
        functions: of the SavedModel.
        layers: of the model, itself the first, each with the number of its object if it has one.
        weights: by the number of the object: whose it is, and its place among the layer's own.
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
        """Return the layer whose function this is, and which it may be of those that it has.

        None if it is no layer's.

        Raises:
            NotReadHere: if several layers are alike in it.
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
            raise NotReadHere(f"function {name!r} may be that of any of the layers {names}")
        return candidates[0] if candidates else None

    def _alike(self, trace: Trace, name: str, bound: Sequence[int]) -> bool:
        """Say whether both are the same but for names; a graph may hold a function again."""
        return (
            base_name(trace.name) == base_name(name)
            and list(trace.bound) == list(bound)
            and self.definitions.shape_of(trace.name) == self.definitions.shape_of(name)
        )


def foreign_program(callees: Callees, trace: Trace, *, training: bool) -> dict[str, Any]:
    """Return the program of one function of the model.

    Raises:
        NotReadHere: naming what of it a program can't hold.
        WrongPart: if the graph refers to what it does not have.
    """
    steps = Steps()
    definition = callees.definitions.definition(trace.name)
    count = len(definition.signature.input_arg) - len(trace.bound)
    given: list[Value] = [Ref("input", number) for number in range(count)]
    given += [Handle(number) for number in trace.bound]
    told = _Telling(callees, steps, definition, given, training=training)
    values = iter(told.outputs(losses=trace.losses))
    outputs = map_leaves(lambda _: next(values), trace.outputs)
    return {"steps": steps.steps, "outputs": steps.encoded(outputs)}


class _Telling:
    """Tells the nodes of one function as steps.

    Args:
        callees: the layers and functions that it may call.
        steps: takes the steps.
        definition: the FunctionDef.
        given: what its arguments stand for.
        training: whether it is called in training.
        depth: of the functions that call it.
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
                f"{self._where}: takes {len(arguments)} arguments, is called with {len(given)}"
            )
        self._values = {name: [value] for name, value in zip(arguments, given, strict=True)}
        self._layers = {
            node.name: found
            for node in definition.node_def
            if node.op in CALLS and (found := self._layer_called(node)) is not None
        }

    def outputs(self, *, losses: int = 0) -> list[Value]:
        """Tell what the outputs are made of, and every call of a layer; return the outputs.

        The last of them may be losses: those of layers, which the layers add themselves.
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
                self._values[node.name] = self._told(node)
        return [self._value(key) for key in own]

    def _layer_called(self, node: Any) -> tuple[Known, list[Trace]] | None:
        given = [self._values.get(name, [None])[0] for name in _data(node)]
        bound = [value.number for value in given if isinstance(value, Handle)]
        return self._callees.called(node.attr["f"].func.name, bound)

    def _behind(self, keys: Sequence[str]) -> set[str]:
        """Return the names of the nodes from which something is made."""
        found: set[str] = set()
        names = [_output(key)[0] for key in keys]
        while names:
            name = names.pop()
            if name not in found and name in self._nodes:
                found.add(name)
                names += [_output(key)[0] for key in _data(self._nodes[name])]
        return found

    def _check_loss(self, key: str) -> None:
        """Check that a loss is one that a layer adds: a penalty, or one from below it."""
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
            raise WrongPart(f"{self._where}: refers to {key!r}, which is not made before")
        return self._values[name][place]

    def _told(self, node: Any) -> list[Value]:
        """Return the outputs of a node.

        Raises:
            NotReadHere: naming the node, if no step stands for it.
        """
        inputs = [self._value(key) for key in _data(node)]
        if node.name in self._layers:
            return self._called(node, inputs)
        if node.op in CALLS:
            name = node.attr["f"].func.name
            self._steps.calls(name, self._depth + 1)
            inner = _Telling(
                *(self._callees, self._steps, self._callees.definitions.definition(name), inputs),
                training=self._training,
                depth=self._depth + 1,
            )
            return inner.outputs()
        if node.op not in FOREIGN_OPERATIONS:
            raise NotReadHere(f"node {node.name!r}: the operation {node.op} is not read")
        try:
            if node.op in READS:
                inputs[0] = self._read(inputs[0])
            outputs = FOREIGN_OPERATIONS[node.op](self._steps, node, inputs)
        except NotReadHere as error:
            raise NotReadHere(f"node {node.name!r} ({node.op}): {error}") from error
        return outputs if isinstance(outputs, list) else [outputs]

    def _read(self, handle: Value) -> Value:
        if not isinstance(handle, Handle) or handle.number not in self._callees.weights:
            raise NotReadHere("reads a variable that is no weight of the model")
        return Ref("weight", *self._callees.weights[handle.number])

    def _called(self, node: Any, inputs: Sequence[Value]) -> list[Value]:
        """Tell the call of a layer."""
        known, traces = self._layers[node.name]
        (_, given), *others = traces[0].arguments.items()
        tensors = (value for value in inputs if not isinstance(value, Handle))
        taken = map_leaves(lambda _: next(tensors), given)
        arguments = {key: item for key, item in others if key != "training" and item is not None}
        if any(isinstance(leaf, Spec) for leaf in leaves(arguments)):
            raise NotReadHere(
                f"layer {known.layer.name!r}: called with tensors for {sorted(arguments)}"
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
    """Return what goes into a node, without what must only come before it."""
    return [key for key in node.input if not key.startswith("^")]


def _output(key: str) -> tuple[str, int]:
    """Return what a key refers to: a node or an argument, and which of its outputs."""
    name, _, place = key.partition(":")
    return name, int(place.rpartition(":")[2] or 0)
