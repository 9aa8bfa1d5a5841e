"""Configs and compile settings, in one form however they were written."""

import pytest

from saveproof.conformance.families.keras.arguments import flat, plain
from saveproof.conformance.families.keras.compile_settings import compile_settings
from saveproof.conformance.families.keras.layer_graph import calls, canonical

TENSOR = "__keras_tensor__"


def keras_3_layer(name, *inputs):
    tensors = [
        [{"class_name": TENSOR, "config": {"keras_history": list(history)}} for history in taken]
        for taken in inputs
    ]
    nodes = [{"args": taken, "kwargs": {}} for taken in tensors]
    return {"class_name": "Dense", "config": {"name": name}, "inbound_nodes": nodes}


def shared(first, second):
    """A layer that is called on two inputs, `a` and `b`, in some order, and one that adds."""
    numbers = {taken: number for number, taken in enumerate((first, second))}
    added = [("shared", numbers["a"], 0), ("shared", numbers["b"], 0)]
    layers = [
        keras_3_layer("a"),
        keras_3_layer("b"),
        keras_3_layer("shared", [(first, 0, 0)], [(second, 0, 0)]),
        keras_3_layer("sum", added),
    ]
    return {"layers": layers, "output_layers": ["sum", 0, 0]}


def test_order_in_which_a_shared_layer_was_called_makes_no_other_config():
    assert canonical(shared("a", "b")) == canonical(shared("b", "a"))


def test_what_a_shared_layer_was_called_on_makes_another_config():
    swapped = shared("a", "b")
    swapped["layers"][3] = keras_3_layer("sum", [("shared", 1, 0), ("shared", 0, 0)])

    assert canonical(swapped) != canonical(shared("a", "b"))


def test_calls_of_keras_2_and_3_read_alike():
    keras_2 = {"layers": [{"config": {"name": "d"}, "inbound_nodes": [[["a", 0, 0, {}]]]}]}
    keras_3 = {"layers": [keras_3_layer("d", [("a", 0, 0)])]}

    assert dict(calls(keras_2)) == dict(calls(keras_3)) == {"d/call 0": [["a", 0, 0]]}


def test_calls_inside_a_nested_model_have_its_path():
    inner = {"name": "inner", "layers": [keras_3_layer("d", [("a", 0, 0)])]}
    outer = {"layers": [{"config": inner, "inbound_nodes": []}]}

    assert list(dict(calls(outer))) == ["inner/d/call 0"]


def cast_before(number):
    """What Keras 3.6 and 3.8 write of an operation: its name is beside the config, and a number."""
    cast = keras_3_layer(f"cast_{number}", [("a", 0, 0)])
    cast = {**cast, "class_name": "Cast", "name": cast["config"].pop("name")}
    dense = keras_3_layer("d", [(f"cast_{number}", 0, 0)])
    return {"layers": [keras_3_layer("a"), cast, dense], "output_layers": [["d", 0, 0]]}


def test_an_operation_without_a_name_in_its_config_is_told_by_class_and_place():
    told = canonical(cast_before(3))

    assert told == canonical(cast_before(7))
    assert list(dict(calls(told))) == ["Cast 1/call 0", "d/call 0"]
    assert dict(calls(told))["d/call 0"][0][0] == "Cast 1"


def test_a_config_without_any_name_is_told():
    assert list(calls({"layers": [{"class_name": "Cast", "config": {}}]})) == []


def test_leaves_of_a_config_are_named_by_path():
    config = {"units": 3, "kernel": {"class_name": "L2", "config": {"l2": 0.1}}, "shape": (1, None)}

    assert dict(flat(config)) == {
        "units": 3,
        "kernel/class_name": "L2",
        "kernel/config/l2": 0.1,
        "shape": [1, None],
    }


def test_what_json_has_no_word_for_is_told_by_its_type():
    assert plain([object()]) == ["builtins.object"]


