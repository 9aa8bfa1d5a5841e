"""Embedding."""

from typing import Any

import numpy as np

from saveproof.reference_impl import constraints, initializers, regularizers
from saveproof.reference_impl.layers.arguments import (
    LayerArgumentError,
    UnsupportedArgumentError,
    length_of,
)
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.nest import Shape
from saveproof.reference_impl.numerics.autodiff import Tensor, cast, take


class IndexRangeError(ValueError):
    """An index is not the number of a row of the table."""


class Embedding(Layer):
    """Rows of a table (input_dim, output_dim), by the integers in the input.

    The gradient is dense, where TensorFlow's holds the rows that were taken; updates agree.
    """

    autocast = False

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: object = "uniform",
        *,
        embeddings_regularizer: object = None,
        activity_regularizer: object = None,
        embeddings_constraint: object = None,
        mask_zero: bool = False,
        input_length: int | None = None,
        **kwargs: Any,
    ) -> None:
        length = length_of(input_length, f"{type(self).__name__}: input_length")
        super().__init__(**{"input_shape": (length,), **kwargs})
        if input_dim < 1 or output_dim < 1:
            raise LayerArgumentError(
                f"layer {self.name!r}: input_dim and output_dim: expected positive numbers, "
                f"found {input_dim!r} and {output_dim!r}"
            )
        if mask_zero:
            raise UnsupportedArgumentError(
                f"layer {self.name!r}: mask_zero=True is not supported: layers pass on no masks"
            )
        self.input_dim = input_dim
        self.output_dim = output_dim
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.input_length = input_length

    def build(self, input_shape: Shape) -> None:  # noqa: ARG002 (Layer's signature)
        """Create the table."""
        self.embeddings = self.add_weight(
            "embeddings",
            (self.input_dim, self.output_dim),
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )
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

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape with `output_dim` features."""
        if self.input_length is not None and input_shape[1:] == (None,):
            return input_shape[0], self.input_length, self.output_dim
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, as tf_keras writes them."""
        return super().get_config() | {
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero,
            "input_length": self.input_length,
        }
