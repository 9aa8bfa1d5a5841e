"""Tests of saveproof.strategies.shapes: worked numbers, and what does not fit."""

import pytest

from saveproof.strategies.case import Architecture, Call, Config, Input, InvalidCase, Kind, Layer
from saveproof.strategies.shapes import UNKNOWN, Shape, output_shape, tensor_shapes

WORKED: list[tuple[str, Config, list[Shape], Shape]] = [
    ("Dense", {"units": 5}, [(None, 3, 4)], (None, 3, 5)),
    ("Flatten", {}, [(2, 6, 6, 2)], (2, 72)),
    ("Reshape", {"target_shape": [-1, 2]}, [(None, 6)], (None, 3, 2)),
    ("Reshape", {"target_shape": [6]}, [(None, 3, 2)], (None, 6)),
    ("Embedding", {"input_dim": 7, "output_dim": 3}, [(None, 5)], (None, 5, 3)),
    ("Conv1D", {"filters": 4, "kernel_size": 3}, [(None, 5, 2)], (None, 3, 4)),
    ("Conv1D", {"filters": 4, "kernel_size": 3, "padding": "causal"}, [(1, 5, 2)], (1, 5, 4)),
    ("Conv1D", {"filters": 4, "kernel_size": 2, "dilation_rate": 3}, [(1, 5, 2)], (1, 2, 4)),
    ("Conv2D", {"filters": 4, "kernel_size": [2, 3], "strides": 2}, [(1, 6, 6, 2)], (1, 3, 2, 4)),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"},
     [(1, 5, 6, 2)], (1, 3, 3, 4)),
    ("MaxPooling2D", {}, [(None, 5, 6, 2)], (None, 2, 3, 2)),
    ("MaxPooling2D", {"pool_size": [2, 1], "strides": 1}, [(None, 5, 6, 2)], (None, 4, 6, 2)),
    ("GlobalAveragePooling1D", {}, [(None, 5, 3)], (None, 3)),
    ("GlobalAveragePooling2D", {"keepdims": True}, [(None, 5, 6, 3)], (None, 1, 1, 3)),
    ("LSTM", {"units": 4}, [(2, 5, 3)], (2, 4)),
    ("GRU", {"units": 4, "return_sequences": True}, [(2, 5, 3)], (2, 5, 4)),
    ("Add", {}, [(None, 3), (None, 3)], (None, 3)),
    ("Concatenate", {}, [(None, 3), (None, 4)], (None, 7)),
    ("Concatenate", {"axis": 1}, [(None, 3, 2), (None, 4, 2)], (None, 7, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("class_name", "config", "inputs", "expected"), WORKED)
def test_worked_shapes(class_name: str, config: Config, inputs: list[Shape], expected: Shape):
    assert output_shape(class_name, config, inputs) == expected


MISFITS: list[tuple[str, Config, list[Shape], str]] = [
    ("LSTM", {"name": "a", "units": 2}, [(None, 3)], "LSTM 'a': expected inputs of rank 3"),
    ("Dense", {"name": "a", "units": 2}, [(None, 3), (None, 3)], "expected one input"),
    ("Add", {"name": "a"}, [(None, 3), (None, 4)], "'a': expected equal shapes"),
    ("Concatenate", {"name": "a"}, [(None, 3, 1), (None, 4, 1)], "equal but for axis 2"),
    ("Conv1D", {"name": "a", "filters": 1, "kernel_size": 6}, [(None, 5, 1)], "a window of 6"),
    (
        "Reshape",
        {"name": "a", "target_shape": [4]},
        [(None, 3)],
        r"cannot reshape \(3,\) to \(4,\)",
    ),
]


@pytest.mark.parametrize(("class_name", "config", "inputs", "message"), MISFITS)
def test_what_does_not_fit_is_told(
    class_name: str, config: Config, inputs: list[Shape], message: str
):
    with pytest.raises(InvalidCase, match=message):
        output_shape(class_name, config, inputs)


def test_shapes_go_through_nested_models_and_shared_layers():
    dense = Layer(class_name="Dense", config={"name": "d", "units": 3})
    inner = Architecture(
        kind=Kind.FUNCTIONAL,
        name="inner",
        inputs=(Input(name="i", shape=(3,)),),
        layers=(dense,),
        calls=(
            Call(layer="d", inputs=("i",), output="x"),
            Call(layer="d", inputs=("x",), output="y"),
        ),
        outputs=("y",),
    )
    outer = Architecture(
        kind=Kind.SEQUENTIAL,
        name="outer",
        inputs=(Input(name="j", shape=(3,), batch_size=2),),
        layers=(Layer(class_name="Functional", config={"name": "inner"}, model=inner),),
        calls=(Call(layer="inner", inputs=("j",), output="z"),),
        outputs=("z",),
    )

    assert tensor_shapes(inner) == {"i": (None, 3), "x": (None, 3), "y": (None, 3)}
    assert tensor_shapes(outer) == {"j": (2, 3), "z": (2, 3)}


def test_a_class_without_a_rule_gives_a_shape_that_only_its_framework_knows():
    unknown = output_shape("Hologram", {"name": "a"}, [(None, 3)])

    assert unknown == UNKNOWN
    assert output_shape("Flatten", {"name": "b"}, [unknown]) == UNKNOWN
    assert output_shape("Dense", {"name": "c", "units": 2}, [UNKNOWN]) == (None, 2)