@pytest.mark.parametrize(
    "loss",
    [
        "mse",
        "mean_squared_error",
        ["mse"],
        {"out": "mse"},
        {"class_name": "MeanSquaredError", "config": {"name": "x", "reduction": "sum"}},
        {"class_name": "function", "config": "mean_squared_error"},
        {"class_name": "LossFunctionWrapper", "config": {"fn": "mse", "name": "x"}},
    ],
)
def test_a_loss_reads_alike_however_it_was_written(loss):
    assert dict(compile_settings({"loss": loss}))["loss/0"] == "mean_squared_error"


def test_arguments_of_a_loss_are_told():
    huber = {"class_name": "Huber", "config": {"delta": 0.7, "name": "huber"}}

    assert dict(compile_settings({"loss": huber}))["loss/0/delta"] == 0.7


def test_a_model_that_was_not_compiled_has_no_settings():
    assert dict(compile_settings(None)) == dict(compile_settings({})) == {}


def metric_of(metric, outputs, loss="mse"):
    """Return the one metric of a compiled model, as its settings have it."""
    config = {"loss": loss, "metrics": [metric]}
    return dict(compile_settings(config, outputs))["metrics/0"]


@pytest.mark.parametrize(
    ("loss", "width", "kind"),
    [
        ("binary_crossentropy", 1, "binary_accuracy"),
        ("categorical_crossentropy", 3, "categorical_accuracy"),
        ("sparse_categorical_crossentropy", 3, "sparse_categorical_accuracy"),
    ],
)
def test_accuracy_is_the_kind_that_keras_chooses_by_loss_and_output(loss, width, kind):
    assert metric_of("accuracy", {"out": width}, loss) == kind
    assert metric_of("acc", {"out": width}, loss) == kind
    assert metric_of(kind, {"out": width}, loss) == kind


@pytest.mark.parametrize("other", ["binary_accuracy", "sparse_categorical_accuracy"])
def test_kinds_of_accuracy_differ(other):
    expected, found = (metric_of(m, {"out": 3}) for m in ("categorical_accuracy", other))

    assert expected != found


def test_the_kind_that_a_wrapped_function_names_is_compared():
    wrapped = {
        "class_name": "MeanMetricWrapper",
        "config": {"fn": "binary_accuracy", "name": "acc"},
    }

    assert metric_of(wrapped, {"out": 3}) == "binary_accuracy" != metric_of("acc", {"out": 3})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy"),
        ("binary_crossentropy", "categorical_crossentropy"),
    ],
)
def test_identifiers_of_related_metrics_differ(one, other):
    assert metric_of(one, {"out": 3}) != metric_of(other, {"out": 3})


def test_a_class_and_a_function_of_one_metric_read_alike():
    top = {"class_name": "TopKCategoricalAccuracy", "config": {"k": 2}}

    assert metric_of(top, {"out": 3}) == metric_of("top_k_categorical_accuracy", {"out": 3})


def test_each_output_has_a_kind_of_its_own_however_metrics_are_nested():
    outputs = {"a": 1, "b": 3}
    losses = ["binary_crossentropy", "sparse_categorical_crossentropy"]
    nested = [
        {"loss": losses, "metrics": [["accuracy"], ["mae", "accuracy"]]},
        {"loss": losses, "metrics": {"a": ["accuracy"], "b": ["mae", "accuracy"]}},
    ]

    for config in nested:
        settings = dict(compile_settings(config, outputs))
        assert settings["metrics/0"] == "binary_accuracy"
        assert settings["metrics/2"] == "sparse_categorical_accuracy"


def test_kinds_have_the_general_name_where_outputs_are_unknown():
    """A subclassed model has no graph: whether a name stands for a kind is then unknown."""
    assert metric_of("accuracy", {}) == metric_of("binary_accuracy", {}) == "accuracy"


def test_a_loss_keeps_its_kind_where_outputs_are_unknown():
    settings = dict(compile_settings({"loss": "binary_crossentropy"}, {}))

    assert settings["loss/0"] == "binary_crossentropy"
