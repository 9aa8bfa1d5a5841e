"""Saving and loading of SavedModels: graph, weights and Keras's metadata.

Source: https://www.tensorflow.org/guide/saved_model and
https://www.tensorflow.org/guide/keras/save_and_serialize#savedmodel_format.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from saveproof.reference_impl.config_types import checked
from saveproof.reference_impl.custom_objects import custom_object_scope
from saveproof.reference_impl.engine.flags import set_flags
from saveproof.reference_impl.engine.model import Model
from saveproof.reference_impl.engine.sequential import Sequential
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.serialization import (
    deserialize_layer,
    is_built_in,
    sharing_layers,
)
from saveproof.reference_impl.layers.symbolic import KerasTensor
from saveproof.reference_impl.limits import building
from saveproof.reference_impl.loading import MalformedEntry, at
from saveproof.reference_impl.saving.checkpoint.checkpoints import extra_tensors, extras_graph
from saveproof.reference_impl.saving.checkpoint.object_graph import Node, numbered, tensors_of
from saveproof.reference_impl.saving.checkpoint.restoration import Restoration
from saveproof.reference_impl.saving.errors import MissingPart
from saveproof.reference_impl.saving.format import SaveOptions
from saveproof.reference_impl.saving.model_state.assignments import WeightsMismatch
from saveproof.reference_impl.saving.model_state.capture import extras_of
from saveproof.reference_impl.saving.model_state.restore_training import paired_flags
from saveproof.reference_impl.saving.savedmodel.entries import GraphImport, entry_of
from saveproof.reference_impl.saving.savedmodel.graphs.endpoints import Endpoints, endpoints
from saveproof.reference_impl.saving.savedmodel.graphs.symbol import UntraceableOperation
from saveproof.reference_impl.saving.savedmodel.meta_graph import StoredVariable, meta_graph
from saveproof.reference_impl.saving.savedmodel.model_objects import (
    config_of,
    held_by,
    input_names,
    input_specs,
    metadata_of,
    objects_of,
)
from saveproof.reference_impl.saving.savedmodel.objects import Objects
from saveproof.reference_impl.saving.savedmodel.reader import SavedModelContents, read_saved_model
from saveproof.reference_impl.saving.savedmodel.revived import graph_entry, revived_config
from saveproof.reference_impl.saving.savedmodel.saved_training import (
    compile_as_saved,
    restore_metrics,
)
from saveproof.reference_impl.saving.savedmodel.writer import SavedModelParts, write_saved_model

_LOGGER = logging.getLogger(__name__)


def save_saved_model(model: Model, folder: Path, options: SaveOptions) -> None:
    """Write a model as a SavedModel, a folder that replaces the target.

    Raises:
        UntraceableOperation: if a graph cannot express a subclassed model's `call`.
    """
    include_optimizer = options.include_optimizer
    names = input_names(model)
    ends = endpoints(model, input_specs(model), names, model.output_names)
    objects = objects_of(model, ends, include_optimizer=include_optimizer)
    parts = SavedModelParts(
        meta_graph=meta_graph(
            ends.functions, _stored(ends, objects), ends.served_inputs, ends.served_outputs
        ),
        objects=objects,
        metadata=metadata_of(model, objects, include_optimizer=include_optimizer),
        index=_index(model, include_optimizer=include_optimizer),
        extras=extra_tensors(model),
    )
    write_saved_model(parts, folder)


def _stored(ends: Endpoints, objects: Objects) -> list[StoredVariable]:
    """Return the variables that the functions capture, with their keys in the checkpoint."""
    valued = [node for node in numbered(objects.root) if node.value is not None]
    keys = {
        id(node): tensor.name
        for node, tensor in zip(valued, tensors_of(objects.root)[:-1], strict=True)
    }
    return [
        StoredVariable(f"{number}/{variable.name}", variable.shape, variable.dtype, keys[id(node)])
        for number, (variable, node) in enumerate(zip(ends.captures, objects.bound, strict=True))
    ]


def _index(model: Model, *, include_optimizer: bool) -> dict[str, Any]:
    """Return the part of the extra state for an exact resume that JSON can represent."""
    compiled = model.compiled if include_optimizer else None
    extras = extras_of(model, compiled)
    return {
        "arguments": _arguments(model),
        "output_names": [] if compiled is None else compiled.names,
        "optimized": extras.optimized,
        "trainable": extras.trainable,
        "compiled_trainable": extras.compiled_trainable,
        "run_eagerly": extras.run_eagerly,
        "output_shapes": [] if compiled is None else compiled.shapes,
        "revival": _revival(model),
    }


def _arguments(model: Model) -> dict[str, Any] | None:
    """Return the constructor's arguments of a class that builds its graph, if they are plain."""
    if not model.makes_own_graph or type(model).get_config is not Model.get_config:
        return None
    try:
        return model.get_config()
    except NotImplementedError:  # It can be loaded only without its class.
        return None


