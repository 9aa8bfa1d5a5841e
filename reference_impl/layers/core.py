"""Dense, Activation, Flatten and Reshape."""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Any

from saveproof.reference_impl.fields import Form, argument, attribute, configurable
from saveproof.reference_impl.layers.arguments import (
    ACTIVATION,
    CONSTRAINT,
    DATA_FORMAT,
    INITIALIZER,
    REGULARIZER,
    LayerArgumentError,
    shape_of,
    where,
)
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.nest import Shape
from saveproof.reference_impl.numerics.autodiff import (
    Tensor,
    Variable,
    cast,
    matmul,
    reshape,
    transpose,
)


def _units(layer: Layer, name: str, value: int) -> int:
    found = int(value)
    if found < 1:
        raise LayerArgumentError(f"{where(layer, name)}: expected >= 1, found {value!r}")
    return found


def _target_shape(layer: Layer, name: str, value: Sequence[int]) -> tuple[int, ...]:
    return shape_of(value, where(layer, name), unknown=(-1,))


@configurable
class Dense(Layer):
    """activation(x @ kernel + bias), along the last axis of x.

    x (batch, ..., features), kernel (features, units), bias (units,).
    """

    supports_masking = True

    units: int = argument(Form(_units))
    activation: Any = argument(ACTIVATION, default=None)
    _: KW_ONLY
    use_bias: bool = True
    kernel_initializer: Any = argument(INITIALIZER, default="glorot_uniform")
    bias_initializer: Any = argument(INITIALIZER, default="zeros")
    kernel_regularizer: Any = argument(REGULARIZER, default=None)
    bias_regularizer: Any = argument(REGULARIZER, default=None)
    activity_regularizer: Any = argument(REGULARIZER, default=None)
    kernel_constraint: Any = argument(CONSTRAINT, default=None)
    bias_constraint: Any = argument(CONSTRAINT, default=None)
    bias: Variable | None = attribute(default=None)

    def build(self, input_shape: Shape) -> None:
        """Create kernel and bias.

        Raises:
            LayerArgumentError: If the number of features is open.
        """
        features = input_shape[-1]
        if len(input_shape) < 2 or features is None:
            raise LayerArgumentError(
                f"layer {self.name!r}: expected an input of shape (batch, ..., features) with a "
                f"known number of features, found {input_shape}"
            )
        self.kernel = self.add_weight_of("kernel", (features, self.units))
        if self.use_bias:
            self.bias = self.add_weight_of("bias", (self.units,))
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        """Return the activated affine map of the inputs."""
        inputs = cast(inputs, self.compute_dtype)
        outputs = matmul(inputs, cast(self.kernel, inputs.dtype))
        if self.bias is not None:
            outputs = outputs + cast(self.bias, inputs.dtype)
        activated: Tensor = self.activation(outputs)
        return activated

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape with `units` features."""
        return (*input_shape[:-1], self.units)


@configurable
class Activation(Layer):
    """An activation function as a layer."""

    supports_masking = True

    activation: Any = argument(ACTIVATION)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the function of the inputs."""
        activated: Tensor = self.activation(inputs)
        return activated

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape


@configurable
class Flatten(Layer):
    """Flattens each sample; channels_first inputs are transposed to channels_last first."""

    data_format: Any = argument(DATA_FORMAT, default=None)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the inputs as (batch, features)."""
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = transpose(inputs, (0, *range(2, inputs.ndim), 1))
        return reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, features); features is None for an open length."""
        return input_shape[0], _product(input_shape[1:])


@configurable
class Reshape(Layer):
    """Reshapes each sample; one length may be -1."""

    target_shape: Any = argument(Form(_target_shape, takes=Sequence[int]))

    def call(self, inputs: Tensor) -> Tensor:
        """Return the inputs as (batch, *target_shape)."""
        return reshape(inputs, (inputs.shape[0], *self.target_shape))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, *target_shape), with -1 computed if the input's shape is known.

        Raises:
            LayerArgumentError: If the numbers of elements differ.
        """
        elements = _product(input_shape[1:])
        if elements is None:
            return input_shape[0], *(None if size == -1 else size for size in self.target_shape)
        known = math.prod(size for size in self.target_shape if size != -1)
        free = self.target_shape.count(-1)
        if free > 1 or known == 0 or elements % known or (not free and elements != known):
            raise LayerArgumentError(
                f"layer {self.name!r}: target_shape {self.target_shape} does not fit "
                f"the {elements} elements of a sample of shape {input_shape[1:]}"
            )
        return input_shape[0], *(elements // known if s == -1 else s for s in self.target_shape)


def _product(shape: Shape) -> int | None:
    """Return the number of elements of a shape; None for an open length."""
    known = [size for size in shape if size is not None]
    return math.prod(known) if len(known) == len(shape) else None
