"""A graph to and from a functional model's configuration, in tf_keras's and Keras 3's words."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from reference_impl.config_types import fitted
from reference_impl.layers.base import KerasTensor, Layer, Node
from reference_impl.layers.input_layer import InputLayer
from reference_impl.loading import MalformedEntry, at
from reference_impl.models.graph import Graph
from reference_impl.nest import Nested, leaves, map_leaves
from reference_impl.serialization import deserialize_layer, serialize_layer

GRAPH_CLASSES = ("Functional", "Model", "Sequential")
"""Models start with a call on their own inputs, so that their first call by others has index 1."""


class NetworkConfig(TypedDict):
    """What the configurations of all models may say of them."""

    name: NotRequired[str | None]
    trainable: NotRequired[bool]


class GraphConfig(NetworkConfig):
    """The configuration of a graph."""

    layers: Sequence[Mapping[str, Any]]
    input_layers: Any
    output_layers: Any


class CalledEntry(TypedDict):
    """An entry of a layer in a graph."""

    config: Mapping[str, Any]
    name: NotRequired[str | None]
    inbound_nodes: NotRequired[Sequence[Any] | None]


@dataclass(frozen=True, slots=True)
class Call:
    """A call that a configuration lists: of which layer, by its name there, and of what.

    Attributes:
        name: of the layer, in the graph.
        layer: that is called.
        node: the inputs and other arguments, as the configuration has them.
        number: of the layer's entry.
        index: of the call in it.
    """

    name: str
    layer: Layer
    node: Any
    number: int
    index: int

    def place(self, who: str = "") -> AbstractContextManager[Any]:
        """Return where it stands in the graph's configuration."""
        return at("layers", self.number, "inbound_nodes", self.index, who=who)


def graph_config(
    graph: Graph, entry: Callable[[Layer], dict[str, Any]] = serialize_layer
) -> dict[str, Any]:
    """Return `layers`, `input_layers` and `output_layers` as tf_keras writes them in HDF5.

    Layers are written by `entry`.
    """
    address, kept = graph_addresses(graph, first=_first_index)

    def inbound(node: Node) -> list[Any]:
        return [[*address(symbol), dict(node.arguments)] for symbol in leaves(node.inputs)]

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


def graph_from_config(config: Mapping[str, Any]) -> tuple[Nested, Nested]:
    """Return the symbolic inputs and outputs of the graph that a configuration describes.

    Raises:
        MalformedEntry: if it refers to a layer or a call that it does not hold.
    """
    layers = _layers(fitted(config, GraphConfig))
    pending = [
        Call(name, layer, node, number, place)
        for number, (name, (layer, nodes)) in enumerate(layers.items())
        for place, node in enumerate(nodes)
    ]
    first = _first_referenced(config, pending)
    made: dict[str, list[Node]] = defaultdict(list)
    for name, (layer, _) in layers.items():
        if isinstance(layer, InputLayer):
            made[name] = layer.inbound_nodes[:1]

    def tensor(address: Sequence[Any]) -> KerasTensor | None:
        name, node, position = address[:3]
        if name not in layers:
            raise MalformedEntry(f"model {config.get('name')!r}: no layer {name!r} in its config")
        calls, offset = made[name], int(node) - first.get(name, 0)
        if offset >= len(calls):
            return None
        outputs = list(leaves(calls[offset].outputs)) if offset >= 0 else []
        if not 0 <= int(position) < len(outputs):
            raise MalformedEntry(
                f"expected an output of layer {name!r}, found {[name, node, position]}: its call "
                f"has {len(outputs)}"
            )
        found: KerasTensor = outputs[int(position)]
        return found

    while pending:
        waiting = _make_calls(pending, tensor, made)
        if len(waiting) == len(pending):
            raise MalformedEntry(
                f"model {config.get('name')!r}: the calls of "
                f"{sorted({call.name for call in waiting})} depend on calls it does not hold"
            )
        pending = waiting
    ends = []
    for key in ("input_layers", "output_layers"):
        with at(key):
            ends.append(_tensors(config[key], tensor))
    return ends[0], ends[1]


