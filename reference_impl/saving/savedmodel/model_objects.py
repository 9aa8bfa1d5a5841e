"""Conversion of a model to the objects of a SavedModel: names, functions and metadata."""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from saveproof.reference_impl.engine.model import Model
from saveproof.reference_impl.engine.sequential import Sequential
from saveproof.reference_impl.layers import BatchNormalization, Dropout
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.input_layer import InputLayer
from saveproof.reference_impl.layers.recurrence import Recurrent
from saveproof.reference_impl.layers.serialization import class_name, serialize_layer
from saveproof.reference_impl.layers.stated import stated_config
from saveproof.reference_impl.nest import is_shape, leaves, map_shapes
from saveproof.reference_impl.optimizers import LegacyOptimizer, Optimizer
from saveproof.reference_impl.saving.checkpoint.object_graph import Node, numbered
from saveproof.reference_impl.saving.checkpoint.trackable import Held, children, tree_of
from saveproof.reference_impl.saving.model_state.capture import training_config
from saveproof.reference_impl.saving.savedmodel import keras_metadata
from saveproof.reference_impl.saving.savedmodel.graphs.endpoints import (
    CALL,
    SIGNATURE,
    WITH_LOSSES,
    WITH_LOSSES_IN_TRAINING,
    Endpoints,
    Spec,
    pseudo_names,
)
from saveproof.reference_impl.saving.savedmodel.keras_metadata import ObjectMetadata, TensorShape
from saveproof.reference_impl.saving.savedmodel.meta_graph import SERVING
from saveproof.reference_impl.saving.savedmodel.objects import (
    CALL_WITH_LOSSES,
    DICT,
    GENERIC,
    KERAS_API,
    LEGACY_OPTIMIZER,
    LIST,
    OPTIMIZER,
    SIGNATURES,
    Bare,
    Concrete,
    Objects,
    Polymorphic,
)
from saveproof.reference_impl.state import BACKEND, KERAS_VERSION


def children_and_states(held: Held) -> Mapping[str, Held]:
    """Return an object's children as in a checkpoint, and the states of a stateful layer."""
    found = children(held)
    if isinstance(held, Recurrent) and held.stateful:
        return {**found, KERAS_API: {"states": list(held.states)}}
    return found


def held_by(root: Held, node: Node) -> dict[int, tuple[Held, Node]]:
    """Return the object at each node that has the same path of names, by the node's id."""
    found: dict[int, tuple[Held, Node]] = {}
    queue = [(root, node)]
    for held, place in queue:
        if id(place) in found:
            continue
        found[id(place)] = (held, place)
        for name, child in children_and_states(held).items():
            if name in place.children:
                queue.append((child, place.children[name]))
    return found


def objects_of(model: Model, ends: Endpoints, *, include_optimizer: bool) -> Objects:
    """Return the objects of a model, with the functions of its call and its signature."""
    root = tree_of(model, view=children_and_states)
    if not include_optimizer:
        root.children.pop("optimizer", None)
    objects = Objects(root)
    nodes: dict[int, Node] = {}
    for held, node in held_by(model, root).values():
        if isinstance(held, Layer | Optimizer | list | tuple | dict):
            objects.kinds[id(node)] = _kind(held)
            objects.frozen.update(id(slot.slot) for slot in node.slots)
        else:
            nodes[id(held)] = node
            if not held.trainable:
                objects.frozen.add(id(node))
    for name in (KERAS_API, "cell"):
        for node in numbered(root):
            if name in node.children:
                objects.kinds[id(node.children[name])] = GENERIC
    objects.bound = [nodes[id(variable)] for variable in ends.captures]
    _add_functions(objects, ends, model)
    _add_variables(objects, model, nodes)
    return objects


def _kind(held: Held) -> str:
    if isinstance(held, Layer):
        return identifier(held)
    if isinstance(held, Optimizer):
        return LEGACY_OPTIMIZER if isinstance(held, LegacyOptimizer) else OPTIMIZER
    return DICT if isinstance(held, dict) else LIST


