"""Adam and its kin: moments of the gradient, with bias correction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

import numpy as np

from saveproof.reference_impl.catalogue import Config
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers.optimizer import (
    Optimizer,
    Options,
    Rate,
    SharedOptions,
    as_cast,
)


@dataclass(frozen=True, slots=True)
class Moments:
    """The slots of one variable: first and second moment, and the largest second moment so far."""

    m: Variable
    v: Variable
    v_hat: Variable | None = None


@dataclass(frozen=True, slots=True)
class AdamStep:
    """The numbers of one step, as 0-d arrays of the variable's dtype."""

    alpha: np.ndarray
    rest_1: np.ndarray
    rest_2: np.ndarray
    epsilon: np.ndarray


class Adam(Optimizer):
    """Adaptive moment estimation.

    Source: Kingma and Ba 2015, https://arxiv.org/abs/1412.6980, algorithm 1 in the form of the
    last lines of section 2 (the correction is in alpha, so epsilon is epsilon-hat).
    `amsgrad`: Reddi et al. 2018, https://arxiv.org/abs/1904.09237, algorithm 2.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *,
        amsgrad: bool = False,
        name: str = "Adam",
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, name=name, **options)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad
        self._moments: list[Moments] = []
        self._steps: dict[np.dtype, AdamStep] = {}

    def build_slots(self, variables: Sequence[Variable]) -> None:
        pairs = [(self.slot(v, "m"), self.slot(v, "v")) for v in variables]
        hats = [self.slot(v, "vhat") if self.amsgrad else None for v in variables]
        self._moments = [Moments(m, v, v_hat) for (m, v), v_hat in zip(pairs, hats, strict=True)]

    def begin_step(self) -> None:
        self._steps = {}

    def update_step(self, gradient: np.ndarray, variable: Variable) -> None:
        slots = self._moments[self.index_of(variable)]
        step = self._steps.get(gradient.dtype) or self._step(gradient.dtype)
        # m := m + (1 - beta_1) (g - m)
        m = gradient - slots.m.value
        m *= step.rest_1
        m += slots.m.value
        # v := v + (1 - beta_2) (g^2 - v)
        v = gradient * gradient
        v -= slots.v.value
        v *= step.rest_2
        v += slots.v.value
        slots.m.value, slots.v.value = np.asarray(m), np.asarray(v)
        if slots.v_hat is not None:
            v = slots.v_hat.value = np.asarray(np.maximum(slots.v_hat.value, v))
        # w := w - alpha m / (sqrt(v) + epsilon)
        scale = np.sqrt(v)
        scale += step.epsilon
        m = m * step.alpha
        m /= scale
        variable.value = np.asarray(variable.value - m)

    def get_config(self) -> Config:
        return super().get_config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "amsgrad": self.amsgrad,
        }

    def _step(self, dtype: np.dtype) -> AdamStep:
        one, t = dtype.type(1), dtype.type(int(self.iterations.value) + 1)
        # alpha := rate sqrt(1 - beta_2^t) / (1 - beta_1^t)
        correction = np.sqrt(one - as_cast(self.beta_2, dtype) ** t)
        alpha = self.rate_as(dtype) * correction / (one - as_cast(self.beta_1, dtype) ** t)
        step = AdamStep(
            alpha=np.asarray(alpha),
            rest_1=np.asarray(1 - self.beta_1, dtype),
            rest_2=np.asarray(1 - self.beta_2, dtype),
            epsilon=np.asarray(self.epsilon, dtype),
        )
        self._steps[dtype] = step
        return step


class AdamW(Adam):
    """Adam with decoupled weight decay.

    Source: Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101, algorithm 2.
    Departure: with Keras, decay goes before the update and is scaled by the whole rate.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *,
        amsgrad: bool = False,
        name: str = "AdamW",
        **options: Unpack[SharedOptions],
    ) -> None:
        if weight_decay is None:
            raise ValueError("AdamW: weight_decay: expected a number, found None; use Adam instead")
        super().__init__(
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            amsgrad=amsgrad,
            name=name,
            weight_decay=weight_decay,
            **options,
        )


class Adamax(Optimizer):
    """Adam with the infinity norm in place of the second moment.

    Source: Kingma and Ba 2015, https://arxiv.org/abs/1412.6980, algorithm 2; epsilon is Keras's.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *,
        name: str = "Adamax",
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, name=name, **options)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self._slots: list[tuple[Variable, Variable]] = []

    def build_slots(self, variables: Sequence[Variable]) -> None:
        self._slots = [(self.slot(v, "m"), self.slot(v, "u")) for v in variables]

    def update_step(self, gradient: np.ndarray, variable: Variable) -> None:
        dtype, number = gradient.dtype, gradient.dtype.type
        slot_m, slot_u = self._slots[self.index_of(variable)]
        t = number(int(self.iterations.value) + 1)
        # m := m + (1 - beta_1) (g - m)
        m = (gradient - slot_m.value) * number(1 - self.beta_1) + slot_m.value
        # u := max(beta_2 u, |g|)
        u = np.maximum(slot_u.value * number(self.beta_2), np.abs(gradient))
        slot_m.value, slot_u.value = np.asarray(m), np.asarray(u)
        # w := w - rate m / ((1 - beta_1^t) (u + epsilon))
        scale = (u + number(self.epsilon)) * (number(1) - as_cast(self.beta_1, dtype) ** t)
        variable.value = np.asarray(variable.value - m * self.rate_as(dtype) / scale)

    def get_config(self) -> Config:
        return super().get_config() | {
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        }
