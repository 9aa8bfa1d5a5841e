"""ReLU, LeakyReLU, PReLU and Softmax: activations with arguments or weights of their own."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from saveproof.reference_impl import activations, constraints, initializers, regularizers
from saveproof.reference_impl.layers.arguments import LayerArgumentError
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.nest import Shape
from saveproof.reference_impl.numerics.autodiff import (
    Tensor,
    cast,
    exp,
    log,
    max,
    negative,
    relu,
    sum,
)


class Elementwise(Layer):
    """A layer whose output has its input's shape."""

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape


class ReLU(Elementwise):
    """x from the threshold to `max_value`, `negative_slope` (x - threshold) below.

    The numbers are kept in single precision, as in tf_keras.
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float | None = 0.0,
        threshold: float | None = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else self._from_zero(max_value, "max_value")
        self.negative_slope = self._from_zero(negative_slope, "negative_slope")
        self.threshold = self._from_zero(threshold, "threshold")

    def _from_zero(self, value: float | None, name: str) -> float:
        if value is None or value < 0:
            raise LayerArgumentError(
                f"layer {self.name!r}: {name}: expected a number from 0 on, found {value!r}"
            )
        return float(np.float32(value))

    def call(self, inputs: Tensor) -> Tensor:
        """Return the rectified inputs."""
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, as tf_keras writes them."""
        return super().get_config() | {
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


class LeakyReLU(Elementwise):
    """x where it is positive, `alpha` x elsewhere. Source: Maas et al. (2013).

    Keras 3 calls the argument `negative_slope`.
    """

    def __init__(
        self, alpha: float = 0.3, *, negative_slope: float | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        slope = alpha if negative_slope is None else negative_slope
        if slope is None:
            raise LayerArgumentError(f"layer {self.name!r}: alpha: expected a number, found None")
        self.alpha = float(np.float32(slope))

    def call(self, inputs: Tensor) -> Tensor:
        """Return the rectified inputs."""
        return activations.leaky_relu(inputs, self.alpha)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, as tf_keras writes them."""
        return super().get_config() | {"alpha": self.alpha}


class PReLU(Elementwise):
    """x where it is positive, alpha x elsewhere; alpha is trained. Source: He et al. (2015).

    alpha has the shape of a sample, with length 1 on the `shared_axes`, counted from 1.
    """

    def __init__(
        self,
        alpha_initializer: object = "zeros",
        alpha_regularizer: object = None,
        alpha_constraint: object = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        if isinstance(shared_axes, int):
            shared_axes = [shared_axes]
        self.shared_axes = None if shared_axes is None else list(shared_axes)

    def build(self, input_shape: Shape) -> None:
        """Create alpha.

        Raises:
            LayerArgumentError: If a shared axis is none of the sample's, or a length that is not
                shared is open.
        """
        axes, shared = range(1, len(input_shape)), self.shared_axes or []
        shape = [1 if axis in shared else input_shape[axis] for axis in axes]
        if not set(shared) <= set(axes) or None in shape:
            raise LayerArgumentError(
                f"layer {self.name!r}: expected shared_axes from 1 to {len(input_shape) - 1}, "
                f"every open length among them, found {self.shared_axes} for an input of shape "
                f"{input_shape}"
            )
        self.alpha = self.add_weight(
            "alpha",
            [size for size in shape if size is not None],
            initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        """Return the rectified inputs."""
        return relu(inputs) - cast(self.alpha, inputs.dtype) * relu(negative(inputs))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, as tf_keras writes them."""
        return super().get_config() | {
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": constraints.serialize(self.alpha_constraint),
            "shared_axes": self.shared_axes,
        }


class Softmax(Elementwise):
    """exp(x) / sum(exp(x)) along an axis, or over several of them."""

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else list(axis)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the softmax of the inputs."""
        if isinstance(self.axis, int):
            return activations.softmax(inputs, self.axis)
        if len(self.axis) == 1:
            return activations.softmax(inputs, self.axis[0])
        over = tuple(self.axis)
        shifted = inputs - max(inputs, over, keepdims=True)
        return exp(shifted - log(sum(exp(shifted), over, keepdims=True)))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, as tf_keras writes them."""
        return super().get_config() | {"axis": self.axis}
