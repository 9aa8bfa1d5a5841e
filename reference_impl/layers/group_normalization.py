"""GroupNormalization and UnitNormalization."""

from typing import Any

import numpy as np

from saveproof.reference_impl.fields import argument, attribute, configurable
from saveproof.reference_impl.layers.activation_layers import Elementwise
from saveproof.reference_impl.layers.arguments import (
    AXES,
    CONSTRAINT,
    INITIALIZER,
    REGULARIZER,
    LayerArgumentError,
    axes,
)
from saveproof.reference_impl.layers.masks import first_mask
from saveproof.reference_impl.nest import Nested, Shape
from saveproof.reference_impl.numerics.autodiff import (
    Tensor,
    Variable,
    cast,
    maximum,
    mean,
    multiply,
    reshape,
    sqrt,
    square,
    stop_gradient,
    sum,
)


@configurable
class GroupNormalization(Elementwise):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, by sample and group of channels.

    Mean and variance are over all axes but the batch, of `groups` equal parts of the channel axis;
    -1 means a group for each channel. With a mask they are over the elements in it; a mask with
    fewer axes than x, such as (batch, steps), counts for all features.
    Source: Wu and He (2018); tf_keras GroupNormalization, which broadcasts a mask to the last axes.
    """

    groups: int = 32
    axis: int = -1
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Any = argument(INITIALIZER, default="zeros")
    gamma_initializer: Any = argument(INITIALIZER, default="ones")
    beta_regularizer: Any = argument(REGULARIZER, default=None)
    gamma_regularizer: Any = argument(REGULARIZER, default=None)
    beta_constraint: Any = argument(CONSTRAINT, default=None)
    gamma_constraint: Any = argument(CONSTRAINT, default=None)
    gamma: Variable | None = attribute(default=None)
    beta: Variable | None = attribute(default=None)

    def build(self, input_shape: Shape) -> None:
        """Create gamma and beta (channels,).

        Raises:
            LayerArgumentError: If the channels are not known or not a multiple of the groups.
        """
        (self.channel_axis,) = axes(self.axis, len(input_shape), f"layer {self.name!r}")
        channels = input_shape[self.channel_axis]
        if self.groups == -1 and channels:
            self.groups = channels
        if not channels or self.groups < 1 or channels % self.groups or not self.channel_axis:
            raise LayerArgumentError(
                f"layer {self.name!r}: expected a known number of channels on axis {self.axis}, "
                f"a multiple of groups={self.groups}, found an input of shape {input_shape}"
            )
        if self.scale:
            self.gamma = self.add_weight_of("gamma", (channels,))
        if self.center:
            self.beta = self.add_weight_of("beta", (channels,))
        self.built = True

    def call(self, inputs: Tensor, mask: Nested = None) -> Tensor:
        """Return the normalized inputs."""
        x, kept = self._grouped(inputs), first_mask(mask)
        over = tuple(axis for axis in range(1, x.ndim) if axis != self.channel_axis)
        if kept is None:
            center = mean(x, over, keepdims=True)
            variance = mean(square(x - stop_gradient(center)), over, keepdims=True)
        else:
            weights = self._grouped(_spread(cast(kept, x.dtype), inputs))
            total = sum(weights, over, keepdims=True)
            center = sum(weights * x, over, keepdims=True) / total
            squares = weights * square(x - stop_gradient(center))
            variance = sum(squares, over, keepdims=True) / total
        outputs = (x - center) / sqrt(variance + self.epsilon)
        if self.gamma is not None:
            outputs = outputs * self._by_channel(self.gamma, x)
        if self.beta is not None:
            outputs = outputs + self._by_channel(self.beta, x)
        return reshape(outputs, inputs.shape)

    def _grouped(self, x: Tensor) -> Tensor:
        """Return x with the channel axis split into (groups, channels of a group)."""
        before, after = x.shape[: self.channel_axis], x.shape[self.channel_axis + 1 :]
        width = x.shape[self.channel_axis] // self.groups
        return reshape(x, (*before, self.groups, width, *after))

    def _by_channel(self, weight: Variable, x: Tensor) -> Tensor:
        """Return a weight in a shape that broadcasts to the grouped x."""
        shape = [1] * x.ndim
        at = slice(self.channel_axis, self.channel_axis + 2)
        shape[at] = x.shape[at]
        return reshape(cast(weight, x.dtype), shape)


def _spread(mask: Tensor, x: Tensor) -> Tensor:
    """Return a mask in the shape of x; axes that it lacks are added at the end."""
    missing: Any = (None,) * (x.ndim - mask.ndim)
    return multiply(mask[(..., *missing)], np.ones(_known(x.shape), mask.dtype))


def _known(shape: Shape) -> tuple[int, ...]:
    """Return a shape to broadcast a mask to, which has all open lengths already."""
    return tuple(1 if size is None else size for size in shape)


@configurable
class UnitNormalization(Elementwise):
    """x divided by its Euclidean norm along one or several axes; a norm below 1e-6 counts as that.

    Source: tf_keras UnitNormalization, by `tf.linalg.l2_normalize`.
    """

    axis: Any = argument(AXES, default=-1)

    def build(self, input_shape: Shape) -> None:
        """Check that the input has the axes."""
        axes(self.axis, len(input_shape), f"layer {self.name!r}")
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        """Return the inputs with a norm of 1."""
        over = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        squares = sum(square(inputs), over, keepdims=True)
        return inputs / sqrt(maximum(squares, 1e-12))
