"""Depthwise and separable convolutions."""

from dataclasses import KW_ONLY
from typing import Any

from saveproof.reference_impl.fields import argument, attribute, configurable
from saveproof.reference_impl.layers.arguments import CONSTRAINT, INITIALIZER, REGULARIZER, WHOLE
from saveproof.reference_impl.layers.convolutional import Convolution
from saveproof.reference_impl.numerics.autodiff import Tensor, cast, conv


@configurable
class DepthwiseConvolution(Convolution):
    """activation(cross-correlation of each channel with its own kernels + bias).

    depthwise_kernel (*window, channels, depth_multiplier), bias (channels * depth_multiplier,).
    Source: Chollet (2017), Xception.
    """

    paddings = ("valid", "same")
    depthwise = True

    filters: int = attribute()
    depth_multiplier: int = argument(WHOLE, default=1)
    _: KW_ONLY
    kernel_initializer: Any = argument(INITIALIZER, default="glorot_uniform", in_config=False)
    kernel_regularizer: Any = argument(REGULARIZER, default=None, in_config=False)
    kernel_constraint: Any = argument(CONSTRAINT, default=None, in_config=False)
    depthwise_initializer: Any = argument(INITIALIZER, default="glorot_uniform")
    depthwise_regularizer: Any = argument(REGULARIZER, default=None)
    depthwise_constraint: Any = argument(CONSTRAINT, default=None)

    def __post_init__(self) -> None:
        self.filters = self.depth_multiplier
        super().__post_init__()

    def _made(self, channels: int | None) -> int | None:
        return None if channels is None else channels * self.depth_multiplier

    def _add_kernels(self, channels: int) -> None:
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.depthwise_kernel = self.add_weight_of("depthwise", shape, name="depthwise_kernel")

    def _correlation(self, inputs: Tensor) -> Tensor:
        return self._convolved(inputs, cast(self.depthwise_kernel, inputs.dtype))


class DepthwiseConv1D(DepthwiseConvolution):
    """Depthwise convolution over one axis."""

    rank = 1


class DepthwiseConv2D(DepthwiseConvolution):
    """Depthwise convolution over height and width."""

    rank = 2


@configurable
class SeparableConvolution(Convolution):
    """activation(depthwise cross-correlation, then a pointwise one over channels, + bias).

    depthwise_kernel (*window, channels, depth_multiplier),
    pointwise_kernel (1, .., channels * depth_multiplier, filters), bias (filters,).
    Source: Chollet (2017), Xception. `groups` and the kernel's arguments have no effect; the config
    contains them, as in tf_keras.
    """

    depthwise = True

    _: KW_ONLY
    depth_multiplier: int = 1
    depthwise_initializer: Any = argument(INITIALIZER, default="glorot_uniform")
    pointwise_initializer: Any = argument(INITIALIZER, default="glorot_uniform")
    depthwise_regularizer: Any = argument(REGULARIZER, default=None)
    pointwise_regularizer: Any = argument(REGULARIZER, default=None)
    depthwise_constraint: Any = argument(CONSTRAINT, default=None)
    pointwise_constraint: Any = argument(CONSTRAINT, default=None)

    def _add_kernels(self, channels: int) -> None:
        made = channels * self.depth_multiplier
        depthwise = (*self.kernel_size, channels, self.depth_multiplier)
        pointwise = (*(1,) * self.rank, made, self.filters)
        self.depthwise_kernel = self.add_weight_of("depthwise", depthwise, name="depthwise_kernel")
        self.pointwise_kernel = self.add_weight_of("pointwise", pointwise, name="pointwise_kernel")

    def _correlation(self, inputs: Tensor) -> Tensor:
        return self.mixed(self._convolved(inputs, cast(self.depthwise_kernel, inputs.dtype)))

    def mixed(self, between: Tensor) -> Tensor:
        """Return the pointwise cross-correlation of the depthwise result."""
        once = (1,) * self.rank
        kernel = cast(self.pointwise_kernel, between.dtype)
        return conv(between, kernel, strides=once, dilation=once)


class SeparableConv1D(SeparableConvolution):
    """Separable convolution over one axis; padding "causal" sees no later step."""

    rank = 1
    paddings = ("valid", "same", "causal")


class SeparableConv2D(SeparableConvolution):
    """Separable convolution over height and width."""

    rank = 2
