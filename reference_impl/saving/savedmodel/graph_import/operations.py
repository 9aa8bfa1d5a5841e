"""Conversion of TensorFlow operations in a model's own `call` to steps of a program.

Source: https://www.tensorflow.org/api_docs/python/tf/raw_ops.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from saveproof.reference_impl.saving.checkpoint.tensor_types import DT_FLOAT, dtype_of
from saveproof.reference_impl.saving.errors import NotReadHere
from saveproof.reference_impl.saving.savedmodel.graph_import.shape_operations import (
    broadcast,
    concatenate,
    expand,
    pack,
    pad,
    reshape,
    shape,
    sliced,
    split,
    squeeze,
    transpose,
    unpack,
)
from saveproof.reference_impl.saving.savedmodel.graph_import.steps import (
    Operation,
    Steps,
    Value,
    known,
)
from saveproof.reference_impl.saving.savedmodel.graphs.attributes import array_of
from saveproof.reference_impl.saving.savedmodel.graphs.operations import SAME_DTYPE
from saveproof.reference_impl.saving.savedmodel.program import COMPARISONS


def _elements(primitive: str) -> Operation:
    return lambda steps, _, inputs: steps.made(primitive, inputs)


def _constant(_: Steps, node: Any, __: Sequence[Any]) -> Value:
    return array_of(node.attr["value"].tensor, where=f"constant {node.name!r}")


def _cast(steps: Steps, node: Any, inputs: Sequence[Any]) -> Value:
    (x,) = inputs
    if isinstance(x, np.ndarray) and x.dtype.kind == "O":
        return x  # lengths need no cast
    return steps.made("cast", inputs, dtype_of(node.attr["DstT"].type, where=node.name))


def _power(steps: Steps, _: Any, inputs: Sequence[Any]) -> Value:
    base, exponent = inputs
    return steps.made("power", [base], known(exponent))


def _softmax(primitive: str) -> Operation:
    return lambda steps, _, inputs: steps.made(primitive, inputs, -1)


def _reduced(primitive: str, steps: Steps, node: Any, inputs: Sequence[Any]) -> Value:
    x, axes = inputs
    over = tuple(np.atleast_1d(known(axes)).tolist())
    return steps.made(primitive, [x], over, node.attr["keep_dims"].b)


def _min(steps: Steps, node: Any, inputs: Sequence[Any]) -> Value:
    x, axes = inputs
    largest = _reduced("max_", steps, node, [steps.made("negative", [x]), axes])
    return steps.made("negative", [largest])


def _product(flags: tuple[str, str]) -> Operation:
    """Return a matrix product, with each operand transposed if its flag is set."""

    def operation(steps: Steps, node: Any, inputs: Sequence[Any]) -> Value:
        operands = [
            _turned(steps, x, node) if node.attr[flag].b else x
            for x, flag in zip(inputs, flags, strict=True)
        ]
        return steps.made("matmul", operands)

    return operation


def _turned(steps: Steps, x: Value, node: Any) -> Value:
    if node.op != "MatMul":
        raise NotReadHere("a product of transposed stacks of matrices")
    return steps.made("transpose", [x], [1, 0])


def _gather(steps: Steps, node: Any, inputs: Sequence[Any]) -> Value:
    table, indices, *axis = inputs
    if node.attr["batch_dims"].i or (axis and known(axis[0])):
        raise NotReadHere("a gather along another axis than the first")
    return steps.made("take", [table], indices)


def _select(steps: Steps, _: Any, inputs: Sequence[Any]) -> Value:
    condition, *choices = inputs
    return steps.made("where", choices, condition)


def _comparison(op: str) -> Operation:
    """Return a comparison of a tensor with a number."""
    turned = op.replace("Greater", "less").replace("Less", "Greater").replace("less", "Less")

    def operation(steps: Steps, _: Any, inputs: Sequence[Any]) -> Value:
        x, y = inputs
        if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
            return np.asarray(COMPARISONS[op](x, y))
        if isinstance(x, np.ndarray):
            return steps.compared(turned, y, float(known(x)))
        return steps.compared(op, x, float(known(y)))

    return operation


def _clipped(steps: Steps, _: Any, inputs: Sequence[Any]) -> Value:
    return steps.made("clip", inputs, 0.0, 6.0)


def _leaky(steps: Steps, node: Any, inputs: Sequence[Any]) -> Value:
    slope = node.attr["alpha"].f if "alpha" in node.attr else 0.2
    (x,) = inputs
    steep = steps.made("multiply", [x, _number(slope, node)])
    return steps.made("where", [x, steep], steps.compared("Greater", x, 0.0))


def _inverse(primitives: Sequence[str], steps: Steps, node: Any, inputs: Sequence[Any]) -> Value:
    (x,) = inputs
    for primitive in primitives:
        x = steps.made(primitive, [x])
    return steps.made("divide", [_number(1, node), x])


def _number(value: float, node: Any) -> np.ndarray:
    """Return a number in the node's dtype, by default float32."""
    return np.asarray(value, dtype_of(node.attr["T"].type or DT_FLOAT, where=node.name))


