"""Graph: the layers and nodes between a functional model's inputs and outputs, in Keras's order."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.input_layer import InputLayer
from saveproof.reference_impl.layers.symbolic import KerasTensor, Node, with_symbols
from saveproof.reference_impl.nest import Nested, Shape, leaves, map_leaves, shapes_in
from saveproof.reference_impl.numerics.autodiff import Tensor, cast, reshape


class DisconnectedGraph(ValueError):
    """An output depends on an input that is not among the model's inputs."""


class InputMismatch(ValueError):
    """The data does not match the model's inputs in number, name or shape."""


@dataclass(eq=False, slots=True)
class Graph:
    """The layers (by depth) and nodes (in execution order) from `inputs` to `outputs`."""

    inputs: Nested
    outputs: Nested
    layers: list[Layer]
    nodes: list[Node]
    input_names: list[str] = field(default_factory=list)
    output_names: list[str] = field(default_factory=list)

    @property
    def output_keys(self) -> list[str]:
        """The keys of losses and targets: the outputs' dictionary keys, or their names."""
        keyed = isinstance(self.outputs, dict) and len(self.outputs) == len(self.output_names)
        return sorted(self.outputs) if keyed else self.output_names

    def run(self, values: Sequence[Any]) -> Nested:
        """Return the outputs for values in the order of the flattened inputs."""
        computed = {
            id(symbol): value for symbol, value in zip(leaves(self.inputs), values, strict=True)
        }
        for node in self.nodes:
            others = with_symbols(node.arguments, lambda symbol: computed[id(symbol)])
            result = node.layer(_looked_up(computed, node.inputs), **others)
            for symbol, value in zip(leaves(node.outputs), leaves(result), strict=True):
                computed[id(symbol)] = value
        return _looked_up(computed, self.outputs)

    def output_shapes(self, input_shapes: Sequence[Shape]) -> Nested:
        """Return the outputs' shapes for the shapes of the flattened inputs."""
        known = {
            id(symbol): shape
            for symbol, shape in zip(leaves(self.inputs), input_shapes, strict=True)
        }

        def reshaped(symbol: KerasTensor) -> KerasTensor:
            return KerasTensor(known[id(symbol)], symbol.dtype)

        for node in self.nodes:
            others = with_symbols(node.arguments, reshaped)
            found = node.layer.output_shape_of_call(_looked_up(known, node.inputs), others)
            known |= {
                id(symbol): shape
                for symbol, shape in zip(leaves(node.outputs), shapes_in(found), strict=True)
            }
        return _looked_up(known, self.outputs)


def _looked_up(values: Mapping[int, Any], symbols: Nested) -> Nested:
    """Return the structure with the value of each symbolic tensor in its place."""
    return map_leaves(lambda symbol: values[id(symbol)], symbols)


def graph_between(inputs: Nested, outputs: Nested) -> Graph:
    """Return the graph between symbolic inputs and outputs.

    Raises:
        ValueError: if an input is not the output of an InputLayer.
        DisconnectedGraph: if an output depends on an input that is missing from `inputs`.
    """
    inputs, outputs = _single(inputs), _single(outputs)
    given = list(leaves(inputs))
    for symbol in given:
        if not isinstance(symbol, KerasTensor) or not isinstance(symbol.layer, InputLayer):
            raise ValueError(f"Model: expected inputs made by keras.Input, found {symbol!r:.200}")
    if len({id(symbol) for symbol in given}) < len(given):
        raise ValueError(
            f"Model: expected each input once, found {[symbol.layer.name for symbol in given]}"
        )
    order, first_seen = _reachable(outputs)
    layer_depths, node_depths = _depths(order)
    for symbol in given:
        if symbol.layer not in layer_depths:
            layer_depths[symbol.layer], first_seen[symbol.layer] = 0, -1
    _check_connected(order, given)
    layers = sorted(layer_depths, key=lambda layer: (-layer_depths[layer], first_seen[layer]))
    nodes = sorted(
        (node for node in node_depths if not isinstance(node.layer, InputLayer)),
        key=lambda node: -node_depths[node],
    )
    names = [symbol.layer.name for symbol in leaves(outputs)]
    _check_names(layers)
    return Graph(
        inputs, outputs, layers, nodes, [symbol.layer.name for symbol in given], _numbered(names)
    )


def _single(structure: Nested) -> Nested:
    if isinstance(structure, list | tuple) and len(structure) == 1:
        return structure[0]
    return structure


