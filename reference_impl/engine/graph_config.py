"""Conversion of a graph to and from a configuration in the forms of tf_keras and Keras 3."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from typing import Any, NamedTuple

from saveproof.reference_impl.engine.call_arguments import (
    addresses_in,
    call_of,
    plain_argument,
    with_tensors,
)
from saveproof.reference_impl.engine.graph import Graph
from saveproof.reference_impl.engine.graph_checks import check_graph, is_address, map_addresses
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.input_layer import InputLayer
from saveproof.reference_impl.layers.serialization import deserialize_layer, serialize_layer
from saveproof.reference_impl.layers.symbolic import KerasTensor, Node
from saveproof.reference_impl.loading import MalformedEntry, at
from saveproof.reference_impl.nest import Nested, leaves, map_leaves


class Call(NamedTuple):
    """A call of a layer, read from a config.

    Attributes:
        name: of the layer, in the config.
        layer: the called layer.
        inputs: the addresses of the inputs, in their nested structure.
        arguments: the other arguments.
        named: the addresses of tensors among the other arguments.
    """

    name: str
    layer: Layer
    inputs: Any
    arguments: Mapping[str, Any]
    named: Sequence[tuple[Any, ...]]


Made = dict[tuple[str, int], list[KerasTensor]]
"""The outputs of the calls made so far, by layer name and number of the call."""


def graph_config(
    graph: Graph, entry: Callable[[Layer], dict[str, Any]] = serialize_layer
) -> dict[str, Any]:
    """Return `layers`, `input_layers` and `output_layers` in tf_keras's form.

    `entry` returns the entry of a layer.
    """
    address, kept = graph_addresses(graph, first=_first_index)

    def inbound(node: Node) -> list[Any]:
        arguments = {name: plain_argument(item, address) for name, item in node.arguments.items()}

        def written(structure: Nested) -> Any:
            if isinstance(structure, KerasTensor):
                return [*address(structure), arguments]
            if isinstance(structure, dict):
                return {key: written(item) for key, item in structure.items()}
            return [written(item) for item in structure]

        found = written(node.inputs)
        # tf_keras writes one tensor as a list, and a list of one tensor as a list of lists.
        listed = isinstance(found, list) and len(found) == 1 and not node.layer.takes_list
        return [found] if listed or isinstance(node.inputs, KerasTensor) else found

    layers = [
        {
            **entry(layer),
            "name": layer.name,
            "inbound_nodes": [inbound(node) for node in kept(layer)],
        }
        for layer in graph.layers
    ]
    return {
        "layers": layers,
        "input_layers": addresses_of(graph.inputs, address),
        "output_layers": addresses_of(graph.outputs, address),
    }


def graph_addresses(
    graph: Graph, *, first: Callable[[Layer], int]
) -> tuple[Callable[[KerasTensor], list[Any]], Callable[[Layer], list[Node]]]:
    """Return two functions: from a tensor to its address, and from a layer to its calls.

    An address is [layer name, number of the call, number of the output]; `first` returns the number
    of a layer's first call.
    """
    ids = {id(node) for node in graph.nodes}
    index = {
        id(node): position + first(layer)
        for layer in graph.layers
        for position, node in enumerate(
            node for node in layer.inbound_nodes if id(node) in ids or _is_input(layer)
        )
    }

    def address(symbol: KerasTensor) -> list[Any]:
        return [symbol.node.layer.name, index[id(symbol.node)], symbol.tensor_index]

    def kept(layer: Layer) -> list[Node]:
        return [node for node in layer.inbound_nodes if id(node) in ids]

    return address, kept


def addresses_of(structure: Nested, address: Callable[[KerasTensor], list[Any]]) -> Any:
    """Return the addresses of the tensors in a structure; for a single tensor, a list."""
    return (
        [address(structure)]
        if isinstance(structure, KerasTensor)
        else map_leaves(address, structure)
    )


def _is_input(layer: Layer) -> bool:
    return isinstance(layer, InputLayer)


def _first_index(layer: Layer) -> int:
    return 1 if layer.is_graph_network else 0


def graph_from_config(
    config: Mapping[str, Any], made_layers: Mapping[str, Layer] | None = None
) -> tuple[Nested, Nested]:
    """Return the symbolic inputs and outputs of the graph in a configuration.

    Layers are created from their entries unless they are given by name.

    Raises:
        MalformedEntry: if it refers to a missing layer or call.
    """
    check_graph(config, call_of)
    entries = _entries(config)
    layers = made_layers or {
        entry["name"]: _layer(entry, number) for number, entry in enumerate(entries)
    }
    calls = [
        _call(entry["name"], layers, node)
        for entry in entries
        for node in entry.get("inbound_nodes") or []
    ]
    first = _first_referenced(config, calls)
    made: Made = {
        (name, 0): list(leaves(layer.inbound_nodes[0].outputs))
        for name, layer in layers.items()
        if isinstance(layer, InputLayer)
    }

    def place(address: Sequence[Any]) -> tuple[str, int]:
        name, node = address[:2]
        if name not in layers:
            raise MalformedEntry(f"model {config.get('name')!r}: config has no layer {name!r}")
        return name, int(node) - first.get(name, 0)

    def tensor(address: Sequence[Any]) -> KerasTensor | None:
        outputs = made.get(place(address))
        return None if outputs is None else _output(address[0], outputs, address[2])

    left = _make_calls(calls, place, tensor, made)
    if left:
        raise MalformedEntry(
            f"model {config.get('name')!r}: the calls of {left} depend on missing calls"
        )
    return (
        _tensors(config["input_layers"], tensor),
        _tensors(config["output_layers"], tensor),
    )


def _call(name: str, layers: Mapping[str, Layer], node: Any) -> Call:
    with at("layers", who=f"call of layer {name!r}"):
        inputs, arguments = call_of(node, layers[name].positions())
    if layers[name].takes_list and is_address(inputs):
        inputs = [inputs]
    return Call(name, layers[name], inputs, arguments, list(addresses_in(arguments, layers)))


def _layer(entry: Mapping[str, Any], number: int) -> Layer:
    with at("layers", number):
        return deserialize_layer(entry)


def _output(layer: str, outputs: Sequence[KerasTensor], position: int) -> KerasTensor:
    if not 0 <= position < len(outputs):
        raise MalformedEntry(
            f"layer {layer!r}: expected an output number below {len(outputs)}, found {position}"
        )
    return outputs[position]


def _entries(config: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    missing = [key for key in ("layers", "input_layers", "output_layers") if key not in config]
    if missing:
        raise MalformedEntry(f"model {config.get('name')!r}: its config lacks {missing}")
    return [
        {**entry, "name": entry.get("name") or entry["config"]["name"]}
        for entry in config["layers"]
    ]


def _make_calls(calls: Sequence[Call], place: Any, tensor: Any, made: Made) -> list[str]:
    """Make each call once its inputs exist; return the layers of calls that could not be made.

    A layer's calls are made in order. Waiting calls are indexed by the call that they wait for, so
    the time is linear for any order of the list.
    """
    counts: Counter[str] = Counter()
    waiting: dict[tuple[str, int], list[int]] = defaultdict(list)
    missing: list[int] = []
    numbers: list[int] = []
    for position, call in enumerate(calls):
        numbers.append(counts[call.name])
        counts[call.name] += 1
        needed: set[tuple[str, int]] = {(call.name, numbers[-1] - 1)} if numbers[-1] else set()
        map_addresses(
            lambda address, to=needed: to.add(place(address)), [call.inputs, *map(list, call.named)]
        )
        needed = {one for one in needed if one not in made}
        missing.append(len(needed))
        for one in needed:
            waiting[one].append(position)
    ready = [(0, position) for position, count in enumerate(missing) if not count]
    while ready:
        turn, position = heappop(ready)
        call = calls[position]
        made[call.name, numbers[position]] = _outputs(call, tensor)
        for other in waiting.pop((call.name, numbers[position]), ()):
            missing[other] -= 1
            if not missing[other]:
                heappush(ready, (turn + (other < position), other))
    return sorted({call.name for call, count in zip(calls, missing, strict=True) if count})


def _outputs(call: Call, tensor: Any) -> list[KerasTensor]:
    """Call the layer and return its outputs."""
    inputs = map_addresses(tensor, call.inputs)
    arguments = with_tensors(call.arguments, {address: tensor(address) for address in call.named})
    with at("layers", who=f"call of layer {call.layer.name!r}"):
        call.layer(inputs, **arguments)
    return list(leaves(call.layer.inbound_nodes[-1].outputs))


def _tensors(structure: Any, tensor: Any) -> Nested:
    found = map_addresses(tensor, structure)
    if any(leaf is None for leaf in leaves(found)):
        raise MalformedEntry(f"input_layers or output_layers: unknown tensor in {structure!r}")
    return found


def _first_referenced(config: Mapping[str, Any], calls: Sequence[Call]) -> dict[str, int]:
    """Return the index of each model's first call: 1 in tf_keras's form, 0 in Keras 3's."""
    lowest: dict[str, int] = {}

    def note(address: Sequence[Any]) -> None:
        lowest[address[0]] = min(int(address[1]), lowest.get(address[0], 1))

    for structure in _referenced(config, calls):
        map_addresses(note, structure)
    models = {call.name for call in calls if call.layer.is_graph_network}
    return {name: index for name, index in lowest.items() if name in models}


def _referenced(config: Mapping[str, Any], calls: Sequence[Call]) -> Iterator[Any]:
    for call in calls:
        yield call.inputs
        yield from map(list, call.named)
    yield config["output_layers"]
