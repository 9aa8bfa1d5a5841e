"""Nadam before TensorFlow 2.11."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from saveproof.reference_impl.fields import argument, configurable
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers.learning_rate import RATE, as_cast
from saveproof.reference_impl.optimizers.legacy.optimizer import (
    DEFAULT_EPSILON,
    EPSILON,
    HYPER,
    ITERATION,
    LegacyOptimizer,
    Slots,
)
from saveproof.reference_impl.optimizers.optimizer import Optimizer

MOMENTUM_CACHE = "momentum_cache"


@configurable
class Nadam(LegacyOptimizer):
    """Nadam, whose `decay` (or `schedule_decay`) applies to the momentum, not to the rate.

    The momentum of step t is beta_1 (1 - 0.96^(decay t) / 2). Since TensorFlow 2.0 the list of
    weights contains the product of all momenta.
    """

    possible_slots = ("m", "v")
    single_names = (ITERATION, MOMENTUM_CACHE)
    lazy_weights = True

    learning_rate: Any = argument(RATE, default=0.001)
    beta_1: float = argument(HYPER, default=0.9)
    beta_2: float = argument(HYPER, default=0.999)
    epsilon: Any = argument(EPSILON, default=DEFAULT_EPSILON)
    _: KW_ONLY
    name: str = "Nadam"
    decay: float = 0.004

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.schedule is not None:
            raise ValueError(f"{self.name}: expected a number for learning_rate, found a schedule")
        self._cache: Variable | None = None
        self._product = np.ones((), np.float32)

    @property
    def singles(self) -> dict[str, Variable]:
        """The iteration and, if slots exist, the product of all momenta."""
        made = {} if self._cache is None else {MOMENTUM_CACHE: self._cache}
        return {**super().singles, **made}

    def slot_names(self) -> tuple[str, ...]:
        return ("m", "v")

    def build_slots(self, variables: Sequence[Variable]) -> None:
        self._cache = self._single(MOMENTUM_CACHE, 1.0, variables[0].dtype)
        super().build_slots(variables)

    def begin_step(self) -> None:
        assert self._cache is not None
        self._product = self._cache.value
        t = int(self.iterations.value) + 1
        momentum = self._momentum_at(t, self._product.dtype)
        self._cache.value = np.asarray(self._product * momentum)

    def rate_as(self, dtype: np.dtype) -> np.ndarray:
        """The learning rate, which does not decay, as a 0-d array of `dtype`."""
        return Optimizer.rate_as(self, dtype)

    def updated(
        self, gradient: np.ndarray, weights: np.ndarray, slots: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, Slots]:
        dtype, one = gradient.dtype, gradient.dtype.type(1)
        beta_1, beta_2 = self.number("beta_1", dtype), self.number("beta_2", dtype)
        t = int(self.iterations.value) + 1
        u, u_next = self._momentum_at(t, dtype), self._momentum_at(t + 1, dtype)
        product = self._product.astype(dtype) * u
        # m := beta_1 m + (1 - beta_1) g; v := beta_2 v + (1 - beta_2) g^2
        m = beta_1 * slots["m"] + (one - beta_1) * gradient
        v = beta_2 * slots["v"] + (one - beta_2) * (gradient * gradient)
        # m_hat := (1 - u) g / (1 - product) + u' m / (1 - product u'); v_hat := v / (1 - beta_2^t)
        m_hat = (one - u) * (gradient / (one - product)) + u_next * (m / (one - product * u_next))
        v_hat = v / (one - beta_2 ** dtype.type(t))
        # w := w - rate m_hat / (sqrt(v_hat) + epsilon)
        step = self.rate_as(dtype) * m_hat / (np.sqrt(v_hat) + dtype.type(self.epsilon))
        return weights - step, {"m": m, "v": v}

    def _momentum_at(self, t: int, dtype: np.dtype) -> np.ndarray:
        number, beta_1 = dtype.type, self.number("beta_1", dtype)
        decayed = as_cast(0.96, dtype) ** (as_cast(self.decay, dtype) * number(t))
        return np.asarray(beta_1 * (number(1) - number(0.5) * decayed))
