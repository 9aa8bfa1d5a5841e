"""The object graph of a checkpoint: which tensor belongs to which object, by names from a root.

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
"""The key of the tensor that holds the graph of all others."""

VALUE = "VARIABLE_VALUE"
"""What a variable's tensor is called among its attributes."""


@dataclass(eq=False, slots=True)
class Node:
    """An object: the objects that it holds, by their local names, and its value if it has one.

    Attributes:
        full_name: of a variable; for information only.
        value: what is to be written.
        key: of the tensor in the bundle that was read.
        slots: what an optimizer keeps for each variable, in the layout before TensorFlow 2.11.
    """

    children: dict[str, "Node"] = field(default_factory=dict)
    full_name: str = ""
    value: np.ndarray | None = None
    key: str | None = None
    slots: list["Slot"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot variable of an optimizer: of which variable, its name, and the slot itself."""

    variable: Node
    name: str
    slot: Node


def numbered(root: Node) -> list[Node]:
    """Return the nodes as files number them: breadth first in the order of names, slots last."""
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
    """Return the graph's values under the keys that TensorFlow gives them, then the graph itself.

    Args:
        root: the object that is saved.
        prefix: of the values' keys; empty in TensorFlow's own.
        graph_key: of the graph.

    Raises:
        UnwritableName: if a name has half of a pair of surrogates.
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
                    f"checkpoint: the name {name!r} is no text: {error.reason} at {error.start}; "
                    "rename the layer or the weight"
                ) from error


def _paths(root: Node) -> dict[int, str]:
    """Return the path of names by which each node is reached first."""
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
    """Return a local name as a part of a key: slashes divide it, a dot begins what is no name."""
    return name.replace(".", "..").replace("/", ".S")


def _with_values(nodes: Sequence[Node]) -> set[int]:
    """Return the ids of the nodes that have a value, or below which there is one."""
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
    """Return the root of a graph that was read; its nodes have keys, no values.

    Raises:
        UnreadableFile: naming `where`, if the bytes hold no graph.
        WrongPart: if it is empty, or a reference leads nowhere, or a name comes twice.
    """
    message = decoded("TrackableObjectGraph", data, where=where)
    nodes = [Node() for _ in message.nodes]
    if not nodes:
        raise WrongPart(f"{where}: an object graph without objects")
    for number, (node, described) in enumerate(zip(nodes, message.nodes, strict=True)):
        place = f"{where}: object {number}"
        for child in described.children:
            if child.local_name in node.children:
                raise WrongPart(f"{place}: two children are named {child.local_name!r}")
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
        raise WrongPart(f"{place}: refers to object {number}, of {len(nodes)}")
    return nodes[number]


def _set_value(node: Node, attributes: Sequence[Any], place: str) -> None:
    """Take over the key of a variable's tensor; other attributes are of objects not read here."""
    values = [attribute for attribute in attributes if attribute.name == VALUE]
    if len(values) > 1:
        raise WrongPart(f"{place}: expected one value, found {len(values)}")
    if values:
        node.full_name, node.key = values[0].full_name, values[0].checkpoint_key
