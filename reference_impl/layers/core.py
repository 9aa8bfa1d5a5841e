"""Dense, Activation, Dropout, Flatten and Reshape."""

import math
from collections.abc import Sequence
from typing import Any

from saveproof.reference_impl import activations, constraints, initializers, regularizers
from saveproof.reference_impl.layers.arguments import (
    DATA_FORMATS,
    LayerArgumentError,
    one_of,
    shape_of,
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


class Dense(Layer):
    """activation(x @ kernel + bias), along the last axis of x.

    x (batch, ..., features), kernel (features, units), bias (units,).
    """

    def __init__(
        self,
        units: int,
        activation: object = None,
        *,
        use_bias: bool = True,
        kernel_initializer: object = "glorot_uniform",
        bias_initializer: object = "zeros",
        kernel_regularizer: object = None,
        bias_regularizer: object = None,
        activity_regularizer: object = None,
        kernel_constraint: object = None,
        bias_constraint: object = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = int(units)
        if self.units < 1:
            raise LayerArgumentError(f"layer {self.name!r}: units: expected >= 1, found {units!r}")
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.bias: Variable | None = None

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
        self.kernel = self.add_weight(
            "kernel",
            (features, self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                "bias",
                (self.units,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        """Return the activated affine map of the inputs."""
        inputs = cast(inputs, self.compute_dtype)
        outputs = matmul(inputs, cast(self.kernel, inputs.dtype))
        if self.bias is not None:
            outputs = outputs + cast(self.bias, inputs.dtype)
        return self.activation(outputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape with `units` features."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, as tf_keras writes them."""
        return super().get_config() | {
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }


class Activation(Layer):
    """An activation function as a layer."""

    def __init__(self, activation: object, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the function of the inputs."""
        return self.activation(inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, as tf_keras writes them."""
        return super().get_config() | {"activation": activations.serialize(self.activation)}


class Dropout(Layer):
    """In training, elements set to 0 at this rate and the others scaled by 1 / (1 - rate).

    `noise_shape` is the shape of the mask, which broadcasts; None stands for the input's length.
    Without a seed the layer draws one. The generator's state is part of the model's state.
    Source: Srivastava et al. (2014). The masks are not TensorFlow's.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate <= 1:
            raise LayerArgumentError(
                f"layer {self.name!r}: rate: expected a number in [0, 1], found {rate!r}"
            )
        if noise_shape is not None:
            shape_of(noise_shape, f"layer {self.name!r}: noise_shape")
        self.rate = rate
        self.noise_shape = noise_shape
        self.seed = seed
        first = process_generator().seed() if seed is None else seed
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

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, as tf_keras writes them."""
        return super().get_config() | {
            "rate": self.rate,
            "noise_shape": self.noise_shape,
            "seed": self.seed,
        }


class Flatten(Layer):
    """All axes but the batch as one; the channels of channels_first inputs move last before."""

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = one_of(data_format or "channels_last", DATA_FORMATS, "data_format")

    def call(self, inputs: Tensor) -> Tensor:
        """Return the inputs as (batch, features)."""
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = transpose(inputs, (0, *range(2, inputs.ndim), 1))
        return reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, features), features None if a length is open."""
        return input_shape[0], _product(input_shape[1:])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, as tf_keras writes them."""
        return super().get_config() | {"data_format": self.data_format}


class Reshape(Layer):
    """The elements of each sample in another shape; one length may be -1."""

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        where = f"layer {self.name!r}: target_shape"
        self.target_shape = shape_of(target_shape, where, unknown=(-1,))

    def call(self, inputs: Tensor) -> Tensor:
        """Return the inputs as (batch, *target_shape)."""
        return reshape(inputs, (inputs.shape[0], *self.target_shape))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, *target_shape), with -1 worked out where the input's shape is known.

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

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, as tf_keras writes them."""
        return super().get_config() | {"target_shape": self.target_shape}


def _product(shape: Shape) -> int | None:
    """The number of elements of a shape, None if a length is open."""
    known = [size for size in shape if size is not None]
    return math.prod(known) if len(known) == len(shape) else None
