"""The arguments by which the first layer of a Sequential declares the shape of its input."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from typing import Any

from saveproof.reference_impl.fields import Configured, Form, argument, configurable
from saveproof.reference_impl.layers.arguments import length_of, shape_of
from saveproof.reference_impl.nest import Shape

_SHAPE = Form(takes=Sequence[int | None] | None)
_BATCH_SHAPE = Form(takes=Sequence[int | None] | None, optional=True)


@configurable
class InputShape(Configured):
    """`input_shape` of one sample, `input_dim`, its single length, or `batch_input_shape`."""

    _: KW_ONLY
    _sample_shape: Any = argument(
        _SHAPE, default=None, alias="input_shape", kept=False, in_config=False
    )
    batch_input_shape: Any = argument(_BATCH_SHAPE, default=None, kept=False)
    _sample_length: int | None = argument(
        default=None, alias="input_dim", kept=False, in_config=False
    )
    _batch_size: int | None = argument(
        default=None, alias="batch_size", kept=False, in_config=False
    )

    def __pre_init__(self, given: Mapping[str, Any]) -> None:
        vars(self)["batch_input_shape"] = _batch_input_shape(f"layer {given['name']!r}: ", given)


def _batch_input_shape(where: str, given: Mapping[str, Any]) -> Shape | None:
    if given["batch_input_shape"] is not None:
        return shape_of(given["batch_input_shape"], where + "batch_input_shape")
    if given["input_shape"] is not None:
        sample = shape_of(given["input_shape"], where + "input_shape")
    elif given["input_dim"] is not None:
        sample = (length_of(given["input_dim"], where + "input_dim"),)
    else:
        return None
    return length_of(given["batch_size"], where + "batch_size"), *sample
