"""SavedModels as TensorFlow 2.0 to 2.4 wrote them: made from our own."""

import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.layers.serialization import UnknownLayer
from saveproof.reference_impl.optimizers import legacy
from saveproof.reference_impl.saving.checkpoint.bundle_writer import write_bundle
from saveproof.reference_impl.saving.checkpoint.object_graph import tensors_of
from saveproof.reference_impl.saving.checkpoint.protos import decoded, encoded
from saveproof.reference_impl.saving.errors import MissingPart, WrongPart
from saveproof.reference_impl.saving.savedmodel import saved_models
from saveproof.reference_impl.saving.savedmodel.writer import (
    GRAPH_FILE,
    METADATA_FILE,
    VARIABLES,
    write_saved_model,
)
from tests.reference_impl.checkpoint_models import trained


def write_older(parts, folder):
    """Write a SavedModel as TensorFlow 2.0 did: metadata in the graph, layers counted from 1."""
    root = parts.objects.root
    by_number = [name for name in root.children if name.startswith("layer-")]
    older = {name: f"layer-{int(name.removeprefix('layer-')) + 1}" for name in by_number}
    root.children = {older.get(name, name): child for name, child in root.children.items()}
    write_saved_model(parts, folder)
    write_bundle(folder / VARIABLES, tensors_of(root))
    saved = decoded("SavedModel", (folder / GRAPH_FILE).read_bytes(), where="here")
    metadata = decoded("SavedMetadata", (folder / METADATA_FILE).read_bytes(), where="here")
    for kept in metadata.nodes:
        node = saved.meta_graphs[0].object_graph_def.nodes[kept.node_id]
        node.user_object.metadata = kept.metadata
    (folder / GRAPH_FILE).write_bytes(encoded(saved))
    (folder / METADATA_FILE).unlink()


def test_a_saved_model_with_its_metadata_in_the_graph_is_read(tmp_path, monkeypatch):
    layers = [keras.layers.Dense(3, input_shape=(4,)), keras.layers.Dropout(0.0)]
    model = keras.Sequential([*layers, keras.layers.Dense(2)])
    model.layers[1].trainable = False
    model.compile(legacy.Adam(0.01, decay=0.1), "mse")
    trained(model, "chain", steps=2)
    monkeypatch.setattr(saved_models, "write_saved_model", write_older)
    model.save(tmp_path / "saved")

    again = keras.models.load_model(tmp_path / "saved")

    assert [layer.trainable for layer in again.layers] == [True, False, True]
    assert [variable.value.tobytes() for variable in again.optimizer.variables] == [
        variable.value.tobytes() for variable in model.optimizer.variables
    ]
    assert trained(again, "chain", steps=3) == trained(model, "chain", steps=3)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [(b"", "did not write this SavedModel"), (b"{", "not JSON"), (b"[]", "JSON object")],
)
def test_metadata_in_the_graph_that_is_none_is_refused(metadata, message, tmp_path, monkeypatch):
    monkeypatch.setattr(saved_models, "write_saved_model", write_older)
    keras.Sequential([keras.layers.Dense(3, input_shape=(4,))]).save(tmp_path / "saved")
    saved = decoded("SavedModel", (tmp_path / "saved" / GRAPH_FILE).read_bytes(), where="here")
    saved.meta_graphs[0].object_graph_def.nodes[0].user_object.metadata = metadata
    (tmp_path / "saved" / GRAPH_FILE).write_bytes(encoded(saved))

    with pytest.raises((MissingPart, WrongPart), match=message):
        keras.models.load_model(tmp_path / "saved")


def test_an_unknown_class_is_said_to_be_where_the_metadata_is(tmp_path, monkeypatch):
    class Own(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    model = keras.Sequential([keras.layers.Dense(3, input_shape=(4,)), Own()])
    model.save(tmp_path / "newer")
    monkeypatch.setattr(saved_models, "write_saved_model", write_older)
    model.save(tmp_path / "older")

    for folder, file in (("newer", METADATA_FILE), ("older", GRAPH_FILE)):
        with pytest.raises(UnknownLayer, match=rf"{folder}: {file}\..*unknown class 'Own'"):
            keras.models.load_model(tmp_path / folder)
