"""TensorFlow's operations as steps of a program: those that a model's own `call` is drawn with.

Source: https://www.tensorflow.org/api_docs/python/tf/raw_ops.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import EllipsisType
from typing import Any

import numpy as np

from reference_impl.formats.errors import NotReadHere
from reference_impl.formats.tensor_types import DT_FLOAT, dtype_of
from reference_impl.graphs.attributes import array_of
from reference_impl.graphs.operations import SAME_DTYPE
from reference_impl.models.program import COMPARISONS, PRIMITIVES, Ref, encoded_value


@dataclass(frozen=True, slots=True)
class Handle:
    """A variable of the graph, by the number of its object."""

    number: int


@dataclass(frozen=True, slots=True)
class Lengths:
    """The shape of a tensor of which the program does not know it."""

    of: Ref


@dataclass(frozen=True, slots=True)
class Length:
    """The length of one axis of such a tensor."""

    of: Ref
    axis: int


Value = Ref | np.ndarray | Handle | Lengths
"""What an output of a node stands for; lengths may be among the elements of an array."""


class Steps:
    """The steps of a program so far; what is known is computed at once."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []

    def made(
        self, primitive: str, inputs: Iterable[Value], /, *args: Any, **keywords: Any
    ) -> Value:
        """Add a primitive and return its output."""
        operands = list(inputs)
        if not any(isinstance(value, Ref) for value in (*operands, *args)):
            return np.asarray(PRIMITIVES[primitive](*operands, *args, **keywords)[0])
        step = {"inputs": operands, "arguments": list(args)}
        encoded = {key: [self.encoded(item) for item in items] for key, items in step.items()}
        return self.add({"primitive": primitive, **encoded, "keywords": keywords})

    def compared(self, op: str, value: Ref, number: float) -> Ref:
        """Add a comparison with a number and return its output."""
        return self.add({"comparison": op, "inputs": self.encoded(value), "number": number})

    def add(self, step: dict[str, Any]) -> Ref:
        """Add a step and return its first output."""
        self.steps.append(step)
        return Ref("step", len(self.steps) - 1)

    def encoded(self, value: Any) -> Any:
        """Return a value, or a structure of values, as a program holds it.

        Raises:
            NotReadHere: for what the program does not know, or a variable that is not read.
        """
        if isinstance(value, Handle | Lengths) or (
            isinstance(value, np.ndarray) and value.dtype.kind == "O"
        ):
            raise NotReadHere(f"expected a tensor, found {value!r:.100}")
        return encoded_value(value, self.encoded)


Operation = Callable[[Steps, Any, Sequence[Any]], Value | list[Value]]
"""Takes a node and what goes into it, and returns its output or outputs."""


def known(value: Any) -> Any:
    """Return a constant as numbers.

    Raises:
        NotReadHere: if it is none.
    """
    if not isinstance(value, np.ndarray):
        raise NotReadHere(f"expected a constant, found {value!r:.100}")
    return value.tolist()


def _elements(primitive: str) -> Operation:
    return lambda steps, _, inputs: steps.made(primitive, inputs)


def _constant(_: Steps, node: Any, __: Sequence[Any]) -> Value:
    return array_of(node.attr["value"].tensor, where=f"constant {node.name!r}")


def _cast(steps: Steps, node: Any, inputs: Sequence[Any]) -> Value:
    (x,) = inputs
    if isinstance(x, np.ndarray) and x.dtype.kind == "O":
        return x  # lengths remain what they are
    return steps.made("cast", inputs, dtype_of(node.attr["DstT"].type, where=node.name))


def _power(steps: Steps, _: Any, inputs: Sequence[Any]) -> Value:
    base, exponent = inputs
    return steps.made("power", [base], known(exponent))


def _softmax(primitive: str) -> Operation:
    return lambda steps, _, inputs: steps.made(primitive, inputs, -1)


def _reduction(primitive: str) -> Operation:
    def operation(steps: Steps, node: Any, inputs: Sequence[Any]) -> Value:
        axes = tuple(np.atleast_1d(known(inputs[1])).tolist())
        return steps.made(primitive, inputs[:1], axes, node.attr["keep_dims"].b)

    return operation


