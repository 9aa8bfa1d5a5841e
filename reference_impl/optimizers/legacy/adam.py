"""Adam and Adamax before TensorFlow 2.11."""

from collections.abc import Mapping
from typing import Unpack

import numpy as np

from saveproof.reference_impl.catalogue import Config
from saveproof.reference_impl.optimizers.legacy.optimizer import (
    DEFAULT_EPSILON,
    LegacyOptimizer,
    LegacyOptions,
    Slots,
)
from saveproof.reference_impl.optimizers.optimizer import Rate


class Adam(LegacyOptimizer):
    """Adam. Keras 2.1 and 2.2 list a third slot that is of use for `amsgrad` alone."""

    possible_slots = ("m", "v", "vhat")

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = DEFAULT_EPSILON,
        *,
        amsgrad: bool = False,
        name: str = "Adam",
        **options: Unpack[LegacyOptions],
    ) -> None:
        super().__init__(learning_rate, {"beta_1": beta_1, "beta_2": beta_2}, name=name, **options)
        self.epsilon = epsilon or DEFAULT_EPSILON
        self.amsgrad = amsgrad

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

    def get_config(self) -> Config:
        return super().get_config() | {"epsilon": self.epsilon, "amsgrad": self.amsgrad}


class Adamax(LegacyOptimizer):
    """Adamax."""

    possible_slots = ("m", "v")
    lazy_slots = True
    lazy_weights = True

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = DEFAULT_EPSILON,
        *,
        name: str = "Adamax",
        **options: Unpack[LegacyOptions],
    ) -> None:
        super().__init__(learning_rate, {"beta_1": beta_1, "beta_2": beta_2}, name=name, **options)
        self.epsilon = epsilon or DEFAULT_EPSILON

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

    def get_config(self) -> Config:
        return super().get_config() | {"epsilon": self.epsilon}
