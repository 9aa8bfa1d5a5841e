"""SGD before TensorFlow 2.11."""

from collections.abc import Mapping
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from saveproof.reference_impl.fields import argument, configurable
from saveproof.reference_impl.optimizers.learning_rate import RATE
from saveproof.reference_impl.optimizers.legacy.optimizer import (
    HYPER,
    LegacyOptimizer,
    Slots,
)


@configurable
class SGD(LegacyOptimizer):
    """Gradient descent; without momentum it has slots only in lists before TensorFlow 2.0."""

    possible_slots = ("momentum",)
    lazy_slots = True
    lazy_weights = True

    learning_rate: Any = argument(RATE, default=0.01)
    momentum: float = argument(HYPER, default=0.0)
    _: KW_ONLY
    nesterov: bool = False
    name: str = "SGD"

    def slot_names(self) -> tuple[str, ...]:
        return ("momentum",) if self.momentum > 0 else ()

    def updated(
        self, gradient: np.ndarray, weights: np.ndarray, slots: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, Slots]:
        step = gradient * self.rate_as(gradient.dtype)
        if not slots:
            return weights - step, {}
        momentum = self.number("momentum", gradient.dtype)
        # m := momentum m - rate g; w := w + m, or with Nesterov w + momentum m - rate g
        m = slots["momentum"] * momentum - step
        return weights + (m * momentum - step if self.nesterov else m), {"momentum": m}
