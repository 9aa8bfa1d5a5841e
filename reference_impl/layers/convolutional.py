"""Conv1D and Conv2D, and the base class of all convolutions."""

from dataclasses import KW_ONLY
from typing import Any, ClassVar

from saveproof.reference_impl.fields import Form, argument, attribute, configurable
from saveproof.reference_impl.layers.arguments import (
    ACTIVATION,
    CHANNELS_LAST,
    CONSTRAINT,
    INITIALIZER,
    PADDING,
    REGULARIZER,
    SIZES,
    WHOLE,
    LayerArgumentError,
)
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.nest import Shape
from saveproof.reference_impl.numerics.autodiff import Tensor, Variable, cast, concatenate, conv
from saveproof.reference_impl.numerics.windows import output_length

GROUPS = Form(lambda _, __, value: value or 1)


@configurable
class Convolution(Layer):
    """activation(cross-correlation of x with kernel + bias), over `rank` spatial axes.

    x (batch, *space, channels), kernel (*window, channels / groups, filters), bias (filters,).
    Each group has its own channels and filters.
    """

    rank = 0
    paddings: ClassVar[tuple[str, ...]] = ("valid", "same")
    depthwise = False

    filters: int = argument(WHOLE)
    kernel_size: Any = argument(SIZES)
    strides: Any = argument(SIZES, default=1)
    padding: str = argument(PADDING, default="valid")
    _: KW_ONLY
    data_format: Any = argument(CHANNELS_LAST, default=None)
    dilation_rate: Any = argument(SIZES, default=1)
    groups: int = argument(GROUPS, default=1)
    activation: Any = argument(ACTIVATION, default=None)
    use_bias: bool = True
    kernel_initializer: Any = argument(INITIALIZER, default="glorot_uniform")
    bias_initializer: Any = argument(INITIALIZER, default="zeros")
    kernel_regularizer: Any = argument(REGULARIZER, default=None)
    bias_regularizer: Any = argument(REGULARIZER, default=None)
    activity_regularizer: Any = argument(REGULARIZER, default=None)
    kernel_constraint: Any = argument(CONSTRAINT, default=None)
    bias_constraint: Any = argument(CONSTRAINT, default=None)
    bias: Variable | None = attribute(default=None)

    def __post_init__(self) -> None:
        if self.filters < 1 or self.filters % self.groups:
            raise LayerArgumentError(
                f"layer {self.name!r}: filters: expected a positive multiple of "
                f"groups={self.groups}, found {self.filters}"
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise LayerArgumentError(
                f"layer {self.name!r}: strides {self.strides} and dilation_rate "
                f"{self.dilation_rate} cannot both exceed 1"
            )

    def build(self, input_shape: Shape) -> None:
        """Create kernel and bias.

        Raises:
            LayerArgumentError: If the input's shape does not fit the arguments.
        """
        channels = input_shape[-1]
        if len(input_shape) != self.rank + 2 or channels is None or channels % self.groups:
            raise LayerArgumentError(
                f"layer {self.name!r}: expected an input of rank {self.rank + 2} with a number of "
                f"channels divisible by groups={self.groups}, found {input_shape}"
            )
        self.compute_output_shape(input_shape)
        self._add_kernels(channels)
        if self.use_bias:
            self.bias = self.add_weight_of("bias", (self._made(channels),))
        self.built = True

    def _add_kernels(self, channels: int) -> None:
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.add_weight_of("kernel", shape)

    def _made(self, channels: int | None) -> int | None:  # noqa: ARG002 (for those that need it)
        """Return the number of output channels."""
        return self.filters

    def call(self, inputs: Tensor) -> Tensor:
        """Return the activated cross-correlation of the inputs."""
        return self.finished(self._correlation(inputs))

    def finished(self, outputs: Tensor) -> Tensor:
        """Return the cross-correlation with the bias added, activated."""
        if self.bias is not None:
            outputs = outputs + cast(self.bias, outputs.dtype)
        activated: Tensor = self.activation(outputs)
        return activated

    def _correlation(self, inputs: Tensor) -> Tensor:
        kernel = cast(self.kernel, inputs.dtype)
        channels, filters = kernel.shape[-2], self.filters // self.groups
        parts = [
            self._convolved(
                inputs[..., i * channels : (i + 1) * channels],
                kernel[..., i * filters : (i + 1) * filters],
            )
            for i in range(self.groups if self.groups > 1 else 0)
        ]
        return concatenate(parts) if parts else self._convolved(inputs, kernel)

    def _convolved(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        return conv(
            inputs,
            kernel,
            strides=self.strides,
            padding=self.padding,
            dilation=self.dilation_rate,
            depthwise=self.depthwise,
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, *windows, output channels).

        Raises:
            LayerArgumentError: If no window fits.
        """
        per_axis = zip(
            input_shape[1:-1], self.kernel_size, self.strides, self.dilation_rate, strict=True
        )
        space = [
            None if n is None else output_length(n, size, stride, dilation, self.padding)
            for n, size, stride, dilation in per_axis
        ]
        if 0 in space:
            raise LayerArgumentError(
                f"layer {self.name!r}: no window of {self.kernel_size} fits an input of shape "
                f"{input_shape}"
            )
        return input_shape[0], *space, self._made(input_shape[-1])


class Conv1D(Convolution):
    """Convolution over one axis; padding "causal" sees no later step."""

    rank = 1
    paddings = ("valid", "same", "causal")


class Conv2D(Convolution):
    """Convolution over height and width."""

    rank = 2