def _min(steps: Steps, node: Any, inputs: Sequence[Any]) -> Value:
    negative = steps.made("negative", inputs[:1])
    axes = tuple(np.atleast_1d(known(inputs[1])).tolist())
    return steps.made("negative", [steps.made("max_", [negative], axes, node.attr["keep_dims"].b)])


def _product(flags: tuple[str, str]) -> Operation:
    """Return a product of matrices, either turned if its flag says so."""

    def operation(steps: Steps, node: Any, inputs: Sequence[Any]) -> Value:
        operands = [
            _turned(steps, x, node) if node.attr[flag].b else x
            for x, flag in zip(inputs, flags, strict=True)
        ]
        return steps.made("matmul", operands)

    return operation


def _turned(steps: Steps, x: Value, node: Any) -> Value:
    if node.op != "MatMul":
        raise NotReadHere("a product of turned stacks of matrices")
    return steps.made("transpose", [x], [1, 0])


def _concatenate(steps: Steps, _: Any, inputs: Sequence[Any]) -> Value:
    *tensors, axis = inputs
    return steps.made("concatenate", tensors, axis=known(axis))


def _pack(steps: Steps, node: Any, inputs: Sequence[Any]) -> Value:
    return steps.made("stack", inputs, axis=node.attr["axis"].i)


def _unpack(steps: Steps, node: Any, inputs: Sequence[Any]) -> list[Value]:
    axis, count = node.attr["axis"].i, node.attr["num"].i
    return [steps.made("getitem", inputs, _at(axis, place)) for place in range(count)]


