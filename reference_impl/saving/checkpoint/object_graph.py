"""The object graph of a checkpoint, which maps paths of names from a root object to tensors.

Source: tensorflow/core/protobuf/trackable_object_graph.proto and
https://www.tensorflow.org/guide/checkpoint#loading_mechanics.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from saveproof.reference_impl.saving.checkpoint.protos import MESSAGES, decoded, encoded
from saveproof.reference_impl.saving.errors import UnwritableName, WrongPart
from saveproof.reference_impl.state import NamedArray

GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
"""The key of the tensor that contains the object graph."""

VALUE = "VARIABLE_VALUE"
"""The name of a variable's tensor among its attributes."""


@dataclass(eq=False, slots=True)
class Node:
    """An object: its children by local name, and its value if it is a variable.

    Attributes:
        full_name: of a variable; for information only.
        value: to write.
        key: of the tensor in a bundle that was read.
        slots: an optimizer's slot variables, in the layout before TensorFlow 2.11.
    """

    children: dict[str, "Node"] = field(default_factory=dict)
    full_name: str = ""
    value: np.ndarray | None = None
    key: str | None = None
    slots: list["Slot"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot variable of an optimizer: the variable, the slot's name, and the slot."""

    variable: Node
    name: str
    slot: Node


def numbered(root: Node) -> list[Node]:
    """Return the nodes in the order of files: breadth first, sorted by name, slots last."""
    nodes = {id(root): root}
    queue = [root]
    slots: list[Node] = []
    for node in queue:
        slots += [slot.slot for slot in node.slots]
        for child in node.children.values():
            if id(child) not in nodes:
                nodes[id(child)] = child
                queue.append(child)
    return list((nodes | {id(slot): slot for slot in slots if id(slot) not in nodes}).values())


def tensors_of(root: Node, *, prefix: str = "", graph_key: str = GRAPH_KEY) -> list[NamedArray]:
    """Return the graph's values under TensorFlow's keys, then the encoded graph.

    Args:
        root: the saved object.
        prefix: of the values' keys; empty for TensorFlow's own.
        graph_key: of the graph.

    Raises:
        UnwritableName: if a name contains a lone surrogate.
    """
    nodes = numbered(root)
    _check_names(nodes)
    numbers = {id(node): number for number, node in enumerate(nodes)}
    paths = _paths(root)
    message = MESSAGES["TrackableObjectGraph"]()
    tensors: list[NamedArray] = []
    with_values = _with_values(nodes)
    for node in nodes:
        described = message.nodes.add()
        described.has_checkpoint_values.value = id(node) in with_values
        for name, child in node.children.items():
            described.children.add(node_id=numbers[id(child)], local_name=name)
        describe_slots(described, node, numbers)
        if node.value is not None:
            key = f"{prefix}{paths[id(node)]}/.ATTRIBUTES/{VALUE}"
            described.attributes.add(name=VALUE, full_name=node.full_name, checkpoint_key=key)
            tensors.append(NamedArray(key, node.value))
    graph = np.empty((), object)
    graph[()] = encoded(message)
    return [*tensors, NamedArray(graph_key, graph)]


def describe_slots(described: Any, node: Node, numbers: Mapping[int, int]) -> None:
    """Write an optimizer's slots into the message of its node."""
    for slot in node.slots:
        described.slot_variables.add(
            original_variable_node_id=numbers[id(slot.variable)],
            slot_name=slot.name,
            slot_variable_node_id=numbers[id(slot.slot)],
        )


def _check_names(nodes: Sequence[Node]) -> None:
    for node in nodes:
        for name in (node.full_name, *node.children, *(slot.name for slot in node.slots)):
            try:
                name.encode()
            except UnicodeEncodeError as error:
                raise UnwritableName(
                    f"checkpoint: invalid name {name!r}: {error.reason} at {error.start}; "
                    "rename the layer or the weight"
                ) from error


def _paths(root: Node) -> dict[int, str]:
    """Return the first path of names to each node."""
    paths = {id(root): ""}
    queue = [root]
    for node in queue:
        for name, child in node.children.items():
            if id(child) not in paths:
                paths[id(child)] = _joined(paths[id(node)], _escaped(name))
                queue.append(child)
    for node in queue:
        for slot in node.slots:
            owner = f".OPTIMIZER_SLOT/{paths[id(node)]}"
            path = f"{paths[id(slot.variable)]}/{owner}/{_escaped(slot.name)}"
            paths.setdefault(id(slot.slot), path)
    return paths


def _joined(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _escaped(name: str) -> str:
    """Return a local name escaped for a key, in which slashes and leading dots are special."""
    return name.replace(".", "..").replace("/", ".S")


def _with_values(nodes: Sequence[Node]) -> set[int]:
    """Return the ids of the nodes that have a value or a descendant with one."""
    found = {id(node) for node in nodes if node.value is not None}
    count = -1
    while count < len(found):
        count = len(found)
        found |= {
            id(node)
            for node in reversed(nodes)
            if any(id(child) in found for child in node.children.values())
        }
    return found


def decoded_graph(data: bytes, *, where: str) -> Node:
    """Return the root of a decoded graph, whose nodes have keys instead of values.

    Raises:
        UnreadableFile: naming `where`, if the bytes are not a graph.
        WrongPart: if the graph is empty, a reference is invalid, or a name occurs twice.
    """
    message = decoded("TrackableObjectGraph", data, where=where)
    nodes = [Node() for _ in message.nodes]
    if not nodes:
        raise WrongPart(f"{where}: expected objects in the object graph, found none")
    for number, (node, described) in enumerate(zip(nodes, message.nodes, strict=True)):
        place = f"{where}: object {number}"
        for child in described.children:
            if child.local_name in node.children:
                raise WrongPart(f"{place}: expected unique names, found {child.local_name!r} twice")
            node.children[child.local_name] = _node(nodes, child.node_id, place)
        node.slots = [
            Slot(
                _node(nodes, slot.original_variable_node_id, place),
                slot.slot_name,
                _node(nodes, slot.slot_variable_node_id, place),
            )
            for slot in described.slot_variables
        ]
        _set_value(node, described.attributes, place)
    return nodes[0]


def _node(nodes: Sequence[Node], number: int, place: str) -> Node:
    if not 0 <= number < len(nodes):
        raise WrongPart(f"{place}: expected one of {len(nodes)} objects, found number {number}")
    return nodes[number]


def _set_value(node: Node, attributes: Sequence[Any], place: str) -> None:
    """Set the key of a variable's tensor; attributes of unsupported objects are ignored."""
    values = [attribute for attribute in attributes if attribute.name == VALUE]
    if len(values) > 1:
        raise WrongPart(f"{place}: expected one value, found {len(values)}")
    if values:
        node.full_name, node.key = values[0].full_name, values[0].checkpoint_key
