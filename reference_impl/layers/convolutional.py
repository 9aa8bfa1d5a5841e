"""Conv1D and Conv2D, and what all convolutions share."""

from collections.abc import Sequence
from typing import Any

from saveproof.reference_impl import activations, constraints, initializers, regularizers
from saveproof.reference_impl.layers.arguments import (
    LayerArgumentError,
    channels_last,
    one_of,
    sizes,
)
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.nest import Shape
from saveproof.reference_impl.numerics.autodiff import Tensor, Variable, cast, concatenate, conv
from saveproof.reference_impl.numerics.windows import output_length


class Convolution(Layer):
    """activation(cross-correlation of x with kernel + bias), over `rank` axes of space.

    x (batch, *space, channels), kernel (*window, channels / groups, filters), bias (filters,).
    With groups, each of them sees its own channels and makes its own filters.
    """

    rank = 0
    paddings: tuple[str, ...] = ("valid", "same")
    depthwise = False

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        *,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        groups: int = 1,
        activation: object = None,
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
        where = f"layer {self.name!r}"
        self.filters = int(filters)
        self.groups = groups or 1
        self.kernel_size = sizes(kernel_size, self.rank, f"{where}: kernel_size")
        self.strides = sizes(strides, self.rank, f"{where}: strides")
        self.dilation_rate = sizes(dilation_rate, self.rank, f"{where}: dilation_rate")
        self.padding = one_of(padding, self.paddings, f"{where}: padding")
        self.data_format = channels_last(data_format, where)
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
        self._check_arguments()

    def _check_arguments(self) -> None:
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
                f"channels that groups={self.groups} divides, found {input_shape}"
            )
        self.compute_output_shape(input_shape)
        self._add_kernels(channels)
        if self.use_bias:
            self.bias = self.add_kernel("bias", (self._made(channels),))
        self.built = True

    def _add_kernels(self, channels: int) -> None:
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.add_kernel("kernel", shape)

    def add_kernel(self, role: str, shape: Shape, *, name: str | None = None) -> Variable:
        """Create a weight with the three arguments that concern its role."""
        return self.add_weight(
            name or role,
            tuple(shape),  # type: ignore[arg-type]  # every length is known by now
            initializer=getattr(self, f"{role}_initializer"),
            regularizer=getattr(self, f"{role}_regularizer"),
            constraint=getattr(self, f"{role}_constraint"),
        )

    def _made(self, channels: int | None) -> int | None:  # noqa: ARG002 (for those that need it)
        """Return how many channels come of so many."""
        return self.filters

    def call(self, inputs: Tensor) -> Tensor:
        """Return the activated cross-correlation of the inputs."""
        return self.finished(self._correlation(inputs))

    def finished(self, outputs: Tensor) -> Tensor:
        """Return the cross-correlation with the bias added, activated."""
        if self.bias is not None:
            outputs = outputs + cast(self.bias, outputs.dtype)
        return self.activation(outputs)

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
        """Return (batch, *windows, channels made).

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

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, as tf_keras writes them."""
        return super().get_config() | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
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


class Conv1D(Convolution):
    """Convolution over one axis; padding "causal" sees no later step."""

    rank = 1
    paddings = ("valid", "same", "causal")


class Conv2D(Convolution):
    """Convolution over height and width."""

    rank = 2
