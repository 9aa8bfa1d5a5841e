"""What a file or a configuration may ask for, how more is allowed, and what is refused at once."""

import json
import os
import socket
import zipfile

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.engine import graph_config
from saveproof.reference_impl.limits import SLACK, TooLarge, building
from saveproof.reference_impl.saving.checkpoint.bundle_reader import open_bundle
from saveproof.reference_impl.saving.checkpoint.bundle_writer import write_bundle
from saveproof.reference_impl.saving.checkpoint.protos import MESSAGES
from saveproof.reference_impl.saving.errors import (
    LeadsOutside,
    NotReadHere,
    UnreadableFile,
    WrongPart,
)
from saveproof.reference_impl.saving.json_text import DEEPEST, json_value
from saveproof.reference_impl.saving.savedmodel.graph_import.definitions import (
    DEEPEST as DEEPEST_CALLS,
)
from saveproof.reference_impl.saving.savedmodel.graph_import.steps import MOST_CALLS, Steps
from saveproof.reference_impl.saving.savedmodel.graphs.attributes import array_of
from saveproof.reference_impl.saving.savedmodel.writer import INDEX, VARIABLES
from saveproof.reference_impl.saving.sources import member_of
from saveproof.reference_impl.state import NamedArray
from saveproof.reference_impl.utils import allow_size

BILLION = 10**9


def model(units=2):
    keras.backend.clear_session()
    return keras.Sequential([keras.layers.Dense(units, input_shape=(2,), name="d")], name="m")


def test_a_configuration_may_not_ask_for_more_than_the_limit():
    text = model().to_json().replace('"units": 2', f'"units": {BILLION}')

    with pytest.raises(TooLarge, match=r"layer 'd': weight 'kernel'.*found 8000000000.*allow_size"):
        keras.models.model_from_json(text)
    with pytest.raises(TooLarge):
        keras.Sequential.from_config(json.loads(text)["config"])


def test_the_limit_is_of_all_layers_together_and_can_be_lifted(monkeypatch):
    monkeypatch.setattr("saveproof.reference_impl.limits.LARGEST_MODEL", 100)
    text = keras.Sequential([keras.layers.Dense(4, input_shape=(4,)), keras.layers.Dense(4)])
    text = text.to_json()

    with pytest.raises(TooLarge):
        keras.models.model_from_json(text)
    with allow_size(1000):
        keras.models.model_from_json(text)


def test_a_model_in_code_has_no_limit(monkeypatch):
    monkeypatch.setattr("saveproof.reference_impl.limits.LARGEST_MODEL", 100)
    made = model(1000)

    assert keras.models.clone_model(made).weights[0].shape == (2, 1000)


@pytest.mark.parametrize("name", ["m.h5", "m.keras", "m"])
def test_a_configuration_may_not_ask_for_far_more_than_the_file_holds(tmp_path, monkeypatch, name):
    made = model(2000)
    made.save(tmp_path / name)
    keras.models.load_model(tmp_path / name)

    def less(*, held):
        return building(held=held - 20_000 - SLACK)

    for module in ("model_state.restore", "savedmodel.saved_models"):
        monkeypatch.setattr(f"saveproof.reference_impl.saving.{module}.building", less)

    with pytest.raises(TooLarge, match="for a file with"):
        keras.models.load_model(tmp_path / name)


def test_a_compressed_member_may_expand_as_far_as_is_allowed(tmp_path):
    model().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content + b" " * (SLACK if name == "config.json" else 0))

    with pytest.raises(TooLarge, match=r"member 'config\.json'"):
        keras.models.load_model(tmp_path / "m.keras")
    with allow_size(2 * SLACK):
        keras.models.load_model(tmp_path / "m.keras")


def test_an_archive_compressed_otherwise_than_deflated_is_refused_by_name(tmp_path):
    model().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_BZIP2) as archive:
        for name, content in members.items():
            archive.writestr(name, content)

    with pytest.raises(NotReadHere, match="an uncompressed or deflated member"):
        keras.models.load_model(tmp_path / "m.keras")


def lists(depth):
    return "[" * depth + "]" * depth


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (lists(DEEPEST + 2), "depth"),
        (lists(100_000), "depth"),
        ('{"a": ' + "1" * 10_000 + "}", "not JSON: .*digits"),
        ("[" + "[]," * (1 << 20) + "0]", "values"),
        (b"\xff\xfe\xfa", "not JSON"),
    ],
)
def test_json_that_is_too_deep_or_too_long_is_refused(text, message):
    with pytest.raises(WrongPart, match=f"^file: .*{message}"):
        json_value(text, where="file")


def test_json_as_deep_as_it_may_be_is_read():
    assert json_value(lists(DEEPEST + 1), where="file")


def weights(source):
    model().load_weights(source)


LOADS = {
    "m.h5": keras.models.load_model,
    "m.keras": keras.models.load_model,
    "m": keras.models.load_model,
    "w.h5": weights,
    "w.weights.h5": weights,
    "w.weights.json": weights,
    "w.keras": weights,
    "ckpt.index": lambda source: weights(source.with_suffix("")),
    "ckpt.data-00000-of-00001": lambda source: weights(source.with_suffix("")),
    "sm/saved_model.pb": lambda source: keras.models.load_model(source.parent),
    "sm/keras_metadata.pb": lambda source: keras.models.load_model(source.parent),
    "sm/fingerprint.pb": lambda source: keras.models.load_model(source.parent),
    "sm/variables/variables.index": lambda source: keras.models.load_model(source.parents[1]),
}