def _reachable(outputs: Nested) -> tuple[list[Node], dict[Layer, int]]:
    """Return the nodes in topological order, and the position at which each layer is first met."""
    order: list[Node] = []
    finished: set[int] = set()
    first_seen: dict[Layer, int] = {}
    entered: list[tuple[Node, Iterator[KerasTensor]]] = []

    def enter(node: Node) -> None:
        if id(node) not in finished:
            first_seen.setdefault(node.layer, len(first_seen))
            entered.append((node, iter(node.sources)))

    # Depth first, without recursion, which Python limits to a thousand calls.
    for output in leaves(outputs):
        enter(output.node)
        while entered:
            node, sources = entered[-1]
            source = next(sources, None)
            if source is not None:
                enter(source.node)
                continue
            entered.pop()
            finished.add(id(node))
            order.append(node)
    return order, first_seen


def _depths(order: Sequence[Node]) -> tuple[dict[Layer, int], dict[Node, int]]:
    """Return the length of the longest path from each layer and node to the outputs.

    Nodes are in the order of a traversal from the outputs, in which Keras runs nodes of equal
    depth; the order affects the moving statistics of a layer that is called several times.
    """
    layer_depths: dict[Layer, int] = {}
    node_depths: dict[Node, int] = {}
    for node in reversed(order):
        depth = max(node_depths.get(node, 0), layer_depths.get(node.layer, 0))
        layer_depths[node.layer] = node_depths[node] = depth
        for source in node.sources:
            node_depths[source.node] = max(depth + 1, node_depths.get(source.node, 0))
    return layer_depths, node_depths


def _check_connected(order: Sequence[Node], given: Sequence[KerasTensor]) -> None:
    known = {id(symbol.layer) for symbol in given}
    for node in order:
        if isinstance(node.layer, InputLayer) and id(node.layer) not in known:
            raise DisconnectedGraph(
                f"Model: the outputs depend on input {node.layer.name!r}, which is not among the "
                f"inputs {[symbol.layer.name for symbol in given if symbol.layer]}"
            )


def _check_names(layers: Sequence[Layer]) -> None:
    seen: set[str] = set()
    for layer in layers:
        if layer.name in seen:
            raise ValueError(
                f"Model: expected unique layer names, found two layers named {layer.name!r}"
            )
        seen.add(layer.name)


def _numbered(names: Sequence[str]) -> list[str]:
    unique: dict[str, None] = {}
    used: Counter[str] = Counter()
    for name in names:
        candidate = name if name not in used else f"{name}_{used[name]}"
        while candidate in unique:
            used[name] += 1
            candidate = f"{name}_{used[name]}"
        unique[candidate] = None
    return list(unique)


def conformed_inputs(graph: Graph, data: Nested, *, where: str) -> list[Tensor]:
    """Return the data as one tensor per input, with the declared rank and dtype.

    The batch size may differ from the declared one; only stateful layers check it.

    Raises:
        InputMismatch: if the data does not match in number, name or shape.
    """
    symbols = list(leaves(graph.inputs))
    if isinstance(data, dict):
        keys = list(graph.inputs) if isinstance(graph.inputs, dict) else graph.input_names
        missing = sorted(set(keys) - set(data))
        if missing:
            raise InputMismatch(f"{where}: expected inputs named {keys}, found {sorted(data)}")
        ordered = sorted(keys) if isinstance(graph.inputs, dict) else keys
        values = [data[key] for key in ordered]
    else:
        values = list(data) if isinstance(data, list | tuple) else [data]
    if len(values) != len(symbols):
        raise InputMismatch(f"{where}: expected {len(symbols)} inputs, found {len(values)}")
    return [_conformed(value, symbol, where) for value, symbol in zip(values, symbols, strict=True)]


def _conformed(value: Any, symbol: KerasTensor, where: str) -> Tensor:
    tensor = value if isinstance(value, Tensor) else Tensor(value)
    shape, expected, mask = tuple(tensor.shape), symbol.shape, tensor._keras_mask
    if len(shape) == len(expected) - 1 and expected[-1] == 1:
        tensor = reshape(tensor, (*shape, 1))
    elif len(shape) == len(expected) + 1 and shape[-1] == 1:
        tensor = reshape(tensor, shape[:-1])
    fits = len(tensor.shape) == len(expected) and all(
        size in (None, found) for size, found in zip(expected[1:], tensor.shape[1:], strict=True)
    )
    if not fits:
        name = symbol.layer.name if symbol.layer else "?"
        raise InputMismatch(f"{where}: input {name!r}: expected shape {expected}, found {shape}")
    found = tensor if str(tensor.dtype) == symbol.dtype else cast(tensor, symbol.dtype)
    found._keras_mask = mask
    return found
