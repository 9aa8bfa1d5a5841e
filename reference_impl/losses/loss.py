"""`Loss`: a loss function with a reduction over samples."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from saveproof.reference_impl.catalogue import Config
from saveproof.reference_impl.fields import Configured, Form
from saveproof.reference_impl.losses.functions import FUNCTIONS, LossFunction, squeezed
from saveproof.reference_impl.losses.shapes import check_repeats, fitted_weights
from saveproof.reference_impl.numerics import autodiff as ad
from saveproof.reference_impl.numerics.autodiff import Operand, Tensor
from saveproof.reference_impl.numerics.tape import value_of

_REDUCTIONS = ("auto", "none", "sum", "sum_over_batch_size")


def _known_reduction(owner: object, name: str, value: str) -> str:
    if value not in _REDUCTIONS:
        raise ValueError(
            f"{type(owner).__name__}: expected {name} in {sorted(_REDUCTIONS)}, found {value!r}"
        )
    return value


REDUCTION = Form(_known_reduction)


class Loss(Configured):
    """A loss with a reduction: mean over samples (`auto`), sum, or none.

    Subclasses define `call(y_true, y_pred)`, which returns one value per sample.
    """

    def __init__(self, reduction: str = "auto", name: str | None = None) -> None:
        self.reduction = _known_reduction(self, "reduction", reduction)
        self.name = name

    def __call__(
        self, y_true: Operand, y_pred: Operand, sample_weight: Operand | None = None
    ) -> Tensor:
        """Return the reduced loss of the values times their sample weights.

        Values that the mask of the predictions leaves out do not count.
        """
        losses = self.call(y_true, y_pred)
        valid = both_valid(mask_in(y_pred), self.valid(y_true, losses))
        if valid is not None:
            sample_weight = weights_of_valid(valid, sample_weight, losses.dtype, self.reduction)
        return reduced(losses, sample_weight, self.reduction)

    def call(self, y_true: Operand, y_pred: Operand) -> Tensor:
        """Return one value per sample."""
        raise NotImplementedError(f"{type(self).__name__}: expected a method call(y_true, y_pred)")

    def valid(self, y_true: Operand, losses: Tensor) -> np.ndarray | None:
        """Return which samples the loss does not ignore; None for all."""
        del y_true, losses
        return None

    def get_config(self) -> Config:
        """Return the constructor's arguments."""
        return {"reduction": self.reduction, "name": self.name} | super().get_config()


class LossFunctionWrapper(Loss):
    """A loss computed by a function with keyword arguments."""

    fn: LossFunction
    kwargs: Mapping[str, Any]

    def __init__(
        self,
        fn: LossFunction,
        reduction: str = "auto",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(reduction, name)
        self.fn = fn
        self.kwargs = kwargs

    def call(self, y_true: Operand, y_pred: Operand) -> Tensor:
        """Return the function's value for targets and predictions of equal rank."""
        return self.fn(*squeezed(y_true, y_pred), **self.kwargs)

    def valid(self, y_true: Operand, losses: Tensor) -> np.ndarray | None:
        """Return which samples are not of the ignored class, if there is one."""
        ignored = self.kwargs.get("ignore_class")
        if ignored is None:
            return None
        found = np.asarray(value_of(y_true)).astype(np.int64).reshape(losses.shape) != ignored
        return np.asarray(found)

    def get_config(self) -> Config:
        """Return the constructor's arguments and the name of the function."""
        return super().get_config() | {**self.kwargs, "fn": self.fn.__name__}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the loss from its configuration."""
        arguments = {key: value for key, value in config.items() if key != "fn"}
        if cls is LossFunctionWrapper:
            arguments["fn"] = FUNCTIONS.get(config["fn"])
        return super().from_config(arguments)


def reduced(losses: Tensor, sample_weight: Operand | None, reduction: str) -> Tensor:
    """Return the reduction of losses times weights: their sum, mean over losses, or none."""
    weighted = losses
    if sample_weight is not None:
        weights = fitted_weights(sample_weight, losses.value)
        check_repeats(weights.shape, losses.shape)
        weighted = losses * weights
    if reduction == "none":
        return weighted
    total = ad.sum(weighted)
    return total if reduction == "sum" else total / max(weighted.value.size, 1)


def mask_in(predictions: Operand) -> np.ndarray | None:
    """Return the mask of predictions, which the last layer set; None if there is none."""
    mask = getattr(predictions, "_keras_mask", None)
    return None if mask is None else np.asarray(mask, bool)


def both_valid(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    """Return where two masks are True; None stands for all."""
    if one is None or other is None:
        return other if one is None else one
    return np.asarray(one & other)


def weights_in_mask(sample_weight: Operand | None, mask: np.ndarray | None) -> Operand | None:
    """Return the sample weights, with 0 for what the mask leaves out."""
    if mask is None:
        return sample_weight
    return weights_of_valid(mask, sample_weight, np.dtype(np.float32), "sum")


def weights_of_valid(
    valid: np.ndarray, sample_weight: Operand | None, dtype: np.dtype, reduction: str
) -> np.ndarray:
    """Return weights that are 0 where invalid; for a mean, scale the others by total / valid."""
    weights = valid.astype(dtype)
    if reduction in ("auto", "sum_over_batch_size"):
        weights *= weights.dtype.type(valid.size) / np.maximum(weights.sum(), 1)
    if sample_weight is None:
        return weights
    given = fitted_weights(sample_weight, weights)
    check_repeats(given.shape, weights.shape)
    return np.asarray(given * weights)