def fifo(target):
    os.mkfifo(target)


def device(target):
    target.symlink_to("/dev/zero")


def unix_socket(target):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(target))


@pytest.mark.parametrize("kind", [fifo, device, unix_socket])
@pytest.mark.parametrize("name", LOADS)
def test_a_fifo_a_device_and_a_socket_are_refused_at_once(tmp_path, monkeypatch, name, kind):
    monkeypatch.chdir(tmp_path)
    model().save_weights(tmp_path / "ckpt")
    model().save(tmp_path / "sm")
    (tmp_path / name).unlink(missing_ok=True)
    kind(tmp_path / name)

    # A link that leads out of a SavedModel is not even looked at.
    with pytest.raises((UnreadableFile, LeadsOutside), match=r"a regular file|which is outside"):
        LOADS[name](tmp_path / name)


def with_members(folder, members):
    """Have the index of a SavedModel name these files."""
    bundle = open_bundle(folder / VARIABLES)
    tensors = {key: bundle.read(key) for key in bundle.entries}
    index = np.empty((), object)
    index[()] = json.dumps({**json.loads(tensors[INDEX].item()), "members": members}).encode()
    tensors[INDEX] = index
    write_bundle(folder / VARIABLES, [NamedArray(key, value) for key, value in tensors.items()])


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/hostname", "..", "", "assets/x", "link"])
def test_a_saved_model_s_index_names_files_in_the_folder_only(tmp_path, name):
    (tmp_path / "outside.txt").write_text("secret")
    model().save(tmp_path / "sm")
    (tmp_path / "sm" / "link").symlink_to(tmp_path / "outside.txt")
    with_members(tmp_path / "sm", {name: "0"})

    with pytest.raises(LeadsOutside, match="expected the name of a file"):
        keras.models.load_model(tmp_path / "sm")


@pytest.mark.parametrize("name", ["../w.h5", "/w.h5", "..", "link.h5", "round.h5"])
def test_an_index_of_shards_names_files_in_the_folder_only(tmp_path, name):
    folder = tmp_path / "folder"
    folder.mkdir()
    model().save_weights(tmp_path / "w.h5")
    (folder / "link.h5").symlink_to(tmp_path / "w.h5")
    (folder / "round.h5").symlink_to(folder / "round.h5")
    index = folder / "w.weights.json"
    index.write_text(json.dumps({"weight_map": {"/layers/dense/vars": [name]}}))

    with pytest.raises(LeadsOutside, match="expected the name of a file"):
        weights(index)


def test_a_folder_of_links_into_a_cache_is_read(tmp_path):
    """As the caches of downloads are: each file links to where all of them, the index too, are."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "snapshot").mkdir()
    for name in ("index.json", "shard.h5"):
        (tmp_path / "blobs" / name[0]).write_text("")
        (tmp_path / "snapshot" / name).symlink_to(tmp_path / "blobs" / name[0])
    snapshot = tmp_path / "snapshot"

    found = member_of(snapshot, "shard.h5", index=snapshot / "index.json")
    assert found == snapshot / "shard.h5"


def chain(count, order):
    """Return the config of Activation layers, each on the one before, and a shared one's calls."""
    layers = [
        {
            "class_name": "Activation",
            "config": {"name": f"l{n}", "activation": "relu"},
            "name": f"l{n}",
            "inbound_nodes": [[[f"l{n - 1}" if n else "i", 0, 0, {}]]],
        }
        for n in range(count)
    ]
    inputs = {
        "class_name": "InputLayer",
        "config": {"name": "i", "batch_input_shape": [None, 4]},
        "name": "i",
        "inbound_nodes": [],
    }
    return {
        "name": "g",
        "layers": [inputs, *layers][::order],
        "input_layers": [["i", 0, 0]],
        "output_layers": [[f"l{count - 1}", 0, 0]],
    }


def test_layers_in_reverse_order_are_looked_at_as_often_as_in_order(monkeypatch):
    seen = []
    original = graph_config.call_of
    monkeypatch.setattr(graph_config, "call_of", lambda *call: seen.append(0) or original(*call))
    counts = []
    for order in (1, -1):
        keras.backend.clear_session()
        seen.clear()
        made = keras.Model.from_config(chain(50, order))
        counts.append(len(seen))
        assert [layer.name for layer in made.layers] == ["i", *(f"l{n}" for n in range(50))]

    assert counts[0] == counts[1]


def test_a_graph_may_be_deeper_than_python_recurses():
    made = keras.Model.from_config(chain(3000, 1))

    assert len(made.layers) == 3001


def test_a_constant_of_a_graph_is_not_larger_than_a_configuration_may_ask_for():
    message = MESSAGES["TensorProto"](dtype=1, float_val=[1.0])
    message.tensor_shape.dim.add(size=10**10)

    with building(), pytest.raises(TooLarge, match="a constant of the graph"):
        array_of(message, where="graph")


def test_functions_that_call_each_other_without_end_are_refused():
    steps = Steps()

    with pytest.raises(NotReadHere, match="nested calls, found more"):
        steps.calls("f", DEEPEST_CALLS + 1)
    for _ in range(MOST_CALLS):
        steps.calls("f", 1)
    with pytest.raises(NotReadHere, match="expected up to 10000 calls"):
        steps.calls("f", 1)
