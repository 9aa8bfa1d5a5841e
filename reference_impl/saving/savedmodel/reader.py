"""Reading of a Keras SavedModel: every part is checked before any is used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from saveproof.reference_impl.config_types import checked
from saveproof.reference_impl.loading import at
from saveproof.reference_impl.saving.checkpoint.bundle_reader import Bundle, open_bundle
from saveproof.reference_impl.saving.checkpoint.bundle_writer import index_file
from saveproof.reference_impl.saving.checkpoint.object_graph import GRAPH_KEY, Node, decoded_graph
from saveproof.reference_impl.saving.checkpoint.protos import decoded
from saveproof.reference_impl.saving.errors import (
    MissingPart,
    NotReadHere,
    WrongChecksum,
    WrongPart,
)
from saveproof.reference_impl.saving.hdf5.extras import Shapes
from saveproof.reference_impl.saving.json_text import json_value
from saveproof.reference_impl.saving.savedmodel.functions import Functions
from saveproof.reference_impl.saving.savedmodel.keras_metadata import (
    ObjectMetadata,
    decoded_metadata,
    metadata_in_graph,
)
from saveproof.reference_impl.saving.savedmodel.writer import (
    GRAPH_FILE,
    INDEX,
    METADATA_FILE,
    SCHEMA_VERSION,
    VARIABLES,
    digest,
)
from saveproof.reference_impl.saving.sources import bytes_of, member_of

OTHER_GRAPH_FILES = ("saved_model.pbtxt", "saved_model.cpb")
"""Names of graph files in other encodings, which are not supported."""


class SavedIndex(TypedDict):
    """The required keys in the index of the extra state."""

    members: Mapping[str, str]
    trainable: Sequence[bool]
    compiled_trainable: Sequence[bool]
    run_eagerly: bool | None
    output_shapes: Shapes
    optimized: Sequence[int]
    revival: Mapping[str, Any] | None
    output_names: NotRequired[Sequence[str] | None]


@dataclass(frozen=True, slots=True)
class SavedModelContents:
    """The content of a SavedModel.

    Attributes:
        folder: of the SavedModel.
        metadata: Keras's metadata of the model.
        root: of the object graph; the nodes' keys are those of `bundle`.
        bundle: the values.
        index: of the extra state; empty if another program wrote the SavedModel.
        layers: Keras's metadata of the model and its layers, by the `id` of their nodes.
        numbers: of the nodes in the graph's list of objects, by `id`.
        functions: of the graph.
        kept_in: the file with Keras's metadata.
    """

    folder: Path
    metadata: Mapping[str, Any]
    root: Node
    bundle: Bundle
    index: Mapping[str, Any]
    layers: Mapping[int, Mapping[str, Any]]
    numbers: Mapping[int, int]
    functions: Functions
    kept_in: str

    @property
    def training(self) -> Mapping[str, Any] | None:
        """The compile settings; None if the model was not compiled."""
        found: Mapping[str, Any] | None = self.metadata.get("training_config")
        return found


def read_saved_model(folder: Path) -> SavedModelContents:
    """Return the content of a SavedModel; values are read and verified later.

    Raises:
        FileNotFoundError: if the folder does not exist.
        UnreadableFile, MissingPart, WrongPart, WrongChecksum, NotReadHere: if it is not a Keras
            SavedModel, or a part of it is damaged.
    """
    files = _files(folder)
    bundle = open_bundle(folder / VARIABLES)
    index = _index(bundle, folder)
    check_members(files, index, folder)
    meta = _meta_graph(files[GRAPH_FILE], str(folder / GRAPH_FILE))
    metadata = _metadata(files, meta, folder)
    root = _checkpoint_graph(bundle)
    numbers = _numbers(meta.object_graph_def, root, bundle, folder)
    found = metadata[0].metadata
    if not isinstance(found.get("class_name"), str):
        raise MissingPart(f"{folder}: the metadata of the model has no class_name")
    layers = {
        node: metadata[number].metadata for node, number in numbers.items() if number in metadata
    }
    functions = Functions(meta, str(folder / GRAPH_FILE))
    kept_in = METADATA_FILE if METADATA_FILE in files else GRAPH_FILE
    return SavedModelContents(
        *(folder, found, root, bundle, index, layers, numbers, functions, kept_in)
    )


def _files(folder: Path) -> dict[str, bytes]:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: expected the folder of a SavedModel, found none")
    for name in OTHER_GRAPH_FILES:
        if (folder / name).exists() and not (folder / GRAPH_FILE).exists():
            raise NotReadHere(f"{folder}: expected {GRAPH_FILE!r}, found only {name!r}")
    if not (folder / GRAPH_FILE).exists():
        raise MissingPart(f"{folder}: no file {GRAPH_FILE!r}: not a SavedModel")
    present = [name for name in (GRAPH_FILE, METADATA_FILE) if (folder / name).exists()]
    return {name: bytes_of(folder / name) for name in present}


def _metadata(files: Mapping[str, bytes], meta: Any, folder: Path) -> dict[int, ObjectMetadata]:
    """Return Keras's metadata of each object, since TensorFlow 2.5 in a separate file."""
    if METADATA_FILE in files:
        return decoded_metadata(files[METADATA_FILE], where=str(folder / METADATA_FILE))
    return metadata_in_graph(meta.object_graph_def, where=str(folder / GRAPH_FILE))


