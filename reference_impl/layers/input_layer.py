"""`Input`, and the layer that represents an input in a graph."""

from collections.abc import Sequence
from typing import Any, Self

from saveproof.reference_impl.config_types import checked, construct
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.symbolic import KerasTensor
from saveproof.reference_impl.loading import at
from saveproof.reference_impl.naming import unique_name
from saveproof.reference_impl.nest import Nested


class InputLayer(Layer):
    """The layer of one input of a graph; its output is the symbolic input tensor."""

    def __init__(
        self,
        input_shape: Sequence[int | None] | int | None = None,
        batch_size: int | None = None,
        dtype: object = None,
        name: str | None = None,
        *,
        batch_input_shape: Sequence[int | None] | None = None,
    ) -> None:
        name = name or unique_name("input", zero_based=False)
        if input_shape is None or isinstance(input_shape, int):
            input_shape = () if input_shape is None else (input_shape,)
        super().__init__(
            name=name,
            dtype=dtype,
            input_shape=input_shape,
            batch_size=batch_size,
            batch_input_shape=batch_input_shape,
        )
        self.built = True
        self.record_node([], {}, self.batch_input_shape)

    def call(self, inputs: Nested) -> Nested:
        """Return the input unchanged."""
        return inputs

    def compute_output_shape(self, input_shape: Nested) -> Nested:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the shape with the batch size, the dtype and the name, as in tf_keras."""
        return {
            "batch_input_shape": self.batch_input_shape,
            "dtype": self.dtype_policy,
            "sparse": False,
            "ragged": False,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return an input layer; Keras 3 names the shape `batch_shape`."""
        key = "batch_input_shape" if config.get("batch_input_shape") else "batch_shape"
        with at(key):
            shape = checked(config.get(key), Sequence[int | None])
        others = {"dtype": config.get("dtype"), "name": config.get("name")}
        return construct(cls, {"batch_input_shape": shape, **others})


def Input(
    shape: Sequence[int | None] | int | None = None,
    batch_size: int | None = None,
    name: str | None = None,
    dtype: object = None,
    *,
    batch_shape: Sequence[int | None] | None = None,
) -> KerasTensor:
    """Return a symbolic input tensor of a functional model.

    Args:
        shape: of one sample; a number for one axis.
        batch_size: fixed batch size, which stateful layers need.
        name: of the input layer.
        dtype: of the values; float32 by default.
        batch_shape: shape with the batch size, instead of the first two.
    """
    if (shape is None) == (batch_shape is None):
        raise ValueError(
            f"Input: expected shape or batch_shape, found shape={shape!r} and "
            f"batch_shape={batch_shape!r}"
        )
    made: KerasTensor = InputLayer(
        input_shape=shape,
        batch_size=batch_size,
        name=name,
        dtype=dtype,
        batch_input_shape=batch_shape,
    ).output
    return made
