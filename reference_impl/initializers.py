"""Initializers: the initial values of weights.

The file is long because it holds all initializers of Keras, each with its source.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, cast

import ml_dtypes
import numpy as np

from saveproof.reference_impl.catalogue import Catalogue, Config
from saveproof.reference_impl.custom_objects import CustomObjects
from saveproof.reference_impl.fields import Configured, Form, argument, attribute, configurable
from saveproof.reference_impl.plain import array_entry
from saveproof.reference_impl.random import Generator, process_generator

# The standard deviation of a standard normal cut off at two standard deviations.
_TRUNCATED_STDDEV = 0.87962566103423978


class InitializerShapeError(ValueError):
    """An initializer is not defined for this shape."""


class Initializer(Configured, ABC):
    """The protocol of an initializer: shape and dtype in, array out."""

    @abstractmethod
    def __call__(self, shape: Sequence[int], dtype: str = "float32") -> np.ndarray:
        """Return a new array of this shape and dtype."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the initializer for a configuration; ignore the dtype that old files store."""
        return super().from_config({key: config[key] for key in config if key != "dtype"})


class Zeros(Initializer):
    """Zeros."""

    def __call__(self, shape: Sequence[int], dtype: str = "float32") -> np.ndarray:
        return np.zeros(shape, as_dtype(dtype))


class Ones(Initializer):
    """Ones."""

    def __call__(self, shape: Sequence[int], dtype: str = "float32") -> np.ndarray:
        return np.ones(shape, as_dtype(dtype))


def _number_or_entry(owner: Initializer, name: str) -> Any:
    value = getattr(owner, name)
    return array_entry(value) if isinstance(value, np.ndarray) else value


@configurable
class Constant(Initializer):
    """One number, or an array of the weight's shape."""

    value: Any = argument(Form(to_config=_number_or_entry), default=0, array=True)

    def __call__(self, shape: Sequence[int], dtype: str = "float32") -> np.ndarray:
        return np.broadcast_to(np.asarray(self.value), tuple(shape)).astype(as_dtype(dtype))


@configurable
class Identity(Initializer):
    """The identity matrix times `gain`, for a weight of rank 2."""

    gain: float = 1.0

    def __call__(self, shape: Sequence[int], dtype: str = "float32") -> np.ndarray:
        if len(shape) != 2:
            raise InitializerShapeError(f"Identity: expected rank 2, found shape {tuple(shape)}")
        return np.asarray(self.gain * np.eye(shape[0], shape[1]), as_dtype(dtype))


@configurable
class RandomUniform(Initializer):
    """Uniform in [minval, maxval).

    With a seed, every call with the same shape returns the same values. Without one, each call
    draws its seed from the process-wide generator. This holds for all random initializers.
    """

    minval: float = -0.05
    maxval: float = 0.05
    seed: int | None = None

    def __call__(self, shape: Sequence[int], dtype: str = "float32") -> np.ndarray:
        return _uniform(shape, self.minval, self.maxval, dtype, self.seed)


@configurable
class RandomNormal(Initializer):
    """Normal with this mean and standard deviation."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def __call__(self, shape: Sequence[int], dtype: str = "float32") -> np.ndarray:
        draws = _generator(self.seed).normal(shape)
        return (self.mean + self.stddev * draws).astype(as_dtype(dtype))


@configurable
class TruncatedNormal(Initializer):
    """Normal, with values beyond two standard deviations drawn again."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def __call__(self, shape: Sequence[int], dtype: str = "float32") -> np.ndarray:
        return _truncated_normal(shape, self.mean, self.stddev, dtype, self.seed)


def _positive(_: Initializer, name: str, value: float) -> float:
    if value <= 0:
        raise ValueError(f"VarianceScaling: expected {name} > 0, found {value!r}")
    return value


def _known_mode(_: Initializer, name: str, value: str) -> str:
    if value not in _FANS:
        raise ValueError(f"VarianceScaling: expected {name} in {sorted(_FANS)}, found {value!r}")
    return value


def _known_distribution(_: Initializer, name: str, value: str) -> str:
    found = value.lower()
    found = "truncated_normal" if found == "normal" else found
    if found not in _DISTRIBUTIONS:
        raise ValueError(
            f"VarianceScaling: expected {name} in {list(_DISTRIBUTIONS)}, found {found!r}"
        )
    return found


@configurable
class VarianceScaling(Initializer):
    """Random values whose variance is `scale` over the number of inputs, outputs, or their mean.

    Source: He et al. 2015, https://arxiv.org/abs/1502.01852, eq. 10, in the general form of
    https://keras.io/2.16/api/layers/initializers/#variancescaling-class.

    Raises:
        ValueError: If scale is not positive, or Keras has no such mode or distribution.
    """

    scale: float = argument(Form(_positive), default=1.0)
    mode: str = argument(Form(_known_mode), default="fan_in")
    distribution: str = argument(Form(_known_distribution), default="truncated_normal")
    seed: int | None = None

    def __call__(self, shape: Sequence[int], dtype: str = "float32") -> np.ndarray:
        variance = self.scale / max(1.0, _FANS[self.mode](*fans(shape)))
        if self.distribution == "uniform":
            # The variance of a uniform distribution on [-l, l] is l^2 / 3.
            limit = math.sqrt(3 * variance)
            return _uniform(shape, -limit, limit, dtype, self.seed)
        if self.distribution == "truncated_normal":
            stddev = math.sqrt(variance) / _TRUNCATED_STDDEV
            return _truncated_normal(shape, 0.0, stddev, dtype, self.seed)
        return RandomNormal(0.0, math.sqrt(variance), self.seed)(shape, dtype)