def _revival(model: Model) -> dict[str, Any] | None:
    """Return how to load a model without a config and without its class, or why that fails.

    None for a graph with a config: all its layers have one and its class defines no other.
    """
    try:
        if model.graph is None and not isinstance(model, Sequential):
            return revived_config(model)
        plain = is_built_in(type(model)) and config_of(model)
        return None if plain else {"graph": graph_entry(model)}
    except (UntraceableOperation, NotImplementedError) as error:
        return {"refused": str(error)}


def load_saved_model(
    folder: Path,
    *,
    custom_objects: Mapping[str, Any] | None = None,
    compile_it: bool = True,
    graph_import: GraphImport | None = None,
) -> Model:
    """Load a model from a SavedModel that this package or Keras's `model.save` wrote.

    A subclassed model with an unknown class is loaded as a `Revived`, with its layers and weights
    and the steps of its call, which our own files contain, and which `graph_import` reads from the
    graphs of other writers.

    Raises:
        FileNotFoundError: if the folder does not exist.
        UnreadableFile, MissingPart, WrongPart, WrongChecksum, NotReadHere: if it is not a Keras
            SavedModel, or a part of it is damaged.
        UnknownLayer: for a class that must be passed in `custom_objects`.
        WeightsMismatch, OptimizerMismatch: if the parts of the SavedModel do not match.
    """
    saved = read_saved_model(folder)
    held = sum(entry.size for entry in saved.bundle.entries.values())
    with building(held=held), custom_object_scope(custom_objects or {}):
        with at(saved.kept_in):
            model = _made(saved, graph_import)
        _set_flags(model, saved)
        if compile_it and saved.training is not None:
            compile_as_saved(model, saved)
        else:
            saved.root.children.pop("optimizer", None)
        _restore(model, saved)
    return model


def _made(saved: SavedModelContents, graph_import: GraphImport | None) -> Model:
    """Return the model with fresh weights."""
    with sharing_layers():
        model = deserialize_layer(entry_of(saved, saved.root, graph_import))
    if not isinstance(model, Model):
        raise MalformedEntry(f"{saved.folder}: expected a model, found {type(model).__name__}")
    if not model.built:
        _build(model, saved)
    return model


def _build(model: Model, saved: SavedModelContents) -> None:
    """Create the weights by a call on zeros with the saved input shapes."""
    spec = saved.metadata.get("full_save_spec") or [[saved.metadata.get("save_spec")]]
    with at("full_save_spec"):
        given = checked(spec, Sequence[Any])[0][0]
        if given is None:
            raise MissingPart(f"{saved.folder}: model {model.name!r}: no saved input shape")
        model.build_for(_symbols_of(given))


def _symbols_of(structure: Any) -> Any:
    """Return symbolic tensors for the specs {shape, dtype, name} in a structure."""
    if isinstance(structure, list):
        return [_symbols_of(item) for item in structure]
    if set(structure) == {"shape", "dtype", "name"}:
        return KerasTensor(tuple(structure["shape"]), str(np.dtype(structure["dtype"])))
    return {key: _symbols_of(item) for key, item in structure.items()}


def _set_flags(model: Model, saved: SavedModelContents) -> None:
    if saved.index:
        set_flags(paired_flags(model, saved.index["trainable"]))
        return
    # A layer may have several nodes; only the first is matched by weights, the others by number.
    layers: dict[int, Node] = {}
    for held, node in held_by(model, saved.root).values():
        kept = saved.layers.get(id(node), {})
        if not isinstance(held, Layer) or "trainable" not in kept:
            continue
        if layers.setdefault(id(held), node) is node:
            held.set_own_trainable(bool(kept["trainable"]))


def _restore(model: Model, saved: SavedModelContents) -> None:
    """Restore every variable of the model.

    Raises:
        WeightsMismatch: if a variable has no value, or one of another shape or dtype.
        OptimizerMismatch: if the optimizer's state belongs to other variables or options.
    """
    extras = extras_graph(saved.bundle)
    restoration = Restoration(
        *(model, saved.bundle, saved.root, extras), optimized=saved.index.get("optimized")
    )
    restoration.start()
    incomplete = restoration.incomplete()
    restoration.stop()
    if incomplete:
        raise WeightsMismatch(
            f"{saved.folder}: layers {incomplete} lack weights: call() fails on zeros"
        )
    if restoration.unrestored():
        raise WeightsMismatch(
            f"{saved.folder}: no value for the variables {restoration.unrestored()} of model "
            f"{model.name!r}"
        )
    if not saved.index:
        _restore_states(model, saved)
        restore_metrics(model, saved)


def _restore_states(model: Model, saved: SavedModelContents) -> None:
    """Restore the states of stateful layers that tf_keras saved."""
    states = {id(state) for layer in model.flatten_layers() for state in layer.extra_state.values()}
    for held, node in held_by(model, saved.root).values():
        if id(held) in states and node.key is not None:
            held.assign(saved.bundle.read(node.key))
