"""Regularizers: penalties on weights, added to the loss."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self, cast

import numpy as np

from saveproof.reference_impl.catalogue import Catalogue, Config
from saveproof.reference_impl.config_types import made_from
from saveproof.reference_impl.custom_objects import CustomObjects
from saveproof.reference_impl.numerics import autodiff as ad
from saveproof.reference_impl.numerics.autodiff import Tensor
from saveproof.reference_impl.plain import PlainArguments


class Regularizer(PlainArguments, ABC):
    """The protocol of a regularizer: a weight in, a scalar tensor out."""

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """Return the penalty on `x`, in its dtype."""

    def get_config(self) -> Config:
        """Return the constructor's arguments; numbers are float32, widened."""
        return {}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Return the regularizer that `get_config` described."""
        return made_from(cls, config)


class L1(Regularizer):
    """l1 * sum(|x|). Source: https://keras.io/2.16/api/layers/regularizers/."""

    def __init__(self, l1: float | None = 0.01) -> None:
        self.l1 = _penalty("L1", 0.01 if l1 is None else l1)

    def __call__(self, x: Tensor) -> Tensor:
        return ad.sum(ad.absolute(x)) * self.l1

    def get_config(self) -> Config:
        return {"l1": self.l1}


class L2(Regularizer):
    """l2 * sum(x^2). Source: https://keras.io/2.16/api/layers/regularizers/."""

    def __init__(self, l2: float | None = 0.01) -> None:
        self.l2 = _penalty("L2", 0.01 if l2 is None else l2)

    def __call__(self, x: Tensor) -> Tensor:
        return ad.sum(ad.square(x)) * self.l2

    def get_config(self) -> Config:
        return {"l2": self.l2}


class L1L2(Regularizer):
    """l1 * sum(|x|) + l2 * sum(x^2). Source: https://keras.io/2.16/api/layers/regularizers/."""

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = _penalty("L1L2", l1 or 0.0)
        self.l2 = _penalty("L1L2", l2 or 0.0)

    def __call__(self, x: Tensor) -> Tensor:
        penalty = Tensor(np.zeros((), x.dtype))
        if self.l1:
            penalty = penalty + ad.sum(ad.absolute(x)) * self.l1
        if self.l2:
            penalty = penalty + ad.sum(ad.square(x)) * self.l2
        return penalty

    def get_config(self) -> Config:
        return {"l1": self.l1, "l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """factor * mean |cosine| over the pairs of rows (or columns) of a matrix.

    Source: https://keras.io/2.16/api/layers/regularizers/#orthogonalregularizer-class
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        if mode not in ("rows", "columns"):
            raise ValueError(
                f"OrthogonalRegularizer: expected mode 'rows' or 'columns', found {mode!r}"
            )
        self.factor = _penalty("OrthogonalRegularizer", factor)
        self.mode = mode

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

    def get_config(self) -> Config:
        return {"factor": self.factor, "mode": self.mode}


def _penalty(where: str, value: float) -> float:
    if isinstance(value, bool) or not np.isfinite(value):
        raise ValueError(f"{where}: expected a finite number, found {value!r}")
    return float(np.float32(value))


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
    """Return the regularizer that a name, an entry or a class stands for; None for None."""
    if identifier == "l1_l2":
        return l1_l2()
    return cast("Regularizer | None", REGULARIZERS.get(identifier, custom_objects=custom_objects))


def deserialize(
    entry: str | Mapping[str, Any], *, custom_objects: CustomObjects | None = None
) -> Regularizer:
    """Return the regularizer that an entry describes."""
    return cast("Regularizer", get(entry, custom_objects=custom_objects))


def serialize(regularizer: Regularizer | None) -> Config | None:
    """Return the entry that describes a regularizer."""
    return cast("Config | None", REGULARIZERS.serialize(regularizer))
