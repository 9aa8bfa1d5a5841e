"""Regularizers: penalties on weights, added to the loss."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from saveproof.reference_impl.catalogue import Catalogue, Config
from saveproof.reference_impl.custom_objects import CustomObjects
from saveproof.reference_impl.fields import Configured, Form, argument, configurable
from saveproof.reference_impl.numerics import autodiff as ad
from saveproof.reference_impl.numerics.autodiff import Tensor


class Regularizer(Configured, ABC):
    """The protocol of a regularizer: a weight in, a scalar tensor out."""

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """Return the penalty on `x`, in its dtype."""


def _single(owner: Regularizer, _: str, value: float | None) -> float:
    """Return a factor rounded to single precision, as in Keras."""
    if value is None or isinstance(value, bool) or not np.isfinite(value):
        raise ValueError(f"{type(owner).__name__}: expected a finite number, found {value!r}")
    return float(np.float32(value))


def _factor(absent: float) -> Form:
    """Return the form of a factor whose value None means `absent`."""

    def taken(owner: Regularizer, name: str, value: float | None) -> float:
        return _single(owner, name, absent if value is None else value)

    return Form(taken, takes=float | None)


def _known_mode(_: Regularizer, name: str, value: str) -> str:
    if value not in ("rows", "columns"):
        raise ValueError(
            f"OrthogonalRegularizer: expected {name} 'rows' or 'columns', found {value!r}"
        )
    return value


@configurable
class L1(Regularizer):
    """l1 * sum(|x|). Source: https://keras.io/2.16/api/layers/regularizers/."""

    l1: Any = argument(_factor(0.01), default=0.01)

    def __call__(self, x: Tensor) -> Tensor:
        penalty: Tensor = ad.sum(ad.absolute(x)) * self.l1
        return penalty


@configurable
class L2(Regularizer):
    """l2 * sum(x^2). Source: https://keras.io/2.16/api/layers/regularizers/."""

    l2: Any = argument(_factor(0.01), default=0.01)

    def __call__(self, x: Tensor) -> Tensor:
        penalty: Tensor = ad.sum(ad.square(x)) * self.l2
        return penalty


@configurable
class L1L2(Regularizer):
    """l1 * sum(|x|) + l2 * sum(x^2). Source: https://keras.io/2.16/api/layers/regularizers/."""

    l1: Any = argument(_factor(0.0), default=0.0)
    l2: Any = argument(_factor(0.0), default=0.0)

    def __call__(self, x: Tensor) -> Tensor:
        penalty = Tensor(np.zeros((), x.dtype))
        if self.l1:
            penalty = penalty + ad.sum(ad.absolute(x)) * self.l1
        if self.l2:
            penalty = penalty + ad.sum(ad.square(x)) * self.l2
        return penalty


@configurable
class OrthogonalRegularizer(Regularizer):
    """factor * mean |cosine| over the pairs of rows (or columns) of a matrix.

    Source: https://keras.io/2.16/api/layers/regularizers/#orthogonalregularizer-class
    """

    factor: float = argument(Form(_single), default=0.01)
    mode: str = argument(Form(_known_mode), default="rows")

    def __call__(self, x: Tensor) -> Tensor:
        if x.ndim != 2:
            raise ValueError(f"OrthogonalRegularizer: expected rank 2, found shape {x.shape}")
        rows = x if self.mode == "rows" else ad.transpose(x, (1, 0))
        size = ad.maximum(ad.sum(ad.square(rows), 1, keepdims=True), 1e-12)
        unit = rows / ad.sqrt(size)
        count = rows.shape[0]
        others = (1 - np.eye(count)).astype(x.dtype)
        cosines = ad.absolute(unit @ ad.transpose(unit, (1, 0)) * others)
        return ad.sum(cosines) * (self.factor * 0.5) / (count * (count - 1.0) / 2.0)


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """Return an L1L2 whose penalties default to 0.01."""
    return L1L2(l1, l2)


l1, l2, orthogonal_regularizer = L1, L2, OrthogonalRegularizer

REGULARIZERS: Catalogue[Regularizer] = Catalogue(
    kind="regularizer",
    module="keras.regularizers",
    entries={"L1": L1, "L2": L2, "L1L2": L1L2, "OrthogonalRegularizer": OrthogonalRegularizer},
)


def get(identifier: Any, *, custom_objects: CustomObjects | None = None) -> Regularizer | None:
    """Return the regularizer for a name, an entry or a class; None for None."""
    if identifier == "l1_l2":
        return l1_l2()
    return cast("Regularizer | None", REGULARIZERS.get(identifier, custom_objects=custom_objects))


def deserialize(
    entry: str | Mapping[str, Any], *, custom_objects: CustomObjects | None = None
) -> Regularizer:
    """Return the regularizer for a serialized entry."""
    return cast("Regularizer", get(entry, custom_objects=custom_objects))


def serialize(regularizer: Regularizer | None) -> Config | None:
    """Return the serialized entry of a regularizer."""
    return cast("Config | None", REGULARIZERS.serialize(regularizer))
