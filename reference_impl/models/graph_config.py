"""A graph to and from a functional model's configuration, in tf_keras's and Keras 3's words."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from reference_impl.layers.base import KerasTensor, Layer, Node
from reference_impl.layers.input_layer import InputLayer
from reference_impl.models.call_arguments import (
    addresses_in,
    keras_3_argument,
    plain_argument,
    with_tensors,
)
from reference_impl.models.graph import Graph
from reference_impl.nest import Nested, leaves, map_leaves
from reference_impl.serialization import MalformedEntry, deserialize_layer, serialize_layer

GRAPH_CLASSES = ("Functional", "Model", "Sequential")
"""Models start with a call on their own inputs, so that their first call by others has index 1."""


def graph_config(
    graph: Graph, entry: Callable[[Layer], dict[str, Any]] = serialize_layer
) -> dict[str, Any]:
    """Return `layers`, `input_layers` and `output_layers` as tf_keras writes them in HDF5.

    Layers are written by `entry`.
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
        # One tensor stands in a list; a list of one for that stands in another.
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
        "input_layers": _addresses(graph.inputs, address),
        "output_layers": _addresses(graph.outputs, address),
    }


def graph_addresses(
    graph: Graph, *, first: Callable[[Layer], int]
) -> tuple[Callable[[KerasTensor], list[Any]], Callable[[Layer], list[Node]]]:
    """Return the address of a tensor in a graph's config, and the calls of a layer in the graph.

    An address is [layer name, number of the call, number of the output]; `first` gives the number
    that a layer's first call has.
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


def _addresses(structure: Nested, address: Any) -> Any:
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
    """Return the symbolic inputs and outputs of the graph that a configuration describes.

    Its layers are made from their entries, unless they are given by name.

    Raises:
        MalformedEntry: if it refers to a layer or a call that it does not hold.
    """
    layers = made_layers or {entry["name"]: deserialize_layer(entry) for entry in _entries(config)}
    pending = [
        (layers[entry["name"]], node)
        for entry in _entries(config)
        for node in entry.get("inbound_nodes") or []
    ]
    first = _first_referenced(config, pending)
    made: dict[str, list[Node]] = defaultdict(list)
    for name, layer in layers.items():
        if isinstance(layer, InputLayer):
            made[name] = layer.inbound_nodes[:1]

    def tensor(address: Sequence[Any]) -> KerasTensor | None:
        name, node, position = address[:3]
        calls = made[name]
        offset = int(node) - first.get(name, 0)
        if name not in layers:
            raise MalformedEntry(f"model {config.get('name')!r}: no layer {name!r} in its config")
        return list(leaves(calls[offset].outputs))[position] if offset < len(calls) else None

    while pending:
        waiting = _make_calls(pending, tensor, made)
        if len(waiting) == len(pending):
            raise MalformedEntry(
                f"model {config.get('name')!r}: the calls of "
                f"{sorted({layer.name for layer, _ in waiting})} depend on calls it does not hold"
            )
        pending = waiting
    return (
        _tensors(config["input_layers"], tensor),
        _tensors(config["output_layers"], tensor),
    )


def _entries(config: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    missing = [key for key in ("layers", "input_layers", "output_layers") if key not in config]
    if missing:
        raise MalformedEntry(f"model {config.get('name')!r}: its config lacks {missing}")
    return [
        {**entry, "name": entry.get("name") or entry["config"]["name"]}
        for entry in config["layers"]
    ]


def _make_calls(
    calls: Sequence[tuple[Layer, Any]], tensor: Any, made: dict[str, list[Node]]
) -> list[tuple[Layer, Any]]:
    """Make the calls whose inputs are there; return the others, which wait for one of those.

    Calls are known by their number, so a layer's later calls wait with an earlier one.
    """
    waiting: list[tuple[Layer, Any]] = []
    held: set[str] = set()
    for call in calls:
        name = call[0].name
        if name in held or not _make_call(call, tensor, made):
            held.add(name)
            waiting.append(call)
    return waiting


def _make_call(call: tuple[Layer, Any], tensor: Any, made: dict[str, list[Node]]) -> bool:
    """Call the layer if all that goes into the call is known; say whether it was."""
    layer, node = call
    addresses, arguments = _call_of(node)
    if layer.takes_list and is_address(addresses):
        addresses = [addresses]
    inputs = map_addresses(tensor, addresses)
    named = {address: tensor(address) for address in addresses_in(arguments, made)}
    if any(leaf is None for leaf in (*leaves(inputs), *named.values())):
        return False
    layer(inputs, **with_tensors(arguments, named))
    made[layer.name].append(layer.inbound_nodes[-1])
    return True


def _call_of(node: Any) -> tuple[Any, dict[str, Any]]:
    """Return the addresses of a call's inputs, one or a list, and its other arguments."""
    if _is_keras3_call(node):
        arguments = {
            key: keras_3_argument(value)
            for key, value in (node.get("kwargs") or {}).items()
            if key != "mask" and value is not None
        }
        return _keras3_address(node["args"][0]), arguments
    given: dict[str, Any] = {}

    def address(item: Sequence[Any]) -> Any:
        given.update(item[3] if len(item) > 3 else {})
        return item[:3]

    addresses = map_addresses(address, node)
    alone = isinstance(addresses, list) and len(addresses) == 1
    return (addresses[0] if alone else addresses), given


def _is_keras3_call(node: Any) -> bool:
    return isinstance(node, Mapping) and "args" in node and not is_address(node["args"])


def _keras3_address(argument: Any) -> Any:
    if isinstance(argument, Mapping) and "config" in argument:
        return list(argument["config"]["keras_history"])
    return [_keras3_address(item) for item in argument]


def is_address(item: Any) -> bool:
    """Say whether this is [layer name, node index, tensor index]."""
    return isinstance(item, list | tuple) and len(item) >= 3 and isinstance(item[0], str)


def map_addresses(function: Any, structure: Any) -> Any:
    """Return the structure with `function` applied to each address in it."""
    if is_address(structure):
        return function(structure)
    if isinstance(structure, Mapping):
        return {key: map_addresses(function, value) for key, value in structure.items()}
    return [map_addresses(function, item) for item in structure]


def _tensors(structure: Any, tensor: Any) -> Nested:
    found = map_addresses(tensor, structure)
    if any(leaf is None for leaf in leaves(found)):
        raise MalformedEntry(f"input_layers or output_layers: no such tensor in {structure!r}")
    return found


def _first_referenced(
    config: Mapping[str, Any], calls: Sequence[tuple[Layer, Any]]
) -> dict[str, int]:
    """Return the index that each model's first call has: 1 in tf_keras's words, 0 in Keras 3's."""
    lowest: dict[str, int] = {}

    def note(address: Sequence[Any]) -> None:
        lowest[address[0]] = min(int(address[1]), lowest.get(address[0], 1))

    for structure in _referenced(config, calls):
        map_addresses(note, structure)
    models = Counter(layer.name for layer, _ in calls if layer.is_graph_network)
    return {name: index for name, index in lowest.items() if name in models}


def _referenced(config: Mapping[str, Any], calls: Sequence[tuple[Layer, Any]]) -> Iterator[Any]:
    names = {layer.name for layer, _ in calls}
    for _, node in calls:
        inputs, arguments = _call_of(node)
        yield inputs
        yield from map(list, addresses_in(arguments, names))
    yield config["output_layers"]