def _split(steps: Steps, _: Any, inputs: Sequence[Any]) -> list[Value]:
    """Cut into parts of the lengths that are told: their number alone does not tell these."""
    x, sizes, axis = inputs
    ends = np.cumsum(known(sizes)).tolist()
    if min(known(sizes)) < 0:
        raise NotReadHere("a split with a length left open")
    parts = [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return [steps.made("getitem", [x], _at(known(axis), part)) for part in parts]


def _at(axis: int, key: int | slice) -> tuple[Any, ...]:
    """Return the key of a part along an axis, counted from either end."""
    if axis >= 0:
        return (*[slice(None)] * axis, key)
    return (..., key, *[slice(None)] * (-1 - axis))


def _shape(_: Steps, __: Any, inputs: Sequence[Any]) -> Value:
    (x,) = inputs
    return np.array(x.shape, np.int32) if isinstance(x, np.ndarray) else Lengths(x)


def _reshape(steps: Steps, _: Any, inputs: Sequence[Any]) -> Value:
    x, shape = inputs
    target = list(known(shape))
    opened = [place for place, size in enumerate(target) if isinstance(size, Length)]
    if len(opened) == 1 and -1 not in target:
        target[opened[0]] = -1
    elif all(target[place] == Length(x, place) for place in opened):
        target = [None if isinstance(size, Length) else size for size in target]
    else:
        raise NotReadHere(f"a shape of lengths left open: {target}")
    return steps.made("reshape", [x], target)


def _expand(steps: Steps, _: Any, inputs: Sequence[Any]) -> Value:
    return steps.made("getitem", inputs[:1], _at(known(inputs[1]), None))  # type: ignore[arg-type]


def _squeeze(steps: Steps, node: Any, inputs: Sequence[Any]) -> Value:
    axes = sorted(node.attr["squeeze_dims"].list.i)
    if not axes or len({axis < 0 for axis in axes}) > 1:
        raise NotReadHere("a squeeze of axes that are not told, or from both ends")
    front = axes[0] >= 0
    key: list[Any] = [slice(None)] * (axes[-1] + 1 if front else -axes[0])
    for axis in axes:
        key[axis] = 0
    return steps.made("getitem", inputs, tuple(key if front else [..., *key]))


def _sliced(steps: Steps, node: Any, inputs: Sequence[Any]) -> Value:
    x, *bounds = inputs
    key = _key(node, *map(known, bounds))
    if isinstance(x, Lengths):
        return _length(x, key)
    return steps.made("getitem", [x], key)


def _key(node: Any, begin: Sequence[int], end: Sequence[int], strides: Sequence[int]) -> Any:
    """Return the key of a strided slice, whose masks say what the bounds are of each place."""

    def masked(mask: str, place: int) -> bool:
        return bool(node.attr[f"{mask}_mask"].i >> place & 1)

    key: list[int | slice | EllipsisType | None] = []
    for place, (first, last, stride) in enumerate(zip(begin, end, strides, strict=True)):
        if masked("ellipsis", place):
            key.append(...)
        elif masked("new_axis", place):
            key.append(None)
        elif masked("shrink_axis", place):
            key.append(first)
        else:
            start = None if masked("begin", place) else first
            key.append(slice(start, None if masked("end", place) else last, stride))
    return tuple(key)


def _length(shape: Lengths, key: Sequence[Any]) -> np.ndarray:
    """Return the lengths that a key asks for of a shape."""
    (part,) = key
    if isinstance(part, int):
        axes: Any = part
    elif isinstance(part, slice) and (part.start or 0) >= 0 and (part.stop or -1) >= 0:
        axes = range(*part.indices(part.stop))
    else:
        raise NotReadHere("a part of a shape whose rank is not told")
    found = np.empty(np.shape(axes), object)
    for place, axis in np.ndenumerate(np.asarray(axes)):
        found[place] = Length(shape.of, int(axis))
    return found


def _transpose(steps: Steps, _: Any, inputs: Sequence[Any]) -> Value:
    return steps.made("transpose", inputs[:1], known(inputs[1]))


def _gather(steps: Steps, node: Any, inputs: Sequence[Any]) -> Value:
    table, indices, *axis = inputs
    if node.attr["batch_dims"].i or (axis and known(axis[0])):
        raise NotReadHere("a choice of elements along another axis than the first")
    return steps.made("take", [table], indices)


def _broadcast(steps: Steps, _: Any, inputs: Sequence[Any]) -> Value:
    x, shape = inputs
    target = known(shape)
    if any(isinstance(size, Length) for size in target):
        raise NotReadHere(f"a shape of lengths left open: {target}")
    return steps.made("broadcast_to", [x], target)


def _pad(steps: Steps, _: Any, inputs: Sequence[Any]) -> Value:
    x, widths, *fill = inputs
    return steps.made("pad", [x], known(widths), known(fill[0]) if fill else 0)


def _select(steps: Steps, _: Any, inputs: Sequence[Any]) -> Value:
    condition, *choices = inputs
    return steps.made("where", choices, condition)


def _comparison(op: str) -> Operation:
    """Return a comparison, of which one side is a number."""
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
    """Return a number in the node's dtype, which is that of single precision if it is not told."""
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
        raise NotReadHere("channels that do not come last")
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
    "BroadcastTo": _broadcast,
    "Cast": _cast,
    "ConcatV2": _concatenate,
    "Const": _constant,
    "ExpandDims": _expand,
    "GatherV2": _gather,
    "Identity": _same,
    "LeakyRelu": _leaky,
    "LogSoftmax": _softmax("log_softmax"),
    "MatMul": _product(("transpose_a", "transpose_b")),
    "Max": _reduction("max_"),
    "Mean": _reduction("mean"),
    "Min": _min,
    "Pack": _pack,
    "Pad": _pad,
    "PadV2": _pad,
    "Pow": _power,
    "ReadVariableOp": _same,
    "RealDiv": _elements("divide"),
    "Reciprocal": partial(_inverse, []),
    "Relu6": _clipped,
    "Reshape": _reshape,
    "ResourceGather": _gather,
    "Rsqrt": partial(_inverse, ["sqrt"]),
    "SelectV2": _select,
    "Shape": _shape,
    "Sigmoid": _elements("sigmoid"),
    "Softmax": _softmax("softmax"),
    "Softplus": _elements("softplus"),
    "SplitV": _split,
    "SquaredDifference": _squared_difference,
    "Squeeze": _squeeze,
    "StridedSlice": _sliced,
    "Sum": _reduction("sum_"),
    "Transpose": _transpose,
    "Unpack": _unpack,
}
"""By TensorFlow's name, but for calls; a variable's value goes in where its handle does."""