def identifier(layer: Layer) -> str:
    """Return the identifier by which tf_keras selects the class for loading a layer."""
    if isinstance(layer, Sequential):
        return keras_metadata.SEQUENTIAL
    if isinstance(layer, Model):
        return keras_metadata.MODEL if layer.graph is None else keras_metadata.NETWORK
    if isinstance(layer, InputLayer):
        return keras_metadata.INPUT_LAYER
    return keras_metadata.RECURRENT if isinstance(layer, Recurrent) else keras_metadata.LAYER


def _add_functions(objects: Objects, ends: Endpoints, model: Model) -> None:
    """Add the functions of the model's call and of its signature.

    tf_keras loads an unknown class from the call with losses, and also uses it for training if the
    model computes the same in training.
    """
    bound = objects.bound
    call = Concrete(CALL, bound, (ends.inputs, False, None), {}, ends.outputs)
    signature = Concrete(SIGNATURE, bound, (), ends.served_inputs, dict(ends.served_outputs))
    parameters, defaults = ("inputs", "training", "mask"), (False, None)
    called = objects.node(Polymorphic([call], parameters, defaults))
    serving = objects.node(SIGNATURES, {SERVING: objects.node(Bare(signature))})
    objects.root.children |= {"__call__": called, "signatures": serving}
    api = objects.root.children.setdefault(KERAS_API, objects.node(GENERIC))
    outputs: Any = (ends.outputs, list(ends.penalties))
    names = {WITH_LOSSES: False, WITH_LOSSES_IN_TRAINING: True}
    concretes = [
        Concrete(name, bound, (ends.inputs, training, None), {}, outputs)
        for name, training in names.items()
        if not training or _alike(model)
    ]
    with_losses = objects.node(Polymorphic(concretes, parameters, defaults))
    api.children[CALL_WITH_LOSSES] = with_losses


def _alike(model: Model) -> bool:
    """Return whether the model computes the same in training and in inference."""
    return not any(_differs(layer) for layer in model.flatten_layers())


def _differs(layer: Layer) -> bool:
    known = isinstance(layer, Dropout | BatchNormalization | Recurrent | Model)
    if isinstance(layer, Recurrent):
        return bool(layer.dropout or layer.recurrent_dropout)
    if isinstance(layer, Dropout | BatchNormalization):
        return True
    return not known and _expects_training(layer)


def _add_variables(objects: Objects, model: Model, nodes: Mapping[int, Node]) -> None:
    lists = {"variables": model.weights, "trainable_variables": model.trainable_weights}
    for name, variables in lists.items():
        listed = [nodes[id(variable)] for variable in variables]
        objects.root.children[name] = objects.list_of(listed)
    objects.root.children["regularization_losses"] = objects.list_of([])


def metadata_of(model: Model, objects: Objects, *, include_optimizer: bool) -> list[ObjectMetadata]:
    """Return the metadata of the model and all its layers for keras_metadata.pb."""
    numbers = {id(node): number for number, node in enumerate(numbered(objects.root))}
    paths = _paths(objects.root)
    return [
        ObjectMetadata(
            numbers[id(node)],
            paths[id(node)],
            identifier(held),
            _root_metadata(held, include_optimizer=include_optimizer)
            if held is model
            else layer_metadata(held),
        )
        for held, node in held_by(model, objects.root).values()
        if isinstance(held, Layer)
    ]


def _paths(root: Node) -> dict[int, str]:
    paths = {id(root): "root"}
    queue = [root]
    for node in queue:
        for name, child in node.children.items():
            if id(child) not in paths:
                paths[id(child)] = f"{paths[id(node)]}.{name}"
                queue.append(child)
    return paths


