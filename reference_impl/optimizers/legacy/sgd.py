"""SGD before TensorFlow 2.11."""

from collections.abc import Mapping
from typing import Unpack

import numpy as np

from saveproof.reference_impl.catalogue import Config
from saveproof.reference_impl.optimizers.legacy.optimizer import (
    LegacyOptimizer,
    LegacyOptions,
    Slots,
)
from saveproof.reference_impl.optimizers.optimizer import Rate


class SGD(LegacyOptimizer):
    """Gradient descent; without momentum it has no slots, but in lists before TensorFlow 2.0."""

    possible_slots = ("momentum",)
    lazy_slots = True
    lazy_weights = True

    def __init__(
        self,
        learning_rate: Rate = 0.01,
        momentum: float = 0.0,
        *,
        nesterov: bool = False,
        name: str = "SGD",
        **options: Unpack[LegacyOptions],
    ) -> None:
        super().__init__(learning_rate, {"momentum": momentum}, name=name, **options)
        self.momentum = momentum
        self.nesterov = nesterov

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

    def get_config(self) -> Config:
        return super().get_config() | {"nesterov": self.nesterov}
