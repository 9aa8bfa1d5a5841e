"""The entries of the layers and models in a SavedModel, from which they are made."""

from collections.abc import Callable, Mapping
from typing import Any

from saveproof.reference_impl.custom_objects import active_custom_objects
from saveproof.reference_impl.layers.serialization import Entry, UnknownLayer, layer_class, name_in
from saveproof.reference_impl.saving.checkpoint.object_graph import Node
from saveproof.reference_impl.saving.errors import NotReadHere, WrongPart
from saveproof.reference_impl.saving.savedmodel.reader import SavedModelContents
from saveproof.reference_impl.saving.savedmodel.revived import Revived

GraphImport = Callable[[SavedModelContents, Node, Callable[[Node], Entry]], Entry]
"""Returns the config from which `Revived` is the model at a node, from the graph of its call.

It is given what returns the entry of a layer inside, and raises `NotReadHere` where it can't.
"""


def entry_of(saved: SavedModelContents, node: Node, graph_import: GraphImport | None) -> Entry:
    """Return the entry of the layer or model at a node of a SavedModel.

    A model whose class is not known is described by its layers and by what its call did.

    Raises:
        UnknownLayer: if it can't come back without its class; the message says why.
        WrongPart: if the graph refers to what it does not have.
    """
    told = saved.layers.get(id(node), {})
    if "class_name" not in told:
        raise WrongPart(
            f"{saved.folder}: no class_name of the layer that is object {saved.numbers[id(node)]}"
        )
    config = _with_numbers(saved, node, told.get("config") or {})
    entry = {"class_name": told["class_name"], "config": config, "name": told.get("name")}
    if "is_graph_network" not in told:
        return entry
    arguments = saved.index.get("arguments") if node is saved.root else None
    if arguments is not None and entry["class_name"] in active_custom_objects():
        return {**entry, "config": arguments}
    if not entry["config"]:
        error = UnknownLayer(
            f"model {told.get('name')!r}: its class {entry['class_name']!r} states no get_config()"
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
    """Return the config with the number of its node on each layer: a shared one has the same."""
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
    """Return the entry of a model of a class that is not known: a graph's, or what its call did."""
    revival = saved.index.get("revival") or {}
    if "refused" in revival:
        raise UnknownLayer(f"{error}; it can't come back without its class: {revival['refused']}")
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
        raise UnknownLayer(f"{error}; it can't come back without its class: {why}") from why
