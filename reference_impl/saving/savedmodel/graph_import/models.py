"""Import of subclassed models from other writers' SavedModels, without their class."""

from collections.abc import Callable
from typing import Any

from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.nest import leaves, map_leaves, map_shapes
from saveproof.reference_impl.saving.checkpoint.object_graph import Node
from saveproof.reference_impl.saving.checkpoint.tensor_types import dtype_of
from saveproof.reference_impl.saving.errors import NotReadHere
from saveproof.reference_impl.saving.savedmodel.graph_import.programs import (
    Callees,
    foreign_program,
)
from saveproof.reference_impl.saving.savedmodel.model_objects import held_by
from saveproof.reference_impl.saving.savedmodel.objects import DICT, KERAS_API, LIST
from saveproof.reference_impl.saving.savedmodel.reader import SavedModelContents
from saveproof.reference_impl.saving.savedmodel.revived import Revived, places_of

LISTS = ("variables", "trainable_variables", "regularization_losses")
"""Children of a layer that Keras adds to its attributes."""

CONTAINERS = (LIST, "trackable_tuple_wrapper", DICT)

OWN_PENALTIES = "layer_regularization_losses"
"""The child of a layer's `keras_api` with the penalties on its own weights."""


def config_of_graph(
    saved: SavedModelContents, node: Node, entry_of: Callable[[Node], dict[str, Any]]
) -> dict[str, Any]:
    """Return the config of a `Revived` for the model at a node.

    Args:
        saved: the SavedModel.
        node: of the model.
        entry_of: returns the entry of a nested layer.

    Raises:
        NotReadHere: if a program cannot express the graph of its call.
        WrongPart: if the graph contains an invalid reference.
    """
    attributes = _attributes(saved, node)
    held = list({id(leaf): leaf for leaf in leaves(attributes)}.values())
    layers = [leaf for leaf in held if id(leaf) in saved.layers]
    listed = list(node.children.get("variables", Node()).children.values())
    weights = [leaf for leaf in listed if leaf in held]
    weights += [leaf for leaf in held if leaf not in layers and leaf not in weights]
    places = places_of(layers, weights)
    description: dict[str, Any] = {
        "name": saved.layers[id(node)]["name"],
        "layers": [{**entry_of(leaf), "number": _number(saved, leaf)} for leaf in layers],
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
    """Return the nodes of layers and weights in each attribute's structure, in Keras's order."""
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
    """Return the structure of layers and variables in a node; None if it has none."""
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
    """Return the programs of the model's call for inference and training."""
    if node.children.get(KERAS_API, Node()).children.get(OWN_PENALTIES, Node()).children:
        raise NotReadHere("it has a penalty on its own weights")
    callees = _callees(saved, node, model)
    traces = list(saved.functions.traces(_number(saved, node)))
    programs = {}
    for key, training in (("inference", False), ("training", True)):
        found = [
            foreign_program(callees, trace, training=training)
            for trace in traces
            if trace.training in (training, None)
        ]
        if not found:
            raise NotReadHere(f"it has no graph of its call in {key}")
        if any(one != found[0] for one in found):
            raise NotReadHere(f"its call in {key} depends on the shapes of the inputs")
        programs[key] = found[0]
    return programs


def _callees(saved: SavedModelContents, node: Node, model: Revived) -> Callees:
    """Return the layers, all built, and weights that the graph may refer to."""
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
