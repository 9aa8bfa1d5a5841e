"""Activations as layers with arguments or weights, such as ReLU, PReLU and Softmax."""

from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from saveproof.reference_impl import activations
from saveproof.reference_impl.fields import Form, argument, configurable
from saveproof.reference_impl.layers.arguments import (
    CONSTRAINT,
    INITIALIZER,
    ONLY_IF_SET,
    REGULARIZER,
    LayerArgumentError,
    where,
)
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.masks import first_mask
from saveproof.reference_impl.nest import Nested, Shape
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
from saveproof.reference_impl.numerics.autodiff import where as chosen


class Elementwise(Layer):
    """A layer whose output has the shape of its input."""

    supports_masking = True

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape


def _from_zero(layer: Layer, name: str, value: float | None) -> float:
    if value is None or value < 0:
        raise LayerArgumentError(
            f"{where(layer, name)}: expected a number of at least 0, found {value!r}"
        )
    return float(np.float32(value))


def _from_zero_or_none(layer: Layer, name: str, value: float | None) -> float | None:
    return None if value is None else _from_zero(layer, name, value)


def _listed(_: Layer, __: str, value: int | Sequence[int] | None) -> list[int] | None:
    given = [value] if isinstance(value, int) else value
    return None if given is None else list(given)


def _axis_or_list(_: Layer, __: str, value: int | Sequence[int]) -> int | list[int]:
    return value if isinstance(value, int) else list(value)


FROM_ZERO = Form(_from_zero, takes=float | None)
FROM_ZERO_OR_NONE = Form(_from_zero_or_none)
SHARED_AXES = Form(_listed, takes=int | Sequence[int] | None)
AXIS_OR_LIST = Form(_axis_or_list, takes=int | Sequence[int])


@configurable
class ReLU(Elementwise):
    """x from the threshold to `max_value`, `negative_slope` (x - threshold) below.

    The arguments are stored in single precision, as in tf_keras.
    """

    max_value: float | None = argument(FROM_ZERO_OR_NONE, default=None)
    negative_slope: Any = argument(FROM_ZERO, default=0.0)
    threshold: Any = argument(FROM_ZERO, default=0.0)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the rectified inputs."""
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


@configurable
class LeakyReLU(Elementwise):
    """x where it is positive, `alpha` x elsewhere. Source: Maas et al. (2013).

    Keras 3 calls the argument `negative_slope`.
    """

    alpha: float = 0.3
    _: KW_ONLY
    negative_slope: float | None = argument(default=None, in_config=False)

    def __post_init__(self) -> None:
        slope = self.alpha if self.negative_slope is None else self.negative_slope
        if slope is None:
            raise LayerArgumentError(f"layer {self.name!r}: alpha: expected a number, found None")
        self.alpha = self.negative_slope = float(np.float32(slope))

    def call(self, inputs: Tensor) -> Tensor:
        """Return the rectified inputs."""
        return activations.leaky_relu(inputs, self.alpha)


def _single(layer: Layer, name: str, value: float | None) -> float:
    if value is None:
        raise LayerArgumentError(f"{where(layer, name)}: expected a number, found None")
    return float(np.float32(value))


@configurable
class ELU(Elementwise):
    """x where it is positive, `alpha` (exp(x) - 1) elsewhere. Source: Clevert et al. (2016)."""

    alpha: float = argument(Form(_single), default=1.0)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the activated inputs."""
        return activations.elu(inputs, self.alpha)


@configurable
class ThresholdedReLU(Elementwise):
    """x where it exceeds `theta`, 0 elsewhere. Source: Konda et al. (2014)."""

    theta: Any = argument(FROM_ZERO, default=1.0)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the rectified inputs."""
        return inputs * chosen(inputs.value > self.theta, np.ones((), inputs.dtype), 0.0)


@configurable
class PReLU(Elementwise):
    """x where it is positive, alpha x elsewhere; alpha is trained. Source: He et al. (2015).

    alpha has the shape of a sample, with length 1 on the `shared_axes`, counted from 1.
    """

    alpha_initializer: Any = argument(INITIALIZER, default="zeros")
    alpha_regularizer: Any = argument(REGULARIZER, default=None)
    alpha_constraint: Any = argument(CONSTRAINT, default=None)
    shared_axes: Any = argument(SHARED_AXES, default=None)

    def build(self, input_shape: Shape) -> None:
        """Create alpha.

        Raises:
            LayerArgumentError: If a sample has no such axis, or an open length is not shared.
        """
        axes, shared = range(1, len(input_shape)), self.shared_axes or []
        shape = [1 if axis in shared else input_shape[axis] for axis in axes]
        if not set(shared) <= set(axes) or None in shape:
            raise LayerArgumentError(
                f"layer {self.name!r}: expected shared_axes from 1 to {len(input_shape) - 1} "
                f"including all open lengths, found {self.shared_axes} for an input of shape "
                f"{input_shape}"
            )
        self.alpha = self.add_weight_of("alpha", [size for size in shape if size is not None])
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        """Return the rectified inputs."""
        return relu(inputs) - cast(self.alpha, inputs.dtype) * relu(negative(inputs))


def lowest_of(x: Tensor) -> float:
    """Return the number that stands for minus infinity in a softmax, as in tf_keras."""
    return float(np.finfo(np.float16).min) if x.dtype == np.float16 else -1e9


@configurable
class Softmax(Elementwise):
    """exp(x) / sum(exp(x)) along an axis, or over several of them.

    A mask with the shape of x, or one that broadcasts to it, leaves elements out: it adds a large
    negative number to them, or replaces them by it with `robust_masking`.
    """

    axis: Any = argument(AXIS_OR_LIST, default=-1)
    _: KW_ONLY
    robust_masking: bool = argument(ONLY_IF_SET, default=False)

    def call(self, inputs: Tensor, mask: Nested = None) -> Tensor:
        """Return the softmax of the inputs, of those in the mask if there is one."""
        kept = first_mask(mask)
        if kept is not None and self.robust_masking:
            inputs = chosen(kept, inputs, lowest_of(inputs))
        elif kept is not None:
            inputs = inputs + (1.0 - cast(kept, inputs.dtype)) * lowest_of(inputs)
        if isinstance(self.axis, int):
            return activations.softmax(inputs, self.axis)
        if len(self.axis) == 1:
            return activations.softmax(inputs, self.axis[0])
        over = tuple(self.axis)
        shifted = inputs - max(inputs, over, keepdims=True)
        return exp(shifted - log(sum(exp(shifted), over, keepdims=True)))
