"""What Keras keeps of each layer of a SavedModel, as JSON with types: keras_metadata.pb.

TensorFlow 2.0 to 2.4 kept it in saved_model.pb itself, with the objects.

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
"""How the identifiers of what Keras made begin."""

LAYER, INPUT_LAYER, RECURRENT = "_tf_keras_layer", "_tf_keras_input_layer", "_tf_keras_rnn_layer"


@dataclass(frozen=True, slots=True)
class ObjectMetadata:
    """What is kept of one object: its number and path in the object graph, its kind, its JSON."""

    number: int
    path: str
    identifier: str
    metadata: Mapping[str, Any]


class LayerMetadata(TypedDict, total=False):
    """What is kept of a layer, as far as it is read; the root has the compile settings, too."""

    name: str
    class_name: str
    trainable: bool
    config: Mapping[str, Any] | None
    is_graph_network: bool
    training_config: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class TensorShape:
    """A shape that is to be read as TensorFlow's own type."""

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
    """Return the value with its types named where JSON has none."""
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
    """Return what keras_metadata.pb keeps of each object, by its number in the object graph.

    Raises:
        UnreadableFile, WrongPart: naming `where`, if it is not that.
        MissingPart: if it says nothing of the model itself.
    """
    nodes = decoded("SavedMetadata", data, where=where).nodes
    found = {
        node.node_id: _object(node.node_id, node.node_path, node.identifier, node.metadata, where)
        for node in nodes
    }
    return _with_model(found, where)


def metadata_in_graph(graph: Any, *, where: str) -> dict[int, ObjectMetadata]:
    """Return what a SavedObjectGraph keeps of each object itself, as TensorFlow 2.0 to 2.4 wrote.

    Raises:
        WrongPart: naming `where`, if it is no JSON.
        MissingPart: if it says nothing of the model itself.
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
            f"{where}: no metadata of Keras for the model itself: the SavedModel was not written "
            "by Keras's model.save(); TensorFlow's tf.saved_model.load() reads others"
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
