"""Dense, Activation, Dropout, Flatten and Reshape."""

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
    identity,
    matmul,
    multiply,
    reshape,
    transpose,
)
from saveproof.reference_impl.random import Generator, process_generator


def _units(layer: Layer, name: str, value: int) -> int:
    found = int(value)
    if found < 1:
        raise LayerArgumentError(f"{where(layer, name)}: expected >= 1, found {value!r}")
    return found


def _rate(layer: Layer, name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise LayerArgumentError(
            f"{where(layer, name)}: expected a number in [0, 1], found {value!r}"
        )
    return value


def _noise_shape(layer: Layer, name: str, value: Any) -> Any:
    if value is not None:
        shape_of(value, where(layer, name))
    return value


def _target_shape(layer: Layer, name: str, value: Sequence[int]) -> tuple[int, ...]:
    return shape_of(value, where(layer, name), unknown=(-1,))


@configurable
class Dense(Layer):
    """activation(x @ kernel + bias), along the last axis of x.

    x (batch, ..., features), kernel (features, units), bias (units,).
    """

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

    activation: Any = argument(ACTIVATION)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the function of the inputs."""
        activated: Tensor = self.activation(inputs)
        return activated

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape


@configurable
class Dropout(Layer):
    """In training, sets elements to 0 at this rate and scales the others by 1 / (1 - rate).

    `noise_shape` is the shape of the mask, which broadcasts; None means the input's length.
    Without a seed the layer draws one. The generator's state is part of the model's state.
    Source: Srivastava et al. (2014). The masks are not TensorFlow's.
    """

    rate: float = argument(Form(_rate))
    noise_shape: Sequence[int | None] | None = argument(Form(_noise_shape), default=None)
    seed: int | None = None

    def __post_init__(self) -> None:
        first = process_generator().seed() if self.seed is None else self.seed
        self.generator_state = self.add_state("seed_generator_state", Generator(first).state)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:  # noqa: FBT001 (Keras's signature)
        """Return the inputs, masked and scaled when training."""
        if not training or self.rate == 0:
            return identity(inputs)
        shape = self.noise_shape or (None,) * inputs.ndim
        lengths = [n if size is None else size for n, size in zip(inputs.shape, shape, strict=True)]
        generator = Generator.resumed(self.generator_state.value)
        kept = generator.bernoulli(1 - self.rate, lengths)
        self.generator_state.assign(generator.state)
        scale = 0.0 if self.rate == 1 else 1 / (1 - self.rate)
        return multiply(inputs, kept.astype(inputs.dtype) * inputs.dtype.type(scale))

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