@configurable
class _SeededOnly(VarianceScaling):
    """A variance scaling with the seed as its only argument; the class fixes the others."""

    scale: float = attribute()
    mode: str = attribute()
    distribution: str = attribute()


class GlorotUniform(_SeededOnly):
    """Glorot and Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html, eq. 16."""

    scale, mode, distribution = 1.0, "fan_avg", "uniform"


class GlorotNormal(_SeededOnly):
    """Glorot and Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html, eq. 12."""

    scale, mode, distribution = 1.0, "fan_avg", "truncated_normal"


class HeUniform(_SeededOnly):
    """He et al. 2015, https://arxiv.org/abs/1502.01852, eq. 10, uniform."""

    scale, mode, distribution = 2.0, "fan_in", "uniform"


class HeNormal(_SeededOnly):
    """He et al. 2015, https://arxiv.org/abs/1502.01852, eq. 10, normal."""

    scale, mode, distribution = 2.0, "fan_in", "truncated_normal"


class LecunUniform(_SeededOnly):
    """LeCun et al. 1998, "Efficient BackProp", eq. 16, uniform."""

    scale, mode, distribution = 1.0, "fan_in", "uniform"


class LecunNormal(_SeededOnly):
    """LeCun et al. 1998, "Efficient BackProp", eq. 16, normal."""

    scale, mode, distribution = 1.0, "fan_in", "truncated_normal"


@configurable
class Orthogonal(Initializer):
    """A random matrix with orthonormal rows or columns, times `gain`.

    Source: Saxe et al. 2014, https://arxiv.org/abs/1312.6120. The leading axes are flattened.
    """

    gain: float = 1.0
    seed: int | None = None

    def __call__(self, shape: Sequence[int], dtype: str = "float32") -> np.ndarray:
        if len(shape) < 2:
            raise InitializerShapeError(
                f"Orthogonal: expected rank 2 or more, found shape {tuple(shape)}"
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        draws = _generator(self.seed).normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(draws)
        # With the signs of R's diagonal, Q is distributed uniformly.
        q = q * np.sign(np.diag(r))
        q = q.T if rows < columns else q
        return (self.gain * q.reshape(shape)).astype(as_dtype(dtype))


_DISTRIBUTIONS = ("truncated_normal", "uniform", "untruncated_normal")

_FANS: Mapping[str, Callable[[int, int], float]] = {
    "fan_in": lambda fan_in, _: fan_in,
    "fan_out": lambda _, fan_out: fan_out,
    "fan_avg": lambda fan_in, fan_out: (fan_in + fan_out) / 2,
}


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """Return (fan_in, fan_out) of a kernel of shape (*window, inputs, outputs)."""
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


def as_dtype(name: str | np.dtype) -> np.dtype:
    """Return the dtype with this name; NumPy itself has no bfloat16."""
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def _generator(seed: int | None) -> Generator:
    return Generator(process_generator().seed() if seed is None else seed)


def _uniform(
    shape: Sequence[int], low: float, high: float, dtype: str, seed: int | None
) -> np.ndarray:
    draws = low + (high - low) * _generator(seed).uniform(shape)
    return draws.astype(as_dtype(dtype))


def _truncated_normal(
    shape: Sequence[int], mean: float, stddev: float, dtype: str, seed: int | None
) -> np.ndarray:
    generator = _generator(seed)
    draws = generator.normal(shape)
    outside = np.abs(draws) > 2
    while outside.any():
        draws = np.where(outside, generator.normal(shape), draws)
        outside = np.abs(draws) > 2
    return (mean + stddev * draws).astype(as_dtype(dtype))


INITIALIZERS: Catalogue[Initializer] = Catalogue(
    kind="initializer",
    module="keras.initializers",
    entries={
        "Zeros": Zeros,
        "Ones": Ones,
        "Constant": Constant,
        "Identity": Identity,
        "RandomUniform": RandomUniform,
        "RandomNormal": RandomNormal,
        "TruncatedNormal": TruncatedNormal,
        "VarianceScaling": VarianceScaling,
        "GlorotUniform": GlorotUniform,
        "GlorotNormal": GlorotNormal,
        "HeUniform": HeUniform,
        "HeNormal": HeNormal,
        "LecunUniform": LecunUniform,
        "LecunNormal": LecunNormal,
        "Orthogonal": Orthogonal,
    },
    aliases={
        "uniform": "RandomUniform",
        "normal": "RandomNormal",
        "one": "Ones",
        "zero": "Zeros",
        "OrthogonalInitializer": "Orthogonal",
    },
)


def get(identifier: Any, *, custom_objects: CustomObjects | None = None) -> Initializer | None:
    """Return the initializer for a name, an entry or a class; None for None."""
    return cast("Initializer | None", INITIALIZERS.get(identifier, custom_objects=custom_objects))


def deserialize(
    entry: str | Mapping[str, Any], *, custom_objects: CustomObjects | None = None
) -> Initializer:
    """Return the initializer for a serialized entry."""
    return cast("Initializer", INITIALIZERS.deserialize(entry, custom_objects=custom_objects))


def serialize(initializer: Initializer | None) -> Config | None:
    """Return the serialized entry of an initializer."""
    return cast("Config | None", INITIALIZERS.serialize(initializer))
