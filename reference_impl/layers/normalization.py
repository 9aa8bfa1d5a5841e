"""BatchNormalization and LayerNormalization."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from saveproof.reference_impl import constraints, initializers, regularizers
from saveproof.reference_impl.layers.arguments import LayerArgumentError, axes, given_axes
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


class BatchNormalization(Layer):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, for each index of the given axes.

    In training, mean and variance are the batch's, and the moving ones follow them by
    `moving -= (moving - batch) (1 - momentum)`; otherwise, and while the layer is frozen, the
    moving ones are used. Source: Ioffe and Szegedy (2015); tf_keras
    BatchNormalization. As with TensorFlow's fused kernel, which tf_keras takes for rank 4 and 5,
    the moving variance of such inputs follows the unbiased variance.
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        *,
        center: bool = True,
        scale: bool = True,
        beta_initializer: object = "zeros",
        gamma_initializer: object = "ones",
        moving_mean_initializer: object = "zeros",
        moving_variance_initializer: object = "ones",
        beta_regularizer: object = None,
        gamma_regularizer: object = None,
        beta_constraint: object = None,
        gamma_constraint: object = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = given_axes(axis, f"layer {self.name!r}")
        self.momentum = momentum
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma: Variable | None = None
        self.beta: Variable | None = None

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
            self.gamma = self.add_weight(
                "gamma",
                shape,
                dtype=dtype,
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
            )
        if self.center:
            self.beta = self.add_weight(
                "beta",
                shape,
                dtype=dtype,
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
            )
        self.moving_mean = self.add_weight(
            "moving_mean",
            shape,
            dtype=dtype,
            initializer=self.moving_mean_initializer,
            trainable=False,
        )
        self.moving_variance = self.add_weight(
            "moving_variance",
            shape,
            dtype=dtype,
            initializer=self.moving_variance_initializer,
            trainable=False,
        )
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:  # noqa: FBT001 (Keras's signature)
        """Return the normalized inputs; in training, let the moving statistics follow."""
        x = cast(inputs, self.moving_mean.dtype)
        if training and self.trainable:
            center, variance = self.moments(x)
            self._follow(center.value, variance.value, x.value.size)
        else:
            center = reshape(self.moving_mean, self.broadcast_shape)
            variance = reshape(self.moving_variance, self.broadcast_shape)
        return cast(self.normalized(x, center, variance), inputs.dtype)

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the batch's mean and variance, with axes of length 1 where they are over all."""
        return _moments(x, self.reduced_axes(x.ndim))

    def normalized(self, x: Tensor, center: Tensor, variance: Tensor) -> Tensor:
        """Return x by these statistics, scaled by gamma and moved by beta."""
        outputs = (x - center) / sqrt(variance + self.epsilon)
        if self.gamma is not None:
            outputs = outputs * reshape(self.gamma, self.broadcast_shape)
        if self.beta is not None:
            outputs = outputs + reshape(self.beta, self.broadcast_shape)
        return outputs

    def reduced_axes(self, rank: int) -> tuple[int, ...]:
        """Return the axes over which the statistics are."""
        kept = [self.axis] if isinstance(self.axis, int) else self.axis
        return tuple(a for a in range(rank) if a not in kept)

    @property
    def decay(self) -> Any:
        """The share of the way that the moving statistics go towards the batch's."""
        # tf_keras rounds the decay to float32 even where the statistics are float64.
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

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as tf_keras writes them; axis a list once built."""
        return super().get_config() | {
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }


class LayerNormalization(Layer):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, mean and variance over the given axes.

    Source: Ba et al. (2016); tf_keras LayerNormalization.
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        *,
        center: bool = True,
        scale: bool = True,
        beta_initializer: object = "zeros",
        gamma_initializer: object = "ones",
        beta_regularizer: object = None,
        gamma_regularizer: object = None,
        beta_constraint: object = None,
        gamma_constraint: object = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = given_axes(axis, f"layer {self.name!r}")
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.gamma: Variable | None = None
        self.beta: Variable | None = None

    def build(self, input_shape: Shape) -> None:
        """Create gamma and beta, shaped as the normalized axes in the order given.

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
            self.gamma = self.add_weight(
                "gamma",
                shape,
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
            )
        if self.center:
            self.beta = self.add_weight(
                "beta",
                shape,
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
            )
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

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as tf_keras writes them; axis a list once built."""
        return super().get_config() | {
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }


def _moments(x: Tensor, over: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Mean and variance over axes, which keep length 1.

    The mean inside the variance is held constant: its gradient is zero anyway.
    """
    center = mean(x, over, keepdims=True)
    return center, mean(square(x - stop_gradient(center)), over, keepdims=True)
