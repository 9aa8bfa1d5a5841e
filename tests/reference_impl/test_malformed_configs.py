"""What a configuration has wrong: one class of errors, which says where and what."""

import json
import zipfile
from copy import deepcopy

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saveproof import reference_impl as keras
from saveproof.reference_impl.layers import Layer
from saveproof.reference_impl.layers.serialization import UnknownLayer
from saveproof.reference_impl.loading import LoadError, Located, MalformedEntry
from tests.reference_impl.malformed_files import (
    documents,
    functional,
    mutated,
    part_at,
    sequential,
    subclassed,
)

FEW = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module", params=[functional, sequential, subclassed])
def saved(request, tmp_path_factory):
    """Every JSON document of every format of a model."""
    keras.backend.clear_session()
    return list(documents(request.param(), tmp_path_factory.mktemp("saved")))


def test_every_document_loads_as_it_is(saved):
    for document in saved:
        document.load(document.content)


@FEW
@given(draw=st.randoms(use_true_random=False))
def test_a_changed_document_loads_or_is_refused_in_one_class(saved, draw):
    document = draw.choice(saved)
    changed, _ = mutated(document.content, draw)

    try:
        document.load(changed)
    except Located:
        return


@pytest.fixture(scope="module")
def entry():
    keras.backend.clear_session()
    entry = json.loads(functional().to_json())
    order = {layer["name"]: layer for layer in entry["config"]["layers"]}
    entry["config"]["layers"] = [
        order[name] for name in ("one", "other", "s", "c", "b", "d", "inner", "left", "right")
    ]
    return entry


LAYERS = ("config", "layers")


@pytest.mark.parametrize(
    ("place", "other", "message"),
    [
        ((*LAYERS, 2, "config", "units"), "3", "config.layers[2].config.units: expected an int"),
        ((*LAYERS, 2, "config", "units"), True, "config.layers[2].config.units: expected an int"),
        ((*LAYERS, 2, "config", "units"), -3, "config.layers[2].config: cannot construct Dense"),
        ((*LAYERS, 2, "config", "use_bias"), "no", "config.use_bias: expected true or false"),
        ((*LAYERS, 2, "config", "trainable"), {}, "config.trainable: expected true or false"),
        ((*LAYERS, 2, "config", "name"), 7, "config.name: expected a string or None, found 7"),
        ((*LAYERS, 2, "config", "kernel_initializer", "class_name"), 1, "kernel_initializer.class"),
        (
            (*LAYERS, 2, "config", "kernel_initializer", "config"),
            {"seed": "x"},
            "config.layers[2].config.kernel_initializer.config.seed: expected an integer",
        ),
        ((*LAYERS, 2, "config", "kernel_regularizer"), [1], "config.kernel_regularizer: regul"),
        ((*LAYERS, 2, "class_name"), None, "config.layers[2].class_name: expected a string, found"),
        ((*LAYERS, 2, "name"), "one", "expected unique names, found two layers named 'one'"),
        ((*LAYERS, 2, "inbound_nodes"), {"x": 1}, "config.layers[2].inbound_nodes: expected a"),
        ((*LAYERS, 2, "inbound_nodes", 0), "one", "inbound_nodes[0]: expected [layer, "),
        ((*LAYERS, 2, "inbound_nodes", 0, 0), "one", "inbound_nodes[0]: expected [layer, "),
        ((*LAYERS, 2, "inbound_nodes", 0, 0, 0), "gone", "inbound_nodes[0]: no layer 'gone'"),
        ((*LAYERS, 2, "inbound_nodes", 0, 0, 1), -1, "inbound_nodes[0]: expected a call of"),
        ((*LAYERS, 2, "inbound_nodes", 0, 0, 2), -1, "inbound_nodes[0]: expected a call of"),
        ((*LAYERS, 2, "inbound_nodes", 0, 0, 2), 1, "'one': expected an output number below 1"),
        ((*LAYERS, 2, "inbound_nodes", 0, 0, 1), 1.5, "inbound_nodes[0][1]: expected an int"),
        ((*LAYERS, 2, "inbound_nodes", 0, 0, 0), "s", "the calls of ['b', 'c', 'd', 'inner',"),
        (("config", "output_layers"), "left", "config.output_layers: expected [layer, number"),
        (("config", "output_layers", 0, 2), -1, "config.output_layers: expected a call of"),
        (("config", "input_layers", 0), None, "config.input_layers: expected [layer, number"),
        (
            (*LAYERS, 0, "config", "batch_input_shape"),
            [None, -4],
            "config.layers[0].config: cannot",
        ),
        ((*LAYERS, 0, "config", "batch_input_shape"), [None, "4"], "batch_input_shape[1]: exp"),
        (("config", "layers"), {}, "config.layers: expected a list"),
        (("config",), [], "config: expected a mapping, found []"),
        ((*LAYERS, 6, "config", "layers"), [], "'inner': Sequential defines no call()"),
        ((*LAYERS, 6, "config", "layers", 0), 3, "config.layers[6].config.layers[0]: layer ent"),
    ],
)
def test_an_error_says_where_and_what(entry, place, other, message):
    changed = deepcopy(entry)
    part_at(changed, place[:-1])[place[-1]] = other

    with pytest.raises(LoadError) as raised:
        keras.models.model_from_config(changed)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    "text", ["", "[" * 100_000, "{", '{"class_name": ' + "9" * 5000 + "}", "[]", "null", '"x"']
)
def test_text_that_is_no_model_is_malformed(text):
    with pytest.raises(MalformedEntry):
        keras.models.model_from_json(text)