def layer_metadata(layer: Layer) -> dict[str, Any]:
    """Return the metadata of one layer."""
    found = {
        "name": layer.name,
        "trainable": layer.trainable,
        "expects_training_arg": _expects_training(layer),
        "dtype": _policy(layer.dtype_policy),
        "batch_input_shape": layer.batch_input_shape,
        "stateful": layer.stateful,
        "must_restore_from_config": False,
        "preserve_input_structure_in_config": False,
        "autocast": True,
        "class_name": class_name(layer),
        "config": config_of(layer),
    }
    if isinstance(layer, InputLayer):
        kept = ("class_name", "name", "dtype", "batch_input_shape", "config")
        return {key: found[key] for key in kept} | {"sparse": False, "ragged": False}
    if isinstance(layer, Model):
        return found | _model_metadata(layer)
    shape = layer.built_shape
    return found | ({} if shape is None else {"build_input_shape": _shapes(shape)})


def _shapes(shape: Any) -> Any:
    """Return the TensorShape of one input, or a list of them, with an open batch size."""
    return map_shapes(TensorShape, shape if is_shape(shape) else list(shape))


def _expects_training(layer: Layer) -> bool:
    return isinstance(layer, Model) or "training" in inspect.signature(layer.call).parameters


def _policy(name: str) -> Any:
    if not name.startswith("mixed_"):
        return name
    return {"class_name": "Policy", "config": {"name": name}}


def config_of(layer: Layer) -> Any:
    """Return the config; an empty one if the class defines none."""
    inherited = type(layer).get_config in (Model.get_config, Sequential.get_config)
    try:
        if isinstance(layer, Model) and layer.graph is not None and inherited:
            return layer.graph_config()
        return stated_config(layer, serialize_layer)
    except NotImplementedError:  # tf_keras also writes an empty config then
        return {}


def _model_metadata(model: Model) -> dict[str, Any]:
    specs = input_specs(model)
    flat = list(leaves(specs))
    return {
        "autocast": False,
        "is_graph_network": model.graph is not None,
        "build_input_shape": TensorShape(flat[0].shape)
        if len(flat) == 1
        else [TensorShape(spec.shape) for spec in flat],
        "full_save_spec": ([specs], {}),
        "save_spec": specs,
        "keras_version": KERAS_VERSION,
        "backend": BACKEND,
    }


def _root_metadata(model: Model, *, include_optimizer: bool) -> dict[str, Any]:
    found = layer_metadata(model)
    if model.graph is not None:
        found["model_config"] = {key: found[key] for key in ("class_name", "config")}
    if include_optimizer and model.compiled is not None:
        found["training_config"] = training_config(model.compiled)
    return found


def input_specs(model: Model) -> Any:
    """Return the specs of a model's inputs, in nested structure, with the signature's names."""
    symbols = model.called_on if model.graph is None else model.graph.inputs
    names = iter(input_names(model))
    batch = next(_fixed_batch(model), None)

    def spec(symbol: Any) -> Spec:
        length = symbol.shape[0] if batch is None else batch
        return Spec(next(names), (length, *symbol.shape[1:]), np.dtype(symbol.dtype))

    return _mapped(spec, symbols)


def _mapped(function: Any, structure: Any) -> Any:
    """Return the structure with each leaf replaced, in the order of `leaves`."""
    if isinstance(structure, dict):
        return {key: _mapped(function, structure[key]) for key in sorted(structure)}
    several = isinstance(structure, list | tuple)
    return [_mapped(function, one) for one in structure] if several else function(structure)


def _fixed_batch(model: Model) -> Iterator[int]:
    """Yield the batch sizes that nested stateful layers require."""
    for layer in model.flatten_layers():
        if isinstance(layer, Recurrent) and layer.states:
            yield int(layer.states[0].shape[0])
        elif isinstance(layer, InputLayer) and layer.batch_input_shape is not None:
            yield from (size for size in layer.batch_input_shape[:1] if size is not None)


def input_names(model: Model) -> list[str]:
    """Return the signature's names of the inputs: their layers' names, or tf_keras's defaults."""
    return model.graph.input_names if model.graph else pseudo_names(model.called_on, "input_")
