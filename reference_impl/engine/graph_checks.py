"""Validation of a graph's configuration before any layer is created."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NotRequired, TypedDict

from saveproof.reference_impl.config_types import checked
from saveproof.reference_impl.loading import MalformedEntry, at


class NetworkConfig(TypedDict):
    """Keys in the configurations of all models."""

    name: NotRequired[str | None]
    trainable: NotRequired[bool]


class GraphConfig(NetworkConfig):
    """The configuration of a graph."""

    layers: Sequence[Mapping[str, Any]]
    input_layers: Any
    output_layers: Any


class CalledEntry(TypedDict):
    """The entry of a layer in a graph."""

    config: Mapping[str, Any]
    name: NotRequired[str | None]
    inbound_nodes: NotRequired[Sequence[Any] | None]


def check_graph(config: Mapping[str, Any], call_of: Callable[[Any], tuple[Any, Any]]) -> None:
    """Check that layer names are unique and that all addresses refer to layers of the graph.

    `call_of` returns the addresses of a call's inputs, and its other arguments.

    Raises:
        MalformedEntry: naming the place of the first violation.
    """
    names: set[str] = set()
    for number, entry in enumerate(checked(config, GraphConfig)["layers"]):
        with at("layers", number):
            called = checked(entry, CalledEntry)
            name = called.get("name") or checked(called["config"].get("name"), str)
            if name in names:
                raise MalformedEntry(f"expected unique names, found two layers named {name!r}")
            names.add(name)

    def check(address: Sequence[Any]) -> None:
        name, *numbers = checked(address[:3], tuple[str, int, int])
        if name not in names:
            raise MalformedEntry(f"no layer {name!r} in the config of model {config.get('name')!r}")
        if min(numbers) < 0:
            raise MalformedEntry(f"expected a call of {name!r} and its output, found {numbers}")

    for number, entry in enumerate(config["layers"]):
        for index, node in enumerate(entry.get("inbound_nodes") or []):
            with at("layers", number, "inbound_nodes", index):
                args = node.get("args", [0]) if isinstance(node, Mapping) else [0]
                if not is_address(args) and len(checked(args, Sequence[Any])) != 1:
                    raise MalformedEntry(f"expected one positional argument, found {args!r:.200}")
                map_addresses(check, call_of(node)[0])
    for key in ("input_layers", "output_layers"):
        with at(key):
            map_addresses(check, config[key])


def is_address(item: Any) -> bool:
    """Return whether this is [layer name, node index, tensor index]."""
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
