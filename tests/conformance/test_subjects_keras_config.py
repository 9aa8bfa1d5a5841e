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
