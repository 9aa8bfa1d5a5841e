"""Adagrad, Adadelta and RMSprop before TensorFlow 2.11."""

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
class Adagrad(LegacyOptimizer):
    """Adagrad with epsilon outside the root."""

    possible_slots = ("accumulator",)

    learning_rate: Any = argument(RATE, default=0.001)
    initial_accumulator_value: float = 0.1
    epsilon: Any = argument(EPSILON, default=DEFAULT_EPSILON)
    _: KW_ONLY
    name: str = "Adagrad"

    def slot_names(self) -> tuple[str, ...]:
        return ("accumulator",)

    def initial_value(self, name: str) -> float:  # noqa: ARG002 (there is one slot)
        """Return the slot's initial value."""
        return self.initial_accumulator_value

    def updated(
        self, gradient: np.ndarray, weights: np.ndarray, slots: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, Slots]:
        # a := a + g^2; w := w - rate g / (sqrt(a) + epsilon)
        accumulator = slots["accumulator"] + gradient * gradient
        scale = np.sqrt(accumulator) + gradient.dtype.type(self.epsilon)
        step = gradient * self.rate_as(gradient.dtype) / scale
        return weights - step, {"accumulator": accumulator}


@configurable
class Adadelta(LegacyOptimizer):
    """Adadelta."""

    possible_slots = ("accum_grad", "accum_var")
    lazy_slots = True
    lazy_weights = True

    learning_rate: Any = argument(RATE, default=0.001)
    rho: float = argument(HYPER, default=0.95)
    epsilon: Any = argument(EPSILON, default=DEFAULT_EPSILON)
    _: KW_ONLY
    name: str = "Adadelta"

    def slot_names(self) -> tuple[str, ...]:
        return self.possible_slots

    def updated(
        self, gradient: np.ndarray, weights: np.ndarray, slots: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, Slots]:
        dtype, one = gradient.dtype, gradient.dtype.type(1)
        rho, epsilon = self.number("rho", dtype), dtype.type(self.epsilon)
        # E[g^2] := rho E[g^2] + (1 - rho) g^2; d := RMS[d] / RMS[g] g
        squares = slots["accum_grad"] * rho + gradient * gradient * (one - rho)
        delta = np.sqrt(slots["accum_var"] + epsilon) / np.sqrt(squares + epsilon) * gradient
        # E[d^2] := rho E[d^2] + (1 - rho) d^2
        deltas = slots["accum_var"] * rho + delta * delta * (one - rho)
        found = {"accum_grad": squares, "accum_var": deltas}
        return weights - delta * self.rate_as(dtype), found


@configurable
class RMSprop(LegacyOptimizer):
    """RMSprop; without momentum, epsilon is outside the root."""

    possible_slots = ("rms", "momentum", "mg")
    lazy_weights = True

    learning_rate: Any = argument(RATE, default=0.001)
    rho: float = argument(HYPER, default=0.9)
    momentum: float = argument(HYPER, default=0.0)
    epsilon: Any = argument(EPSILON, default=DEFAULT_EPSILON)
    _: KW_ONLY
    centered: bool = False
    name: str = "RMSprop"

    def __post_init__(self) -> None:
        super().__post_init__()
        # With momentum, TensorFlow's single operation does not change the slots of other rows.
        self.lazy_slots = self.momentum > 0

    def slot_names(self) -> tuple[str, ...]:
        asked = {"rms": True, "momentum": self.momentum > 0, "mg": self.centered}
        return tuple(name for name, wanted in asked.items() if wanted)

    def updated(
        self, gradient: np.ndarray, weights: np.ndarray, slots: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, Slots]:
        dtype, one = gradient.dtype, gradient.dtype.type(1)
        rho, epsilon = self.number("rho", dtype), dtype.type(self.epsilon)
        step = gradient * self.rate_as(dtype)
        # v := rho v + (1 - rho) g^2; centered: a := rho a + (1 - rho) g, and v - a^2 for v
        rms = rho * slots["rms"] + (one - rho) * gradient * gradient
        found, spread = {"rms": rms}, rms
        if self.centered:
            found["mg"] = rho * slots["mg"] + (one - rho) * gradient
            spread = rms - found["mg"] * found["mg"]
        if "momentum" not in slots:
            # w := w - rate g / (sqrt(v) + epsilon)
            return weights - step / (np.sqrt(spread) + epsilon), found
        # p := momentum p + rate g / sqrt(v + epsilon); w := w - p
        moved = slots["momentum"] * self.number("momentum", dtype)
        found["momentum"] = moved + step / np.sqrt(spread + epsilon)
        return weights - found["momentum"], found