def test_a_positional_argument_that_is_not_read_is_refused(tmp_path):
    inputs = keras.Input((3,), name="i")
    model = keras.Model(inputs, keras.layers.Dense(2, name="d")(inputs))
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as members:
        entry = json.loads(members.read("config.json"))
    node = entry["config"]["layers"][1]["inbound_nodes"][0]
    node["args"].append(node["args"][0])

    with pytest.raises(MalformedEntry, match="expected at most 1 positional arguments"):
        keras.models.model_from_config(entry)


def test_a_class_of_another_package_is_not_the_built_in_one_of_its_name():
    entry = {"module": "my.layers", "class_name": "Dense", "config": {"units": 2, "name": "d"}}
    sequential_entry = {"class_name": "Sequential", "config": {"name": "s", "layers": [entry]}}

    with pytest.raises(UnknownLayer, match=r"config\.layers\[0\].*'Dense'"):
        keras.models.model_from_config(sequential_entry)
    initializer = {"module": "my.start", "class_name": "Zeros", "config": {}}
    with pytest.raises(LoadError, match="Zeros"):
        keras.initializers.get(initializer)


class OwnError(Exception):
    """An error of the user's own."""


class Scale(Layer):
    """A layer that raises what it is told to."""

    def __init__(self, error="none", **kwargs):
        super().__init__(**kwargs)
        if error == "own":
            raise OwnError("not today")
        if error != "none":
            raise {"type": TypeError, "memory": MemoryError, "stop": KeyboardInterrupt}[error]("no")

    def get_config(self):
        return {**super().get_config(), "error": "none"}


def loaded_scale(error):
    entry = {"class_name": "Scale", "config": {"name": "x", "error": error}}
    model = {"class_name": "Sequential", "config": {"name": "s", "layers": [entry]}}
    return keras.models.model_from_config(model, custom_objects={"Scale": Scale})


def test_an_error_of_a_custom_class_says_which_class_raised_what():
    with pytest.raises(
        MalformedEntry, match=r"layers\[0\].config: cannot construct Scale: TypeError: no"
    ) as raised:
        loaded_scale("type")
    assert type(raised.value.__cause__) is TypeError


@pytest.mark.parametrize(
    ("error", "kind"), [("own", OwnError), ("memory", MemoryError), ("stop", KeyboardInterrupt)]
)
def test_errors_that_are_not_of_the_data_stay_what_they_are(error, kind):
    with pytest.raises(kind) as raised:
        loaded_scale(error)
    if kind is OwnError:
        assert raised.value.__notes__ == ["while loading config.layers[0].config: Scale"]


def test_a_metric_or_loss_that_nobody_knows_is_refused_when_it_is_loaded(tmp_path):
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse", ["mae"])
    model.save(tmp_path / "m.h5")
    document = next(
        one for one in documents(model, tmp_path) if one.name == "tf_keras m.h5 training_config"
    )

    for key, other in (("loss", "nonsense"), ("metrics", ["nonsense"])):
        with pytest.raises(LoadError, match=rf"training_config\.{key}.*'nonsense'"):
            document.load({**document.content, key: other})


def test_numbers_and_lists_of_numpy_are_taken_as_they_are():
    config = {"name": "c", "filters": np.int64(2), "kernel_size": np.array([3])}

    assert keras.layers.Conv1D.from_config(config).filters == 2


@pytest.mark.parametrize(
    ("place", "other", "message"),
    [
        (("attributes", "parts", 0), -1, "attributes.parts: expected a position below 2, found -1"),
        (
            ("programs", "inference", "steps", 0, "layer"),
            -1,
            "expected a known layer",
        ),
        (("programs", "training", "steps", 0, "inputs", "ref", 1), -1, "expected an input, one"),
        (
            ("programs", "training", "steps", 1, "primitive"),
            "remove",
            "expected a known primitive",
        ),
        (("programs", "training", "outputs", "ref", 1), 9, "training.outputs: expected an input"),
        (("programs", "training", "steps", 1, "inputs", 0), "x", "steps[1]: expected tensors or"),
        (("programs", "training", "steps", 1), {}, "steps[1]: expected one of ['comparison',"),
        (("weights", 0, "shape"), "3", "description.weights[0].shape: expected a list of"),
    ],
)
def test_a_model_without_its_class_refers_to_what_it_has(tmp_path, place, other, message):
    keras.backend.clear_session()
    index = next(one for one in documents(subclassed(), tmp_path) if one.name == "saved index")
    changed = deepcopy(index.content)
    part_at(changed, ("revival", "description", *place[:-1]))[place[-1]] = other

    with pytest.raises(MalformedEntry) as raised:
        index.load(changed)
    assert message in str(raised.value)
