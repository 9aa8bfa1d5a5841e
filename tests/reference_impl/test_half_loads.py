"""A load that is refused leaves a live model as it was: in every way to load, whatever is wrong."""

import json
import zipfile
from functools import partial

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saveproof import reference_impl as keras
from saveproof.reference_impl.loading import LoadError, Located
from saveproof.reference_impl.saving.checkpoint.bundle_reader import open_bundle
from saveproof.reference_impl.saving.checkpoint.bundle_writer import write_bundle
from saveproof.reference_impl.saving.checkpoint.object_graph import GRAPH_KEY
from saveproof.reference_impl.saving.checkpoint.protos import MESSAGES
from saveproof.reference_impl.saving.errors import UnwritableName
from saveproof.reference_impl.saving.model_state.restore import WeightsMismatch
from saveproof.reference_impl.state import NamedArray
from tests.reference_impl.damaged_files import damaged_hdf5, damaged_tensors, state_of, text_tensor
from tests.reference_impl.malformed_files import functional, sequential, write_members

FEW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

FILES = ("w.weights.h5", "w.h5", "m.h5", "m.keras", "ckpt")


def live_model(make, *, trained=True):
    """Return a model of other values than those saved, with or without optimizer state."""
    keras.backend.clear_session()
    model = make()
    if not trained:
        optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
        model.compile(optimizer, "mse", [["mae"] for _ in model.outputs])
    for weight in model.weights:
        weight.assign(np.full(weight.shape, 2))
    return model


class Live:
    """A live model, and what a damaged file leaves of it."""

    def __init__(self, make, folder):
        self.make, self.folder = make, folder
        self.models = {}
        keras.backend.clear_session()
        source = make()
        for name in FILES:
            save = source.save if name.startswith("m") else source.save_weights
            save(folder / name)

    def model(self, *, trained):
        if trained not in self.models:
            self.models[trained] = live_model(self.make, trained=trained)
        return self.models[trained]

    def damaged(self, name, draw):
        """Write a damaged copy of a file; return it."""
        source, target = self.folder / name, self.folder / f"damaged-{name}"
        if name == "ckpt":
            bundle = open_bundle(source)
            tensors = [NamedArray(key, bundle.read(key)) for key in bundle.entries]
            write_bundle(target, damaged_tensors(tensors, draw)[0])
        elif name.endswith(".keras"):
            with zipfile.ZipFile(source) as members:
                data = {key: members.read(key) for key in members.namelist()}
            data["model.weights.h5"], _ = damaged_hdf5(data["model.weights.h5"], draw)
            write_members(data, target)
        else:
            target.write_bytes(damaged_hdf5(source.read_bytes(), draw)[0])
        return target


@pytest.fixture(scope="module", params=[functional, sequential])
def live(request, tmp_path_factory):
    return Live(request.param, tmp_path_factory.mktemp("live"))


@FEW
@given(
    name=st.sampled_from(FILES),
    trained=st.booleans(),
    draw=st.randoms(use_true_random=False),
    by_name=st.booleans(),
)
def test_a_damaged_file_loads_or_is_refused_and_changes_nothing(live, name, trained, draw, by_name):
    try:
        source = live.damaged(name, draw)
    except UnwritableName:
        return
    model = live.model(trained=trained)
    before = state_of(model)

    try:
        model.load_weights(source, by_name=by_name and name in ("w.h5", "m.h5"))
    except Located:
        assert state_of(model) == before
    else:
        del live.models[trained]


@pytest.fixture
def model(tmp_path):
    """A trained model, beside the files of another one like it."""
    keras.backend.clear_session()
    source = functional()
    source.save_weights(tmp_path / "w.weights.h5")
    source.save_weights(tmp_path / "ckpt")
    return live_model(functional)


def edited_index(file, **changes):
    attributes = file["saveproof_state"].attrs
    index = {**json.loads(attributes["index"]), **changes}
    del attributes["index"]
    attributes["index"] = json.dumps(index)


def replaced(file, name, value):
    del file[name]
    file[name] = value


def last_slot(file):
    return f"optimizer/vars/{max(map(int, file['optimizer/vars']))}"


