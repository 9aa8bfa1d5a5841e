"""Validation of a graph's configuration before any layer is created."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NotRequired, TypedDict

from saveproof.reference_impl.config_types import checked
from saveproof.reference_impl.loading import MalformedEntry, at

OPERATIONS = ("keras.src.ops.", "keras.ops.")
"""Modules of Keras 3's operations, which graphs have as layers."""


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
            if str(entry.get("module")).startswith(OPERATIONS):
                raise MalformedEntry(
                    f"operation {entry.get('class_name')!r} of Keras 3, which computes a mask or "
                    "another tensor outside of any layer, is not read here: load the file with "
                    "Keras, or save the model as a Sequential"
                )
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
                map_addresses(check, call_of(_with_inputs_alone(node))[0])
    for key in ("input_layers", "output_layers"):
        with at(key):
            map_addresses(check, config[key])


def _with_inputs_alone(node: Any) -> Any:
    """Return a call in Keras 3's form with its first positional argument only."""
    if not isinstance(node, Mapping) or is_address(node.get("args", ())):
        return node
    args = checked(node.get("args", ()), Sequence[Any])
    if "args" in node and not args:
        raise MalformedEntry("expected a positional argument, found none")
    return {**node, "args": args[:1]} if args else node


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