def _squared_difference(steps: Steps, _: Any, inputs: Sequence[Any]) -> Value:
    return steps.made("square", [steps.made("subtract", inputs)])


def _sum_of_all(steps: Steps, _: Any, inputs: Sequence[Any]) -> Value:
    total, *others = inputs
    for other in others:
        total = steps.made("add", [total, other])
    return total  # type: ignore[no-any-return]  # a Value


def _bias(steps: Steps, node: Any, inputs: Sequence[Any]) -> Value:
    if node.attr["data_format"].s not in (b"", b"NHWC"):
        raise NotReadHere("channels that are not the last axis")
    return steps.made("add", inputs)


def _same(_: Steps, __: Any, inputs: Sequence[Any]) -> Value:
    return inputs[0]  # type: ignore[no-any-return]  # a Value


FOREIGN_OPERATIONS: Mapping[str, Operation] = {
    **{op: _elements(primitive.__name__) for primitive, op in SAME_DTYPE.items()},
    **{op: _comparison(op) for op in COMPARISONS},
    "Add": _elements("add"),
    "AddN": _sum_of_all,
    "BatchMatMulV2": _product(("adj_x", "adj_y")),
    "BiasAdd": _bias,
    "BroadcastTo": broadcast,
    "Cast": _cast,
    "ConcatV2": concatenate,
    "Const": _constant,
    "ExpandDims": expand,
    "GatherV2": _gather,
    "Identity": _same,
    "LeakyRelu": _leaky,
    "LogSoftmax": _softmax("log_softmax"),
    "MatMul": _product(("transpose_a", "transpose_b")),
    "Max": partial(_reduced, "max_"),
    "Mean": partial(_reduced, "mean"),
    "Min": _min,
    "Pack": pack,
    "Pad": pad,
    "PadV2": pad,
    "Pow": _power,
    "ReadVariableOp": _same,
    "RealDiv": _elements("divide"),
    "Reciprocal": partial(_inverse, []),
    "Relu6": _clipped,
    "Reshape": reshape,
    "ResourceGather": _gather,
    "Rsqrt": partial(_inverse, ["sqrt"]),
    "SelectV2": _select,
    "Shape": shape,
    "Sigmoid": _elements("sigmoid"),
    "Softmax": _softmax("softmax"),
    "Softplus": _elements("softplus"),
    "SplitV": split,
    "SquaredDifference": _squared_difference,
    "Squeeze": squeeze,
    "StridedSlice": sliced,
    "Sum": partial(_reduced, "sum_"),
    "Transpose": transpose,
    "Unpack": unpack,
}
"""Operations by TensorFlow's name, except calls; a variable's handle is replaced by its value."""
