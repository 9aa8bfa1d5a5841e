"""Dropout in its forms, and Gaussian noise: layers that act in training only."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from saveproof.reference_impl.fields import Form, argument, configurable
from saveproof.reference_impl.layers.arguments import (
    DATA_FORMATS,
    LayerArgumentError,
    check_rank,
    one_of,
    shape_of,
    where,
)
from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.layers.randomness import RandomLayer
from saveproof.reference_impl.nest import Shape
from saveproof.reference_impl.numerics.autodiff import Tensor, identity, multiply


def _rate(layer: Layer, name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise LayerArgumentError(
            f"{where(layer, name)}: expected a number in [0, 1], found {value!r}"
        )
    return value


def _noise_shape(layer: Layer, name: str, value: Any) -> Any:
    if value is not None:
        shape_of(value, where(layer, name))
    return value


def _given_format(_: Layer, name: str, value: str | None) -> str:
    return one_of(value or "channels_last", DATA_FORMATS, name)


def _unless_default(layer: Layer, name: str) -> str | None:
    """Return the data format for a config, in which tf_keras leaves it out (and so loses it)."""
    found: str = getattr(layer, name)
    return None if found == "channels_last" else found


def _not_negative(layer: Layer, name: str, value: float) -> float:
    if value < 0:
        raise LayerArgumentError(
            f"{where(layer, name)}: expected a number of at least 0, found {value!r}"
        )
    return value


RATE = Form(_rate)


@configurable
class Dropout(RandomLayer):
    """In training, sets elements to 0 at this rate and scales the others by 1 / (1 - rate).

    `noise_shape` is the shape of the mask, which broadcasts; None means the input's length.
    Source: Srivastava et al. (2014).
    """

    rate: float = argument(RATE)
    noise_shape: Sequence[int | None] | None = argument(Form(_noise_shape), default=None)
    seed: int | None = None

    def drop_shape(self, rank: int) -> Sequence[int | None]:
        """Return the shape of the mask for inputs of this rank; None means the input's length."""
        return self.noise_shape or (None,) * rank

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:  # noqa: FBT001 (Keras's signature)
        """Return the inputs, masked and scaled when training."""
        if not training or self.rate == 0:
            return identity(inputs)
        shape = self.drop_shape(inputs.ndim)
        lengths = [n if size is None else size for n, size in zip(inputs.shape, shape, strict=True)]
        kept = self.drawn(lambda generator: generator.bernoulli(1 - self.rate, lengths))
        scale = 0.0 if self.rate == 1 else 1 / (1 - self.rate)
        return multiply(inputs, kept.astype(inputs.dtype) * inputs.dtype.type(scale))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape


class SpatialDropout(Dropout):
    """Dropout of whole channels: one decision for all places of a sample's channel.

    Source: Tompson et al. (2015).
    """

    rank = 0
    data_format = "channels_last"

    def build(self, input_shape: Shape) -> None:
        """Check that the input fits."""
        check_rank(input_shape, self.rank + 2, self.name)

    def drop_shape(self, rank: int) -> Sequence[int | None]:
        """Return lengths of 1 for the places; None means the input's length."""
        space = (1,) * (rank - 2)
        last = self.data_format == "channels_last"
        return (None, *space, None) if last else (None, None, *space)


class SpatialDropout1D(SpatialDropout):
    """Dropout of whole features of x (batch, steps, features)."""

    rank = 1


@configurable
class SpatialDropout2D(SpatialDropout):
    """Dropout of whole channels of x (batch, height, width, channels)."""

    rank = 2

    _: KW_ONLY
    data_format: Any = argument(
        Form(_given_format, _unless_default, takes=str | None, optional=True), default=None
    )


class Noise(RandomLayer):
    """A layer that multiplies or adds normal numbers in training."""

    @property
    @abstractmethod
    def deviation(self) -> float:
        """The standard deviation of the numbers."""

    @abstractmethod
    def noisy(self, inputs: Tensor, normal: Tensor | np.ndarray) -> Tensor:
        """Return the inputs with these standard normal numbers, scaled by `deviation`."""

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:  # noqa: FBT001 (Keras's signature)
        """Return the inputs, with noise when training."""
        if not training or not self.deviation:
            return identity(inputs)
        normal = self.drawn(lambda generator: generator.normal(inputs.shape))
        return self.noisy(inputs, (normal * self.deviation).astype(inputs.dtype))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape


@configurable
class GaussianNoise(Noise):
    """In training, adds normal numbers with mean 0 and this standard deviation."""

    stddev: float = argument(Form(_not_negative))
    seed: int | None = None

    @property
    def deviation(self) -> float:
        """The standard deviation of the noise."""
        return self.stddev

    def noisy(self, inputs: Tensor, normal: Tensor | np.ndarray) -> Tensor:
        """Return the inputs plus the noise."""
        return inputs + normal


@configurable
class GaussianDropout(Noise):
    """In training, multiplies by normal numbers with mean 1 and variance rate / (1 - rate).

    A rate of 0 or 1 has no effect, as in tf_keras. Source: Srivastava et al. (2014).
    """

    rate: float = argument(RATE)
    seed: int | None = None

    @property
    def deviation(self) -> float:
        """The square root of rate / (1 - rate)."""
        return math.sqrt(self.rate / (1 - self.rate)) if 0 < self.rate < 1 else 0.0

    def noisy(self, inputs: Tensor, normal: Tensor | np.ndarray) -> Tensor:
        """Return the inputs times 1 plus the noise."""
        factor: Tensor | np.ndarray = normal + inputs.dtype.type(1)
        return inputs * factor
