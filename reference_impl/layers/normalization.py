"""BatchNormalization and LayerNormalization."""

from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from saveproof.reference_impl.fields import argument, attribute, configurable
from saveproof.reference_impl.layers.arguments import (
    AXES,
    CONSTRAINT,
    INITIALIZER,
    REGULARIZER,
    LayerArgumentError,
    axes,
)
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.nest import Shape
from saveproof.reference_impl.numerics.autodiff import (
    Tensor,
    Variable,
    cast,
    mean,
    reshape,
    sqrt,
    square,
    stop_gradient,
)


@configurable
class BatchNormalization(Layer):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, for each index of the given axes.

    In training, mean and variance are the batch's, and the moving statistics are updated by
    `moving -= (moving - batch) (1 - momentum)`; otherwise, and while the layer is frozen, the
    moving statistics are used. Source: Ioffe and Szegedy (2015); tf_keras BatchNormalization.
    For inputs of rank 4 and 5 the moving variance is updated with the unbiased variance, as in
    TensorFlow's fused kernel, which tf_keras uses for them.
    """

    supports_masking = True

    axis: Any = argument(AXES, default=-1)
    momentum: float = 0.99
    epsilon: float = 1e-3
    _: KW_ONLY
    center: bool = True
    scale: bool = True
    beta_initializer: Any = argument(INITIALIZER, default="zeros")
    gamma_initializer: Any = argument(INITIALIZER, default="ones")
    moving_mean_initializer: Any = argument(INITIALIZER, default="zeros")
    moving_variance_initializer: Any = argument(INITIALIZER, default="ones")
    beta_regularizer: Any = argument(REGULARIZER, default=None)
    gamma_regularizer: Any = argument(REGULARIZER, default=None)
    beta_constraint: Any = argument(CONSTRAINT, default=None)
    gamma_constraint: Any = argument(CONSTRAINT, default=None)
    gamma: Variable | None = attribute(default=None)
    beta: Variable | None = attribute(default=None)

    def build(self, input_shape: Shape) -> None:
        """Create gamma, beta and the moving statistics, in float32 at least.

        Raises:
            LayerArgumentError: If an axis is out of range or its length is open.
        """
        given = [self.axis] if isinstance(self.axis, int) else self.axis
        self.fused = (
            len(input_shape) in (4, 5)
            and self.compute_dtype != "float64"
            and len(given) == 1
            and axes(given, len(input_shape), self.name)[0] in (1, len(input_shape) - 1)
        )
        self.axis = axes(given, len(input_shape), f"layer {self.name!r}")
        if any(input_shape[a] is None for a in self.axis):
            raise LayerArgumentError(
                f"layer {self.name!r}: expected known lengths on the axes {self.axis}, "
                f"found an input of shape {input_shape}"
            )
        kept = [size or 1 if a in self.axis else 1 for a, size in enumerate(input_shape)]
        self.broadcast_shape = tuple(kept)
        shape = (kept[self.axis[0]],) if len(self.axis) == 1 else self.broadcast_shape
        dtype = "float64" if self.dtype == "float64" else "float32"
        if self.scale:
            self.gamma = self.add_weight_of("gamma", shape, dtype=dtype)
        if self.center:
            self.beta = self.add_weight_of("beta", shape, dtype=dtype)
        self.moving_mean = self.add_weight_of("moving_mean", shape, dtype=dtype, trainable=False)
        self.moving_variance = self.add_weight_of(
            "moving_variance", shape, dtype=dtype, trainable=False
        )
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:  # noqa: FBT001 (Keras's signature)
        """Return the normalized inputs; in training, update the moving statistics."""
        x = cast(inputs, self.moving_mean.dtype)
        if training and self.trainable:
            center, variance = self.moments(x)
            self._follow(center.value, variance.value, x.value.size)
        else:
            center = reshape(self.moving_mean, self.broadcast_shape)
            variance = reshape(self.moving_variance, self.broadcast_shape)
        return cast(self.normalized(x, center, variance), inputs.dtype)

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the batch's mean and variance; reduced axes have length 1."""
        return _moments(x, self.reduced_axes(x.ndim))

    def normalized(self, x: Tensor, center: Tensor, variance: Tensor) -> Tensor:
        """Return x normalized by these statistics, scaled by gamma and shifted by beta."""
        outputs = (x - center) / sqrt(variance + self.epsilon)
        if self.gamma is not None:
            outputs = outputs * reshape(self.gamma, self.broadcast_shape)
        if self.beta is not None:
            outputs = outputs + reshape(self.beta, self.broadcast_shape)
        return outputs

    def reduced_axes(self, rank: int) -> tuple[int, ...]:
        """Return the axes over which the statistics are computed."""
        kept = [self.axis] if isinstance(self.axis, int) else self.axis
        return tuple(a for a in range(rank) if a not in kept)

    @property
    def decay(self) -> Any:
        """The fraction by which the moving statistics move towards the batch's."""
        # tf_keras rounds the decay to float32 even if the statistics are float64.
        return self.moving_mean.dtype.type(np.float32(1.0 - self.momentum))

    def _follow(self, center: np.ndarray, variance: np.ndarray, size: int) -> None:
        """Move the moving statistics towards the batch's."""
        if self.fused:
            count = size // variance.size
            variance = variance * variance.dtype.type(count / max(count - 1, 1))
        decay = self.decay
        for moving, value in ((self.moving_mean, center), (self.moving_variance, variance)):
            moving.assign(moving.value - (moving.value - value.reshape(moving.shape)) * decay)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape


@configurable
class LayerNormalization(Layer):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and variance over the given axes.

    Source: Ba et al. (2016); tf_keras LayerNormalization.
    """

    supports_masking = True

    axis: Any = argument(AXES, default=-1)
    epsilon: float = 1e-3
    _: KW_ONLY
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
        """Create gamma and beta, with the lengths of the normalized axes in the given order.

        Raises:
            LayerArgumentError: If an axis is out of range or its length is open.
        """
        self.axis = axes(self.axis, len(input_shape), f"layer {self.name!r}")
        lengths = [input_shape[a] for a in self.axis]
        shape = tuple(size for size in lengths if size is not None)
        if len(shape) != len(lengths):
            raise LayerArgumentError(
                f"layer {self.name!r}: expected known lengths on the axes {self.axis}, "
                f"found an input of shape {input_shape}"
            )
        kept = [size or 1 if a in self.axis else 1 for a, size in enumerate(input_shape)]
        self.broadcast_shape = tuple(kept)
        if self.scale:
            self.gamma = self.add_weight_of("gamma", shape)
        if self.center:
            self.beta = self.add_weight_of("beta", shape)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        """Return the normalized inputs."""
        x = cast(inputs, "float64" if inputs.dtype == np.float64 else "float32")
        over = (self.axis,) if isinstance(self.axis, int) else tuple(self.axis)
        center, variance = _moments(x, over)
        outputs = (x - center) / sqrt(variance + self.epsilon)
        if self.gamma is not None:
            outputs = outputs * reshape(cast(self.gamma, x.dtype), self.broadcast_shape)
        if self.beta is not None:
            outputs = outputs + reshape(cast(self.beta, x.dtype), self.broadcast_shape)
        return cast(outputs, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape


def _moments(x: Tensor, over: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return mean and variance over axes, which keep length 1.

    The mean in the variance is treated as a constant, since its gradient is zero.
    """
    center = mean(x, over, keepdims=True)
    return center, mean(square(x - stop_gradient(center)), over, keepdims=True)
