"""Conversion of attribute values, dtypes, shapes and constants to TensorFlow's messages."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from saveproof.reference_impl.limits import check_size
from saveproof.reference_impl.nest import Shape
from saveproof.reference_impl.saving.checkpoint.protos import MESSAGES
from saveproof.reference_impl.saving.checkpoint.tensor_types import DT_STRING, dtype_of, number_of
from saveproof.reference_impl.saving.errors import NotReadHere, WrongPart

VARIANT = 21
"""TensorFlow's number of a dtype that exists only in graphs."""


@dataclass(frozen=True, slots=True)
class Code:
    """A dtype by its number, if NumPy has no such dtype."""

    number: int


@dataclass(frozen=True, slots=True)
class Sizes:
    """A shape as an attribute; None for an unknown rank."""

    shape: Shape | None


@dataclass(frozen=True, slots=True)
class Called:
    """A function as an attribute, by name."""

    name: str


def dtype_code(dtype: Any) -> int:
    """Return TensorFlow's number of a dtype."""
    if isinstance(dtype, Code):
        return dtype.number
    return number_of(np.dtype(dtype), where="graph")


def shape_message(shape: Shape | None) -> Any:
    """Return a TensorShapeProto, with -1 for open lengths."""
    message = MESSAGES["TensorShapeProto"](unknown_rank=shape is None)
    for size in shape or ():
        message.dim.add(size=-1 if size is None else size)
    return message


def tensor_message(value: np.ndarray) -> Any:
    """Return a TensorProto with the bytes of an array or a string."""
    if value.dtype.kind == "S":
        texts = [bytes(text) for text in value.ravel()]
        shape = shape_message(value.shape)
        return MESSAGES["TensorProto"](dtype=DT_STRING, tensor_shape=shape, string_val=texts)
    return MESSAGES["TensorProto"](
        dtype=dtype_code(value.dtype),
        tensor_shape=shape_message(value.shape),
        tensor_content=np.ascontiguousarray(value).tobytes(),
    )


_VALUES: Mapping[str, str] = {
    "float32": "float_val",
    "float64": "double_val",
    "int64": "int64_val",
    "bool": "bool_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "float16": "half_val",
    "bfloat16": "half_val",
}
"""The field of a TensorProto that lists values of a dtype; smaller integers are in `int_val`."""


def array_of(message: Any, *, where: str) -> np.ndarray:
    """Return the array of a TensorProto; the last value is repeated if there are too few.

    Raises:
        NotReadHere: naming `where`, for strings and complex numbers.
        WrongPart: if the number of values does not match the shape.
    """
    dtype = dtype_of(message.dtype, where=where)
    if dtype.kind in "Oc":
        raise NotReadHere(f"{where}: constants of type {dtype} are not supported")
    shape = tuple(dim.size for dim in message.tensor_shape.dim)
    count = math.prod(shape)
    check_size(shape, dtype.name, where="a constant of the graph", keep=False)
    if message.tensor_content:
        values = np.frombuffer(message.tensor_content, dtype)
    else:
        field = _VALUES.get(dtype.name, "int_val")
        listed = list(getattr(message, field)) or [0]
        values = np.array(listed, np.uint16 if field == "half_val" else dtype).view(dtype)
        values = np.append(values, np.repeat(values[-1:], max(count - len(values), 0)))
    if len(values) != count:
        raise WrongPart(f"{where}: expected {count} values of shape {shape}, found {len(values)}")
    return values.reshape(shape)


def attribute(value: Any) -> Any:
    """Return an AttrValue with the field for the value's type."""
    message = MESSAGES["AttrValue"]()
    if isinstance(value, list):
        message.list.SetInParent()
        for item in value:
            _fill_list(message.list, item)
    else:
        _fill(message, value)
    return message


def _fill(message: Any, value: Any) -> None:
    if isinstance(value, bool):
        message.b = value
    elif isinstance(value, int):
        message.i = value
    elif isinstance(value, float):
        message.f = value
    elif isinstance(value, str):
        message.s = value.encode()
    elif isinstance(value, Sizes):
        message.shape.CopyFrom(shape_message(value.shape))
    elif isinstance(value, Called):
        message.func.name = value.name
    elif isinstance(value, np.ndarray):
        message.tensor.CopyFrom(tensor_message(value))
    else:
        message.type = dtype_code(value)


def _fill_list(message: Any, value: Any) -> None:
    if isinstance(value, int):
        message.i.append(value)
    elif isinstance(value, Sizes):
        message.shape.append(shape_message(value.shape))
    else:
        message.type.append(dtype_code(value))


def node_message(name: str, op: str, inputs: Sequence[str], attributes: dict[str, Any]) -> Any:
    """Return a NodeDef."""
    node = MESSAGES["NodeDef"](name=name, op=op, input=inputs)
    for key, value in attributes.items():
        node.attr[key].CopyFrom(attribute(value))
    return node
