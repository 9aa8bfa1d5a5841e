"""Constraints: projections that an optimizer applies to a weight after each step."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from saveproof.reference_impl.catalogue import Catalogue, Config
from saveproof.reference_impl.custom_objects import CustomObjects
from saveproof.reference_impl.fields import Configured, configurable
from saveproof.reference_impl.numerics.tape import Operand, value_of

_EPSILON = 1e-7
Axis = int | Sequence[int]


class Constraint(Configured, ABC):
    """The protocol of a constraint: a weight or its array in, a new array out."""

    @abstractmethod
    def __call__(self, w: Operand) -> np.ndarray:
        """Return the projected weight, in the shape and dtype of `w`."""


@configurable
class MaxNorm(Constraint):
    """Scales weights so that their norms along `axis` are at most `max_value`.

    Source: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html, section 5.1.
    """

    max_value: float = 2
    axis: Axis = 0

    def __call__(self, w: Operand) -> np.ndarray:
        w = np.asarray(value_of(w))
        norms = _norms(w, self.axis)
        desired = np.minimum(norms, w.dtype.type(self.max_value))
        return np.asarray(w * (desired / (w.dtype.type(_EPSILON) + norms)))


class NonNeg(Constraint):
    """Sets negative elements to 0. Source: https://keras.io/2.16/api/layers/constraints/."""

    def __call__(self, w: Operand) -> np.ndarray:
        w = np.asarray(value_of(w))
        return np.asarray(w * (w >= 0).astype(w.dtype))


@configurable
class UnitNorm(Constraint):
    """Scales norms along `axis` to 1. Source: https://keras.io/2.16/api/layers/constraints/."""

    axis: Axis = 0

    def __call__(self, w: Operand) -> np.ndarray:
        w = np.asarray(value_of(w))
        return np.asarray(w / (w.dtype.type(_EPSILON) + _norms(w, self.axis)))


@configurable
class MinMaxNorm(Constraint):
    """Moves norms along `axis` towards [min_value, max_value], by the fraction `rate`.

    Source: https://keras.io/2.16/api/layers/constraints/#minmaxnorm-class
    """

    min_value: float = 0.0
    max_value: float = 1.0
    rate: float = 1.0
    axis: Axis = 0

    def __call__(self, w: Operand) -> np.ndarray:
        w = np.asarray(value_of(w))
        number = w.dtype.type
        norms = _norms(w, self.axis)
        clipped = np.minimum(np.maximum(norms, number(self.min_value)), number(self.max_value))
        desired = number(self.rate) * clipped + number(1 - self.rate) * norms
        return np.asarray(w * (desired / (number(_EPSILON) + norms)))


def _norms(w: np.ndarray, axis: Axis) -> np.ndarray:
    axes = axis if isinstance(axis, int) else tuple(axis)
    return np.asarray(np.sqrt(np.square(w).sum(axis=axes, keepdims=True)))


CONSTRAINTS: Catalogue[Constraint] = Catalogue(
    kind="constraint",
    module="keras.constraints",
    entries={
        "MaxNorm": MaxNorm,
        "NonNeg": NonNeg,
        "UnitNorm": UnitNorm,
        "MinMaxNorm": MinMaxNorm,
    },
)


def get(identifier: Any, *, custom_objects: CustomObjects | None = None) -> Constraint | None:
    """Return the constraint for a name, an entry or a class; None for None."""
    return cast("Constraint | None", CONSTRAINTS.get(identifier, custom_objects=custom_objects))


def deserialize(
    entry: str | Mapping[str, Any], *, custom_objects: CustomObjects | None = None
) -> Constraint:
    """Return the constraint for a serialized entry."""
    return cast("Constraint", CONSTRAINTS.deserialize(entry, custom_objects=custom_objects))


def serialize(constraint: Constraint | None) -> Config | None:
    """Return the serialized entry of a constraint."""
    return cast("Config | None", CONSTRAINTS.serialize(constraint))
