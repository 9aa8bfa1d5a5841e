"""Serialized entries of the layers and models in a SavedModel."""

from collections.abc import Callable, Mapping
from typing import Any

from saveproof.reference_impl.custom_objects import active_custom_objects
from saveproof.reference_impl.layers.serialization import Entry, UnknownLayer, layer_class, name_in
from saveproof.reference_impl.saving.checkpoint.object_graph import Node
from saveproof.reference_impl.saving.errors import NotReadHere, WrongPart
from saveproof.reference_impl.saving.savedmodel.reader import SavedModelContents
from saveproof.reference_impl.saving.savedmodel.revived import Revived

GraphImport = Callable[[SavedModelContents, Node, Callable[[Node], Entry]], Entry]
"""Returns the config of a `Revived` for the model at a node, from the graph of its call.

Its last argument returns the entry of a nested layer. It raises `NotReadHere` if it fails.
"""


def entry_of(saved: SavedModelContents, node: Node, graph_import: GraphImport | None) -> Entry:
    """Return the entry of the layer or model at a node of a SavedModel.

    The entry of a model with an unknown class describes its layers and the steps of its call.

    Raises:
        UnknownLayer: if it can't be loaded without its class; the message gives the reason.
        WrongPart: if the graph contains an invalid reference.
    """
    kept = saved.layers.get(id(node), {})
    if "class_name" not in kept:
        raise WrongPart(
            f"{saved.folder}: no class_name of the layer that is object {saved.numbers[id(node)]}"
        )
    config = _with_numbers(saved, node, kept.get("config") or {})
    entry = {"class_name": kept["class_name"], "config": config, "name": kept.get("name")}
    if "is_graph_network" not in kept:
        return entry
    arguments = saved.index.get("arguments") if node is saved.root else None
    if arguments is not None and entry["class_name"] in active_custom_objects():
        return {**entry, "config": arguments}
    if not entry["config"]:
        error = UnknownLayer(
            f"model {kept.get('name')!r}: its class {entry['class_name']!r} defines no get_config()"
        )
    else:
        try:
            layer_class(str(entry["class_name"]), entry)
        except UnknownLayer as unknown:
            error = unknown
        else:
            return entry
    return _without_class(saved, node, entry["config"], error, graph_import)


def _with_numbers(
    saved: SavedModelContents, node: Node, config: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the config with the node number in each layer's entry; shared layers have one."""
    listed = config.get("layers")
    if not isinstance(listed, list):
        return dict(config)
    held = [child for child in node.children.values() if id(child) in saved.layers]
    nodes = {saved.layers[id(child)]["name"]: child for child in held}
    return {**config, "layers": [_with_number(saved, nodes, entry) for entry in listed]}


def _with_number(
    saved: SavedModelContents, nodes: Mapping[str, Node], entry: Mapping[str, Any]
) -> dict[str, Any]:
    config = entry["config"]
    node = nodes.get(name_in(entry) or "")
    if node is None:
        return dict(entry)
    inner = _with_numbers(saved, node, config)
    return {**entry, "config": inner, "shared_object_id": saved.numbers[id(node)]}


def _without_class(
    saved: SavedModelContents,
    node: Node,
    config: Mapping[str, Any],
    error: UnknownLayer,
    graph_import: GraphImport | None,
) -> dict[str, Any]:
    """Return the entry of a model with an unknown class: its graph, or the steps of its call."""
    revival = saved.index.get("revival") or {}
    if "refused" in revival:
        raise UnknownLayer(f"{error}; it can't be loaded without its class: {revival['refused']}")
    if saved.layers[id(node)]["is_graph_network"] and "layers" in config:
        kind = "Functional" if "input_layers" in config else "Sequential"
        return {"class_name": kind, "config": config}
    if "graph" in revival:
        return dict(revival["graph"])
    if "description" in revival:
        return {"class_name": Revived.__name__, "config": revival}
    if saved.layers[id(node)]["is_graph_network"]:
        raise UnknownLayer(f"{error}; its config does not describe its graph")
    if graph_import is None:
        raise error
    try:
        config = graph_import(saved, node, lambda inner: entry_of(saved, inner, graph_import))
        return {"class_name": Revived.__name__, "config": config}
    except NotReadHere as why:
        raise UnknownLayer(f"{error}; it can't be loaded without its class: {why}") from why
