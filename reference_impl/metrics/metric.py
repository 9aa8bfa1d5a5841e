"""`Metric`: a value accumulated over batches; sums and means."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from saveproof.reference_impl import initializers
from saveproof.reference_impl.catalogue import Config
from saveproof.reference_impl.custom_objects import registered_name
from saveproof.reference_impl.fields import Configured, Form, argument, configurable
from saveproof.reference_impl.losses.functions import squeezed
from saveproof.reference_impl.losses.loss import weights_of_valid
from saveproof.reference_impl.losses.shapes import check_repeats, fitted_weights, unfit
from saveproof.reference_impl.metrics.functions import FUNCTIONS, MetricFunction
from saveproof.reference_impl.naming import snake_case, unique_name
from saveproof.reference_impl.numerics import autodiff as ad
from saveproof.reference_impl.numerics.autodiff import Operand, Tensor, Variable
from saveproof.reference_impl.numerics.tape import value_of


def _or_unique(owner: object, _: str, value: str | None) -> str:
    return unique_name(snake_case(type(owner).__name__)) if value is None else value


def _or_single(_: object, __: str, value: str | None) -> str:
    return value or "float32"


NAME = Form(_or_unique, takes=str | None)
DTYPE = Form(_or_single, takes=str | None)


class Metric(Configured):
    """A value accumulated over batches, with `update_state`, `result` and `reset_state`.

    Subclasses create their state with `add_weight` and define `update_state` and `result`.
    """

    def __init__(self, name: str | None = None, dtype: str | None = None) -> None:
        self.__pre_init__({})
        self.name = _or_unique(self, "name", name)
        self.dtype = _or_single(self, "dtype", dtype)
        self.__post_init__()

    def __pre_init__(self, given: Mapping[str, Any]) -> None:
        self.variables: list[Variable] = []

    def add_weight(
        self,
        name: str,
        shape: Sequence[int] = (),
        *,
        initializer: object = None,
        dtype: str | None = None,
    ) -> Variable:
        """Create a state variable, initially 0 or the initializer's value."""
        made: Any = initializers.get(initializer or "zeros")
        start = made(tuple(shape), dtype=dtype or self.dtype)
        variable = Variable(start, name=f"{name}:0", trainable=False)
        self.variables.append(variable)
        return variable

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Update the state with a batch."""
        raise NotImplementedError(f"{type(self).__name__}: expected a method update_state")

    def result(self) -> Tensor:
        """Return the metric over all batches since the last reset."""
        raise NotImplementedError(f"{type(self).__name__}: expected a method result")

    def reset_state(self) -> None:
        """Set every state variable to 0, or call `reset_states` if a subclass overrides it."""
        if type(self).reset_states is not Metric.reset_states:
            self.reset_states()
            return
        for variable in self.variables:
            variable.value = np.zeros_like(variable.value)

    def reset_states(self) -> None:
        """TensorFlow 2.0's name of `reset_state`, which older user metrics override."""
        self.reset_state()

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """Update the state with a batch and return the result."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> Config:
        """Return the constructor's arguments."""
        return {"name": self.name, "dtype": self.dtype} | super().get_config()


@configurable
class Sum(Metric):
    """The sum of values times weights."""

    name: Any = argument(NAME, default="sum")
    dtype: Any = argument(DTYPE, default=None)

    def __post_init__(self) -> None:
        self.total = self.add_weight("total")

    def update_state(self, values: Operand, sample_weight: Operand | None = None) -> None:
        """Add values, each times its weight."""
        found, _ = _weighted(values, sample_weight, self.total.dtype, summed=True)
        self.total.value = np.asarray(self.total.value + found.sum())

    def result(self) -> Tensor:
        """Return the sum."""
        return Tensor(self.total.value)


class _Average(Metric):
    """The weighted mean of values; 0 before the first value."""

    def __post_init__(self) -> None:
        self.total = self.add_weight("total")
        self.count = self.add_weight("count")

    def add(self, values: Operand, sample_weight: Operand | None = None) -> None:
        """Add values, each times its weight."""
        found, weights = _weighted(values, sample_weight, self.total.dtype)
        count = found.dtype.type(found.size) if weights is None else weights.sum()
        self.total.value = np.asarray(self.total.value + found.sum())
        self.count.value = np.asarray(self.count.value + count)

    def result(self) -> Tensor:
        """Return the mean."""
        return Tensor(ratio(self.total.value, self.count.value))