def _index(bundle: Bundle, folder: Path) -> Mapping[str, Any]:
    """Return the index of the extra state; empty if there is none."""
    if INDEX not in bundle.entries:
        return {}
    where = f"{folder}: {INDEX!r}"
    text = bundle.read(INDEX)
    if text.shape or text.dtype.kind != "O":
        raise WrongPart(f"{where}: expected one string, found {text.dtype} of shape {text.shape}")
    index = json_value(text.item(), where=where)
    keys = SavedIndex.__required_keys__
    if not isinstance(index, dict) or not set(index) >= keys:
        raise MissingPart(f"{where}: expected {sorted(keys)}")
    with at(INDEX):
        found: Mapping[str, Any] = checked(index, SavedIndex)
    return found


def check_members(files: Mapping[str, bytes], index: Mapping[str, Any], folder: Path) -> None:
    """Compare the files with their digests in the index, if it has any.

    Raises:
        WrongChecksum, MissingPart: naming the first file that differs or is missing.
        LeadsOutside: for the name of a file outside the folder.
    """
    for name, expected in index.get("members", {}).items():
        member = member_of(folder, name, index=index_file(folder / VARIABLES))
        data = files.get(name)
        if data is None:
            try:
                data = bytes_of(folder / name)
            except FileNotFoundError:
                raise MissingPart(f"{folder}: no file {name!r}; its index names it") from None
        if digest(data) != expected:
            raise WrongChecksum(f"{member}: damaged: wrong checksum")


def _meta_graph(data: bytes, where: str) -> Any:
    saved = decoded("SavedModel", data, where=where)
    if saved.saved_model_schema_version != SCHEMA_VERSION:
        raise NotReadHere(
            f"{where}: expected schema version {SCHEMA_VERSION}, found "
            f"{saved.saved_model_schema_version}"
        )
    for meta in saved.meta_graphs:
        if "serve" in meta.meta_info_def.tags and meta.object_graph_def.nodes:
            return meta
    raise MissingPart(f"{where}: no graph tagged 'serve' with objects: not written by Keras")


def _checkpoint_graph(bundle: Bundle) -> Node:
    data = bundle.read(GRAPH_KEY)
    if data.shape or data.dtype.kind != "O":
        raise WrongPart(f"{bundle.prefix}: {GRAPH_KEY!r}: expected one string")
    return decoded_graph(data.item(), where=f"{bundle.prefix}: {GRAPH_KEY!r}")


def _numbers(graph: Any, root: Node, bundle: Bundle, folder: Path) -> dict[int, int]:
    """Return the number of each node in the graph's list of objects, by the node's `id`.

    Check that each variable's value has the shape and dtype declared there.
    """
    queue, seen = [(0, root)], {0}
    numbers: dict[int, int] = {}
    for number, node in queue:
        numbers.setdefault(id(node), number)
        described = graph.nodes[number]
        where = f"{folder / GRAPH_FILE}: object {number}"
        if node.key is not None:
            _check_value(described, node.key, bundle, where)
        for child in described.children:
            if not 0 <= child.node_id < len(graph.nodes):
                raise WrongPart(
                    f"{where}: expected one of {len(graph.nodes)} objects, "
                    f"found number {child.node_id}"
                )
            if child.node_id not in seen and child.local_name in node.children:
                seen.add(child.node_id)
                queue.append((child.node_id, node.children[child.local_name]))
    return numbers


def _check_value(described: Any, key: str, bundle: Bundle, where: str) -> None:
    if key not in bundle.entries:
        raise MissingPart(f"{bundle.prefix}: no tensor {key!r}; the object graph names it")
    if described.WhichOneof("kind") != "variable":
        return
    shape = tuple(dim.size for dim in described.variable.shape.dim)
    if shape != bundle.entries[key].shape:
        raise WrongPart(
            f"{where}: expected {key!r} of shape {shape}, found {bundle.entries[key].shape}"
        )