EDITS = {
    "own words are a list": partial(edited_index, own=[1]),
    "arrays are a number": partial(edited_index, arrays=3),
    "a flag is text": partial(edited_index, trainable=["yes"]),
    "a slot is opaque": lambda file: replaced(file, last_slot(file), np.zeros(1, "V3")),
    "a slot is text": lambda file: replaced(file, last_slot(file), np.zeros(1, "S2")),
    "the iteration is a half": lambda file: replaced(file, "optimizer/vars/0", 0.5),
    "the iteration is no number": lambda file: replaced(file, "optimizer/vars/0", np.nan),
    "a weight is text": lambda file: replaced(file, "layers/dense/vars/0", np.zeros((4, 3), "S3")),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_weights_file_is_refused_before_anything_is_set(model, tmp_path, edit):
    with h5py.File(tmp_path / "w.weights.h5", "a") as file:
        edit(file)
    before = state_of(model)

    with pytest.raises(LoadError, match=r"w\.weights\.h5: "):
        model.load_weights(tmp_path / "w.weights.h5")
    assert state_of(model) == before


def test_optimizer_state_that_is_left_leaves_an_optimizer_that_was_not_built(model, tmp_path):
    """Metrics of others, then an optimizer of others: neither building nor names remain."""
    other = live_model(functional, trained=False)
    with h5py.File(tmp_path / "w.weights.h5", "a") as file:
        replaced(file, last_slot(file), np.zeros((7,), "f4"))
    other.load_weights(tmp_path / "w.weights.h5")

    assert not other.optimizer.built
    assert len(other.optimizer.variables) == 1
    assert not other.compiled.ready
    del model


def test_a_key_of_two_variables_is_refused(model, tmp_path):
    bundle = open_bundle(tmp_path / "ckpt")
    tensors = {key: bundle.read(key) for key in bundle.entries}
    graph = MESSAGES["TrackableObjectGraph"]()
    graph.ParseFromString(tensors[GRAPH_KEY].item())
    slots = [
        attribute
        for node in graph.nodes
        for attribute in node.attributes
        if "/_variables/" in attribute.checkpoint_key
        and tensors[attribute.checkpoint_key].shape == (4, 3)
    ]
    slots[1].checkpoint_key = slots[0].checkpoint_key
    tensors[GRAPH_KEY] = text_tensor(graph.SerializeToString())
    write_bundle(tmp_path / "ckpt", [NamedArray(key, value) for key, value in tensors.items()])
    before = state_of(model)

    with pytest.raises(LoadError, match="expected one variable, found"):
        model.load_weights(tmp_path / "ckpt")
    assert state_of(model) == before


def test_what_a_deferred_restore_refuses_is_not_half_taken(tmp_path):
    """The slots are created at the first step: all of them take their values, or none does."""
    keras.backend.clear_session()
    functional().save_weights(tmp_path / "ckpt")
    bundle = open_bundle(tmp_path / "ckpt")
    tensors = {key: bundle.read(key) for key in bundle.entries}
    slots = sorted(key for key in tensors if "optimizer/_variables/" in key)
    tensors[slots[-1]] = text_tensor(b"no number")
    write_bundle(tmp_path / "ckpt", [NamedArray(key, value) for key, value in tensors.items()])
    model = live_model(functional, trained=False)
    model.load_weights(tmp_path / "ckpt")
    data = [np.ones((2, 4), "f4")] * 2, [np.ones((2, 2)), np.ones((2, 1))]

    with pytest.raises(WeightsMismatch, match="ckpt"):
        model.train_on_batch(*data)
    assert all(not slot.value.any() for slot in model.optimizer.variables[1:])


@pytest.mark.parametrize("last", [np.array(["x", "y"]), np.array([object(), None], object)])
def test_lists_of_weights_are_set_whole_or_not_at_all(last):
    layer = keras.layers.Dense(2)
    layer.build((None, 2))
    before = layer.get_weights()
    with pytest.raises((TypeError, ValueError)):
        layer.set_weights([np.ones((2, 2)), last])
    np.testing.assert_equal(layer.get_weights(), before)

    optimizer = keras.optimizers.SGD(momentum=0.9)
    optimizer.build(layer.weights)
    with pytest.raises((TypeError, ValueError)):
        optimizer.set_weights([np.ones((), np.int64), np.ones((2, 2)), last])
    assert not any(variable.value.any() for variable in optimizer.variables)
