"""keras_metadata.pb: Keras's metadata of each layer of a SavedModel, as JSON with types.

TensorFlow 2.0 to 2.4 stored the metadata with the objects in saved_model.pb.

Source: tf_keras/src/saving/legacy/saved_model/json_utils.py, and files that tf_keras 2.21 wrote.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from saveproof.reference_impl.config_types import checked
from saveproof.reference_impl.loading import at
from saveproof.reference_impl.nest import Shape
from saveproof.reference_impl.plain import json_text
from saveproof.reference_impl.saving.checkpoint.protos import MESSAGES, decoded, encoded
from saveproof.reference_impl.saving.errors import MissingPart, WrongPart
from saveproof.reference_impl.saving.json_text import json_value
from saveproof.reference_impl.saving.savedmodel.graphs.endpoints import Spec

PRODUCER, MIN_CONSUMER = 2, 1
SEQUENTIAL, NETWORK, MODEL = "_tf_keras_sequential", "_tf_keras_network", "_tf_keras_model"
KERAS_OBJECTS = "_tf_keras_"
"""Prefix of the identifiers of Keras objects."""

LAYER, INPUT_LAYER, RECURRENT = "_tf_keras_layer", "_tf_keras_input_layer", "_tf_keras_rnn_layer"


@dataclass(frozen=True, slots=True)
class ObjectMetadata:
    """Metadata of an object: number and path in the object graph, identifier, and JSON."""

    number: int
    path: str
    identifier: str
    metadata: Mapping[str, Any]


class LayerMetadata(TypedDict, total=False):
    """The keys of a layer's metadata that are read; the root also has the compile settings."""

    name: str
    class_name: str
    trainable: bool
    config: Mapping[str, Any] | None
    is_graph_network: bool
    training_config: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class TensorShape:
    """A shape that TensorFlow reads as a TensorShape."""

    shape: Shape


def encoded_metadata(objects: Sequence[ObjectMetadata]) -> bytes:
    """Return the bytes of keras_metadata.pb."""
    message = MESSAGES["SavedMetadata"]()
    for item in objects:
        node = message.nodes.add()
        node.node_id, node.node_path, node.identifier = item.number, item.path, item.identifier
        node.metadata = json_text(_typed(item.metadata))
        node.version.producer, node.version.min_consumer = PRODUCER, MIN_CONSUMER
    return encoded(message)


def _typed(value: Any) -> Any:
    """Return the value with type names for types that JSON lacks."""
    if isinstance(value, TensorShape):
        return {"class_name": "TensorShape", "items": list(value.shape)}
    if isinstance(value, Spec):
        parts = (TensorShape(value.shape), str(value.dtype), value.name)
        serialized = _typed(parts)
        return {"class_name": "TypeSpec", "type_spec": "tf.TensorSpec", "serialized": serialized}
    if isinstance(value, tuple):
        return {"class_name": "__tuple__", "items": [_typed(item) for item in value]}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _typed(item) for key, item in value.items()}
    return value


def decoded_metadata(data: bytes, *, where: str) -> dict[int, ObjectMetadata]:
    """Return the metadata in keras_metadata.pb by the objects' numbers in the object graph.

    Raises:
        UnreadableFile, WrongPart: naming `where`, if it is invalid.
        MissingPart: if it has no metadata of the model.
    """
    nodes = decoded("SavedMetadata", data, where=where).nodes
    found = {
        node.node_id: _object(node.node_id, node.node_path, node.identifier, node.metadata, where)
        for node in nodes
    }
    return _with_model(found, where)


def metadata_in_graph(graph: Any, *, where: str) -> dict[int, ObjectMetadata]:
    """Return the metadata in a SavedObjectGraph of TensorFlow 2.0 to 2.4.

    Raises:
        WrongPart: naming `where`, if it is not JSON.
        MissingPart: if it has no metadata of the model.
    """
    found = {
        number: _object(number, f"object {number}", kept.identifier, kept.metadata, where)
        for number, kept in enumerate(node.user_object for node in graph.nodes)
        if kept.identifier.startswith(KERAS_OBJECTS) and kept.metadata
    }
    return _with_model(found, where)


def _object(number: int, path: str, identifier: str, text: str, where: str) -> ObjectMetadata:
    metadata = json_value(text, where=f"{where}: {path!r}")
    if not isinstance(metadata, dict):
        raise WrongPart(f"{where}: {path!r}: expected a JSON object")
    with at(path):
        return ObjectMetadata(number, path, identifier, checked(_untyped(metadata), LayerMetadata))


def _with_model(found: dict[int, ObjectMetadata], where: str) -> dict[int, ObjectMetadata]:
    if 0 not in found:
        raise MissingPart(
            f"{where}: no Keras metadata of the model: Keras's model.save() did not write this "
            "SavedModel; load it with tf.saved_model.load()"
        )
    return found


def _untyped(value: Any) -> Any:
    """Return the value with tuples and shapes as lists; specs as {shape, dtype, name}."""
    if isinstance(value, list):
        return [_untyped(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("class_name")
    if kind in ("__tuple__", "TensorShape") and set(value) == {"class_name", "items"}:
        return _untyped(value["items"])
    if kind == "TypeSpec" and "serialized" in value:
        shape, dtype, name = (*_untyped(value["serialized"]), None, None)[:3]
        return {"shape": shape, "dtype": dtype, "name": name}
    return {key: _untyped(item) for key, item in value.items()}