def _layers(config: GraphConfig) -> dict[str, tuple[Layer, Sequence[Any]]]:
    """Return the layers by the names that the graph knows them by, and the calls of each."""
    found: dict[str, tuple[Layer, Sequence[Any]]] = {}
    for number, entry in enumerate(config["layers"]):
        with at("layers", number):
            layer, told = deserialize_layer(entry), fitted(entry, CalledEntry)
            name = told.get("name") or fitted(told["config"].get("name"), str)
            if name in found:
                raise MalformedEntry(f"two layers are named {name!r}; names must be unique")
            found[name] = (layer, told.get("inbound_nodes") or [])
    return found


def _make_calls(calls: Sequence[Call], tensor: Any, made: dict[str, list[Node]]) -> list[Call]:
    """Make the calls whose inputs are there; return the others, which wait for one of those.

    Calls are known by their number, so a layer's later calls wait with an earlier one.
    """
    waiting: list[Call] = []
    held: set[str] = set()
    for call in calls:
        if call.name in held or not _make_call(call, tensor, made):
            held.add(call.name)
            waiting.append(call)
    return waiting


def _make_call(call: Call, tensor: Any, made: dict[str, list[Node]]) -> bool:
    """Call the layer if all that goes into the call is known; say whether it was."""
    with call.place(who=f"call of layer {call.name!r}"):
        addresses, arguments = _call_of(call.node)
        inputs = map_addresses(tensor, addresses)
        if any(leaf is None for leaf in leaves(inputs)):
            return False
        call.layer(inputs, **arguments)
        made[call.name].append(call.layer.inbound_nodes[-1])
        return True


def _call_of(node: Any) -> tuple[Any, dict[str, Any]]:
    """Return the addresses of a call's inputs, one or a list, and its other arguments."""
    if isinstance(node, Mapping):
        arguments = {
            key: value for key, value in (node.get("kwargs") or {}).items() if key != "mask"
        }
        return _keras3_address(node["args"][0]), {
            key: value for key, value in arguments.items() if value is not None
        }
    listed = fitted(node, Sequence[Sequence[Any]])
    arguments = next((item[3] for item in listed if len(item) > 3), {})
    addresses = [item[:3] for item in listed]
    return (addresses[0] if len(addresses) == 1 else addresses), dict(arguments)


def _keras3_address(argument: Any) -> Any:
    if isinstance(argument, Mapping) and "config" in argument:
        return list(argument["config"]["keras_history"])
    return [_keras3_address(item) for item in fitted(argument, Sequence[Any])]


def is_address(item: Any) -> bool:
    """Say whether this is [layer name, node index, tensor index]."""
    return isinstance(item, list | tuple) and len(item) >= 3 and isinstance(item[0], str)


def map_addresses(function: Any, structure: Any) -> Any:
    """Return the structure with `function` applied to each address in it."""
    if is_address(structure):
        return function(structure)
    if isinstance(structure, Mapping):
        return {key: map_addresses(function, value) for key, value in structure.items()}
    if not isinstance(structure, list | tuple):
        raise MalformedEntry(
            f"expected [layer, number of the call, number of the output], found {structure!r:.200}"
        )
    return [map_addresses(function, item) for item in structure]


def _tensors(structure: Any, tensor: Any) -> Nested:
    found = map_addresses(tensor, structure)
    if any(leaf is None for leaf in leaves(found)):
        raise MalformedEntry(f"input_layers or output_layers: no such tensor in {structure!r}")
    return found


def _first_referenced(config: Mapping[str, Any], calls: Sequence[Call]) -> dict[str, int]:
    """Return the index that each model's first call has: 1 in tf_keras's words, 0 in Keras 3's."""
    lowest: dict[str, int] = {}

    def note(address: Sequence[Any]) -> None:
        name, number, _ = fitted(address[:3], tuple[str, int, int])
        if number < 0:
            raise MalformedEntry(f"expected the number of a call of {name!r}, found {number}")
        lowest[name] = min(int(number), lowest.get(name, 1))

    for call in calls:
        with call.place():
            map_addresses(note, _call_of(call.node)[0])
    for key in ("input_layers", "output_layers"):
        with at(key):
            map_addresses(note, config[key])
    models = {call.name for call in calls if call.layer.is_graph_network}
    return {name: index for name, index in lowest.items() if name in models}
