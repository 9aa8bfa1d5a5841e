"""Subclassed models of other writers' SavedModels, brought back without their class."""

from collections.abc import Mapping
from typing import Any

from saveproof.reference_impl.custom_objects import active_custom_objects
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.nest import leaves, map_leaves, map_shapes
from saveproof.reference_impl.saving.checkpoint.object_graph import Node
from saveproof.reference_impl.saving.checkpoint.tensor_types import dtype_of
from saveproof.reference_impl.saving.errors import NotReadHere, WrongPart
from saveproof.reference_impl.saving.savedmodel.graph_import.programs import (
    Callees,
    foreign_program,
)
from saveproof.reference_impl.saving.savedmodel.model_objects import held_by
from saveproof.reference_impl.saving.savedmodel.objects import DICT, KERAS_API, LIST
from saveproof.reference_impl.saving.savedmodel.reader import SavedModelContents
from saveproof.reference_impl.saving.savedmodel.revived import Revived, places_of
from saveproof.reference_impl.serialization import UnknownLayer, layer_class, name_in

LISTS = ("variables", "trainable_variables", "regularization_losses")
"""What Keras lists of a layer beside its attributes."""

CONTAINERS = (LIST, "trackable_tuple_wrapper", DICT)

OWN_PENALTIES = "layer_regularization_losses"
"""Below a layer's `keras_api`: the penalties on its own weights."""


def entry_of(saved: SavedModelContents, node: Node) -> dict[str, Any]:
    """Return the entry of the layer or model at a node of a SavedModel.

    A model whose class is not known is described by its layers and by what its call did.

    Raises:
        UnknownLayer: if it can't come back without its class; the message says why.
        WrongPart: if the graph refers to what it does not have.
    """
    told = saved.layers.get(id(node), {})
    if "class_name" not in told:
        raise WrongPart(
            f"{saved.folder}: no class_name of the layer that is object {_number(saved, node)}"
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
    return _without_class(saved, node, entry["config"], error)


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
    return {**entry, "config": inner, "shared_object_id": _number(saved, node)}


def _without_class(
    saved: SavedModelContents, node: Node, config: Mapping[str, Any], error: UnknownLayer
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
    try:
        return {"class_name": Revived.__name__, "config": _config(saved, node)}
    except NotReadHere as why:
        raise UnknownLayer(f"{error}; it can't come back without its class: {why}") from why


def _config(saved: SavedModelContents, node: Node) -> dict[str, Any]:
    """Return the config from which `Revived` is the model at this node."""
    attributes = _attributes(saved, node)
    held = list({id(leaf): leaf for leaf in leaves(attributes)}.values())
    layers = [leaf for leaf in held if id(leaf) in saved.layers]
    listed = list(node.children.get("variables", Node()).children.values())
    weights = [leaf for leaf in listed if leaf in held]
    weights += [leaf for leaf in held if leaf not in layers and leaf not in weights]
    places = places_of(layers, weights)
    description: dict[str, Any] = {
        "name": saved.layers[id(node)]["name"],
        "layers": [{**entry_of(saved, leaf), "number": _number(saved, leaf)} for leaf in layers],
        "attributes": {
            name: map_leaves(lambda leaf: places[id(leaf)], structure)
            for name, structure in attributes.items()
        },
        "weights": [_variable(saved, leaf) for leaf in weights],
        "programs": {},
    }
    config = {"name": description["name"], "description": description}
    description["programs"] = _programs(saved, node, Revived.from_config(config))
    return config


def _number(saved: SavedModelContents, node: Node) -> int:
    return saved.numbers[id(node)]


def _attributes(saved: SavedModelContents, node: Node) -> dict[str, Any]:
    """Return the nodes of layers and weights in the structure of each attribute.

    They are in the order in which Keras lists the layers.
    """
    found = {
        name: structure
        for name, child in node.children.items()
        if name not in LISTS and (structure := _structure(saved, child)) is not None
    }
    listed = node.children.get(KERAS_API, Node()).children.get("layers", Node()).children
    order = {id(child): place for place, child in enumerate(listed.values())}

    def first(name: str) -> int:
        return min(order.get(id(leaf), len(order)) for leaf in leaves(found[name]))

    return {name: found[name] for name in sorted(found, key=first)}


def _structure(saved: SavedModelContents, node: Node) -> Any:
    """Return the layers and variables that are in a node; None where there are none."""
    described = saved.functions.object(_number(saved, node))
    if id(node) in saved.layers or described.WhichOneof("kind") == "variable":
        return node
    identifier = described.user_object.identifier
    if identifier not in CONTAINERS:
        return None
    inner = {
        name: structure
        for name, child in node.children.items()
        if (structure := _structure(saved, child)) is not None
    }
    if not inner:
        return None
    return inner if identifier == DICT else list(inner.values())


def _variable(saved: SavedModelContents, node: Node) -> dict[str, Any]:
    described = saved.functions.object(_number(saved, node)).variable
    return {
        "name": f"{described.name}:0",
        "shape": [dim.size for dim in described.shape.dim],
        "dtype": str(dtype_of(described.dtype, where=f"variable {described.name!r}")),
        "trainable": described.trainable,
    }


def _programs(saved: SavedModelContents, node: Node, model: Revived) -> dict[str, Any]:
    """Return what the model's call does out of training and in it."""
    if node.children.get(KERAS_API, Node()).children.get(OWN_PENALTIES, Node()).children:
        raise NotReadHere("there is a penalty on its own weights")
    callees = _callees(saved, node, model)
    traces = list(saved.functions.traces(_number(saved, node)))
    programs = {}
    for key, training in (("inference", False), ("training", True)):
        told = [
            foreign_program(callees, trace, training=training)
            for trace in traces
            if trace.training in (training, None)
        ]
        if not told:
            raise NotReadHere(f"there is no graph of its call in {key}")
        if any(one != told[0] for one in told):
            raise NotReadHere(f"its call in {key} depends on the shapes of the inputs")
        programs[key] = told[0]
    return programs


def _callees(saved: SavedModelContents, node: Node, model: Revived) -> Callees:
    """Return the layers and weights that the graph may refer to, all layers built."""
    for held, place in held_by(model, node).values():
        shape = saved.layers.get(id(place), {}).get("build_input_shape")
        if isinstance(held, Layer) and "is_graph_network" not in saved.layers[id(place)] and shape:
            held.ensure_built(map_shapes(tuple, shape))
    numbers = {id(held): _number(saved, place) for held, place in held_by(model, node).values()}
    layers = list(model.flatten_layers())
    weights = {
        numbers[id(weight)]: (number, place)
        for number, layer in enumerate(layers)
        for place, weight in enumerate(layer.own_weights())
        if id(weight) in numbers
    }
    return Callees(saved.functions, [(numbers.get(id(one)), one) for one in layers], weights)
