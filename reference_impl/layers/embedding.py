"""Embedding."""

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from saveproof.reference_impl.fields import argument, attribute, configurable
from saveproof.reference_impl.layers.arguments import (
    CONSTRAINT,
    INITIALIZER,
    REGULARIZER,
    LayerArgumentError,
    length_of,
)
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.masks import differing
from saveproof.reference_impl.nest import Nested, Shape
from saveproof.reference_impl.numerics.autodiff import Tensor, cast, take


class IndexRangeError(ValueError):
    """An index is outside the rows of the embedding table."""


@configurable
class Embedding(Layer):
    """Looks up rows of a table (input_dim, output_dim) by the integers in the input.

    With `mask_zero` the mask leaves out the zeros of the input.
    The gradient is dense; TensorFlow's holds only the rows used. Both give the same updates.
    """

    autocast = False

    input_dim: int
    output_dim: int
    embeddings_initializer: Any = argument(INITIALIZER, default="uniform")
    _: KW_ONLY
    embeddings_regularizer: Any = argument(REGULARIZER, default=None)
    activity_regularizer: Any = argument(REGULARIZER, default=None)
    embeddings_constraint: Any = argument(CONSTRAINT, default=None)
    mask_zero: bool = False
    input_length: int | None = None
    _sample_length: int | None = attribute(default=None)

    def __pre_init__(self, given: Mapping[str, Any]) -> None:
        length = length_of(given["input_length"], f"{type(self).__name__}: input_length")
        shape = (length,) if given["input_shape"] is None else given["input_shape"]
        super().__pre_init__({**given, "input_shape": shape})

    def __post_init__(self) -> None:
        if self.input_dim < 1 or self.output_dim < 1:
            raise LayerArgumentError(
                f"layer {self.name!r}: input_dim and output_dim: expected positive numbers, "
                f"found {self.input_dim!r} and {self.output_dim!r}"
            )

    def build(self, input_shape: Shape) -> None:  # noqa: ARG002 (Layer's signature)
        """Create the table."""
        self.embeddings = self.add_weight_of("embeddings", (self.input_dim, self.output_dim))
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        """Return the rows.

        Raises:
            IndexRangeError: If an index is negative or not below `input_dim`.
        """
        indices = inputs.value.astype(np.int64)
        if indices.size and not 0 <= indices.min() <= indices.max() < self.input_dim:
            raise IndexRangeError(
                f"layer {self.name!r}: expected indices in [0, {self.input_dim}), "
                f"found {indices.min()} to {indices.max()}"
            )
        return cast(take(self.embeddings, indices), self.compute_dtype)

    def compute_mask(self, inputs: Tensor, mask: Nested = None) -> Tensor | None:  # noqa: ARG002 (Layer's signature)
        """Return where the input is not 0, with `mask_zero`; else no mask."""
        return differing(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape with `output_dim` features."""
        if self.input_length is not None and input_shape[1:] == (None,):
            return input_shape[0], self.input_length, self.output_dim
        return (*input_shape, self.output_dim)
