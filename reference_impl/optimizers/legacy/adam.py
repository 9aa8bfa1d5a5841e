"""Adam and Adamax before TensorFlow 2.11."""

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from saveproof.reference_impl.fields import argument, configurable
from saveproof.reference_impl.optimizers.learning_rate import RATE
from saveproof.reference_impl.optimizers.legacy.optimizer import (
    DEFAULT_EPSILON,
    EPSILON,
    HYPER,
    LegacyOptimizer,
    Slots,
)


@configurable
class Adam(LegacyOptimizer):
    """Adam. Keras 2.1 and 2.2 list a third slot that only `amsgrad` uses."""

    possible_slots = ("m", "v", "vhat")

    learning_rate: Any = argument(RATE, default=0.001)
    beta_1: float = argument(HYPER, default=0.9)
    beta_2: float = argument(HYPER, default=0.999)
    epsilon: Any = argument(EPSILON, default=DEFAULT_EPSILON)
    _: KW_ONLY
    amsgrad: bool = False
    name: str = "Adam"

    def slot_names(self) -> tuple[str, ...]:
        return ("m", "v", "vhat") if self.amsgrad else ("m", "v")

    def updated(
        self, gradient: np.ndarray, weights: np.ndarray, slots: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, Slots]:
        dtype, one = gradient.dtype, gradient.dtype.type(1)
        beta_1, beta_2 = self.number("beta_1", dtype), self.number("beta_2", dtype)
        t = dtype.type(int(self.iterations.value) + 1)
        # alpha := rate sqrt(1 - beta_2^t) / (1 - beta_1^t)
        alpha = self.rate_as(dtype) * np.sqrt(one - beta_2**t) / (one - beta_1**t)
        # m := m + (1 - beta_1) (g - m); v := v + (1 - beta_2) (g^2 - v)
        m = slots["m"] + (gradient - slots["m"]) * (one - beta_1)
        v = slots["v"] + (gradient * gradient - slots["v"]) * (one - beta_2)
        found = {"m": m, "v": v}
        if self.amsgrad:
            v = found["vhat"] = np.maximum(slots["vhat"], v)
        # w := w - alpha m / (sqrt(v) + epsilon)
        return weights - m * alpha / (np.sqrt(v) + dtype.type(self.epsilon)), found


@configurable
class Adamax(LegacyOptimizer):
    """Adamax."""

    possible_slots = ("m", "v")
    lazy_slots = True
    lazy_weights = True

    learning_rate: Any = argument(RATE, default=0.001)
    beta_1: float = argument(HYPER, default=0.9)
    beta_2: float = argument(HYPER, default=0.999)
    epsilon: Any = argument(EPSILON, default=DEFAULT_EPSILON)
    _: KW_ONLY
    name: str = "Adamax"

    def slot_names(self) -> tuple[str, ...]:
        return ("m", "v")

    def updated(
        self, gradient: np.ndarray, weights: np.ndarray, slots: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, Slots]:
        dtype, one = gradient.dtype, gradient.dtype.type(1)
        beta_1, beta_2 = self.number("beta_1", dtype), self.number("beta_2", dtype)
        t = dtype.type(int(self.iterations.value) + 1)
        # m := m + (1 - beta_1) (g - m); v := max(beta_2 v, |g|)
        m = slots["m"] + (gradient - slots["m"]) * (one - beta_1)
        v = np.maximum(beta_2 * slots["v"], np.abs(gradient))
        # w := w - rate / (1 - beta_1^t) m / (v + epsilon)
        alpha = self.rate_as(dtype) / (one - beta_1**t)
        return weights - alpha * (m / (v + dtype.type(self.epsilon))), {"m": m, "v": v}