@configurable
class Mean(_Average):
    """The weighted mean of values; 0 before the first value."""

    name: Any = argument(NAME, default="mean")
    dtype: Any = argument(DTYPE, default=None)

    def update_state(self, values: Operand, sample_weight: Operand | None = None) -> None:
        """Add values, each times its weight."""
        self.add(values, sample_weight)


class MeanMetricWrapper(_Average):
    """The mean of a function of targets and predictions."""

    fn: MetricFunction
    kwargs: Mapping[str, Any]

    def __init__(
        self,
        fn: MetricFunction,
        name: str | None = None,
        dtype: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, dtype)
        self.fn = fn
        self.kwargs = kwargs

    def update_state(
        self, y_true: Operand, y_pred: Operand, sample_weight: Operand | None = None
    ) -> None:
        """Add the function's values for a batch."""
        y_true, y_pred = _prepared(y_true, y_pred, self.total.dtype)
        values = self.fn(y_true, y_pred, **self.kwargs)
        ignored = self.kwargs.get("ignore_class")
        if ignored is not None:
            valid = np.asarray(value_of(y_true)).reshape(values.shape) != ignored
            dtype, reduction = values.dtype, "weighted_mean"
            sample_weight = weights_of_valid(valid, sample_weight, dtype, reduction)
        self.add(values, sample_weight)

    def get_config(self) -> Config:
        """Return the constructor's arguments, with the function by name."""
        config = super().get_config() | {**self.kwargs}
        return (
            config | {"fn": registered_name(self.fn)} if type(self) is MeanMetricWrapper else config
        )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the metric from its configuration, in its initial state."""
        arguments = dict(config)
        if cls is MeanMetricWrapper:
            arguments["fn"] = FUNCTIONS.get(arguments["fn"])
        return super().from_config(arguments)


@configurable
class RootMeanSquaredError(_Average):
    """The square root of the mean of (p - t)^2 over all elements."""

    name: Any = argument(NAME, default="root_mean_squared_error")
    dtype: Any = argument(DTYPE, default=None)

    def update_state(
        self, y_true: Operand, y_pred: Operand, sample_weight: Operand | None = None
    ) -> None:
        """Add the squared errors of a batch."""
        t, p = _prepared(y_true, y_pred, self.total.dtype)
        self.add(np.square(p.value - t.value), sample_weight)

    def result(self) -> Tensor:
        """Return the root of the mean."""
        return Tensor(np.sqrt(super().result().value))


def _prepared(y_true: Operand, y_pred: Operand, dtype: np.dtype) -> tuple[Tensor, Tensor]:
    """Return targets and predictions in the metric's dtype with equal rank."""
    return squeezed(_as(dtype, y_true), _as(dtype, y_pred))


def _as(dtype: np.dtype, x: Operand) -> Tensor:
    """Return a tensor of this dtype; one that already has it keeps its logits."""
    if isinstance(x, Tensor):
        return ad.cast(x, dtype)
    return Tensor(np.asarray(x).astype(dtype, copy=False))


def _weighted(
    values: Operand, sample_weight: Operand | None, dtype: np.dtype, *, summed: bool = False
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return values times weights, and the weights.

    Weights broadcast to the shape of the values. If they cannot, values of a higher rank are
    averaged, or `summed`, to the rank of the weights, and each weight counts once, as in Keras.
    """
    found = np.asarray(value_of(values)).astype(dtype, copy=False)
    if sample_weight is None:
        return found, None
    weights = fitted_weights(sample_weight, found)
    if _spreads(weights.shape, found.shape):
        weights = np.broadcast_to(weights, found.shape)
        return np.asarray(found * weights), weights
    axes = tuple(range(weights.ndim, found.ndim))
    found = np.asarray(found.sum(axis=axes) if summed else found.mean(axis=axes))
    check_repeats(weights.shape, found.shape)
    return np.asarray(found * weights), weights


def spread_weights(sample_weight: Operand | None, values: np.ndarray) -> np.ndarray:
    """Return the weights broadcast to the shape of the values; ones without weights."""
    if sample_weight is None:
        return np.ones_like(values)
    weights = fitted_weights(sample_weight, values)
    if not _spreads(weights.shape, values.shape):
        raise unfit(weights.shape, values.shape)
    return np.broadcast_to(weights, values.shape)


def _spreads(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    if shape and len(shape) != len(target):
        return False
    return all(size in (1, wanted) for size, wanted in zip(shape, target, strict=False))


def ratio(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return total / count, and 0 where count is 0."""
    if np.all(count):
        return np.asarray(total / count)
    safe = np.where(count == 0, np.ones_like(count), count)
    return np.asarray(np.where(count == 0, np.zeros_like(total), total / safe))
