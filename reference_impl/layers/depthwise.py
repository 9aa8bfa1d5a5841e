"""Convolutions of each channel by itself, alone or with the channels mixed after it."""

from collections.abc import Sequence
from typing import Any

from saveproof.reference_impl import constraints, initializers, regularizers
from saveproof.reference_impl.layers.convolutional import Convolution
from saveproof.reference_impl.numerics.autodiff import Tensor, cast, conv


class DepthwiseConvolution(Convolution):
    """activation(cross-correlation of each channel with kernels of its own + bias).

    depthwise_kernel (*window, channels, depth_multiplier), bias (channels * depth_multiplier,).
    Source: Chollet (2017), Xception.
    """

    paddings = ("valid", "same")
    depthwise = True

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        *,
        depthwise_initializer: object = "glorot_uniform",
        depthwise_regularizer: object = None,
        depthwise_constraint: object = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(depth_multiplier, kernel_size, strides, padding, **kwargs)
        self.depth_multiplier = self.filters
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)

    def _made(self, channels: int | None) -> int | None:
        return None if channels is None else channels * self.depth_multiplier

    def _add_kernels(self, channels: int) -> None:
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.depthwise_kernel = self.add_kernel("depthwise", shape, name="depthwise_kernel")

    def _correlation(self, inputs: Tensor) -> Tensor:
        return self._convolved(inputs, cast(self.depthwise_kernel, inputs.dtype))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, as tf_keras writes them."""
        config = super().get_config()
        others = ("filters", "kernel_initializer", "kernel_regularizer", "kernel_constraint")
        return {key: value for key, value in config.items() if key not in others} | {
            "depth_multiplier": self.depth_multiplier,
            "depthwise_initializer": initializers.serialize(self.depthwise_initializer),
            "depthwise_regularizer": regularizers.serialize(self.depthwise_regularizer),
            "depthwise_constraint": constraints.serialize(self.depthwise_constraint),
        }


class DepthwiseConv1D(DepthwiseConvolution):
    """Depthwise convolution over one axis."""

    rank = 1


class DepthwiseConv2D(DepthwiseConvolution):
    """Depthwise convolution over height and width."""

    rank = 2


class SeparableConvolution(Convolution):
    """activation(a depthwise cross-correlation, whose channels a second kernel mixes + bias).

    depthwise_kernel (*window, channels, depth_multiplier),
    pointwise_kernel (1, .., channels * depth_multiplier, filters), bias (filters,).
    Source: Chollet (2017), Xception. `groups` and the kernel's arguments change nothing here; they
    are kept for the config, where tf_keras has them.
    """

    depthwise = True

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        *,
        depth_multiplier: int = 1,
        depthwise_initializer: object = "glorot_uniform",
        pointwise_initializer: object = "glorot_uniform",
        depthwise_regularizer: object = None,
        pointwise_regularizer: object = None,
        depthwise_constraint: object = None,
        pointwise_constraint: object = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, kernel_size, strides, padding, **kwargs)
        self.depth_multiplier = depth_multiplier
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def _add_kernels(self, channels: int) -> None:
        made = channels * self.depth_multiplier
        depthwise = (*self.kernel_size, channels, self.depth_multiplier)
        pointwise = (*(1,) * self.rank, made, self.filters)
        self.depthwise_kernel = self.add_kernel("depthwise", depthwise, name="depthwise_kernel")
        self.pointwise_kernel = self.add_kernel("pointwise", pointwise, name="pointwise_kernel")

    def _correlation(self, inputs: Tensor) -> Tensor:
        return self.mixed(self._convolved(inputs, cast(self.depthwise_kernel, inputs.dtype)))

    def mixed(self, between: Tensor) -> Tensor:
        """Return what the second kernel makes of the channels that the first has made."""
        once = (1,) * self.rank
        kernel = cast(self.pointwise_kernel, between.dtype)
        return conv(between, kernel, strides=once, dilation=once)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, as tf_keras writes them."""
        return super().get_config() | {
            "depth_multiplier": self.depth_multiplier,
            "depthwise_initializer": initializers.serialize(self.depthwise_initializer),
            "pointwise_initializer": initializers.serialize(self.pointwise_initializer),
            "depthwise_regularizer": regularizers.serialize(self.depthwise_regularizer),
            "pointwise_regularizer": regularizers.serialize(self.pointwise_regularizer),
            "depthwise_constraint": constraints.serialize(self.depthwise_constraint),
            "pointwise_constraint": constraints.serialize(self.pointwise_constraint),
        }


class SeparableConv1D(SeparableConvolution):
    """Separable convolution over one axis; padding "causal" sees no later step."""

    rank = 1
    paddings = ("valid", "same", "causal")


class SeparableConv2D(SeparableConvolution):
    """Separable convolution over height and width."""

    rank = 2
