"""Adam, AdamW and Adamax: moments of the gradient with bias correction."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from saveproof.reference_impl.fields import Form, argument, configurable
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers.learning_rate import RATE, as_cast
from saveproof.reference_impl.optimizers.optimizer import Optimizer


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


@configurable
class Adam(Optimizer):
    """Adaptive moment estimation.

    Source: Kingma and Ba 2015, https://arxiv.org/abs/1412.6980, algorithm 1 in the form of the
    last lines of section 2 (the correction is in alpha, so epsilon is epsilon-hat).
    `amsgrad`: Reddi et al. 2018, https://arxiv.org/abs/1904.09237, algorithm 2.
    """

    learning_rate: Any = argument(RATE, default=0.001)
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    _: KW_ONLY
    amsgrad: bool = False
    name: str = "Adam"

    def build_slots(self, variables: Sequence[Variable]) -> None:
        pairs = [(self.slot(v, "m"), self.slot(v, "v")) for v in variables]
        hats = [self.slot(v, "vhat") if self.amsgrad else None for v in variables]
        self._moments = [Moments(m, v, v_hat) for (m, v), v_hat in zip(pairs, hats, strict=True)]

    def begin_step(self) -> None:
        self._steps: dict[np.dtype, AdamStep] = {}

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


def _given(_: Optimizer, name: str, value: float | None) -> float:
    if value is None:
        raise ValueError(f"AdamW: {name}: expected a number, found None; use Adam instead")
    return value


@configurable
class AdamW(Adam):
    """Adam with decoupled weight decay.

    Source: Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101, algorithm 2.
    Departure: as in Keras, weights decay before the update, by weight_decay times the rate.
    """

    weight_decay: float = argument(Form(_given), default=0.004)
    _: KW_ONLY
    name: str = "AdamW"


@configurable
class Adamax(Optimizer):
    """Adam with the infinity norm in place of the second moment.

    Source: Kingma and Ba 2015, https://arxiv.org/abs/1412.6980, algorithm 2; epsilon is Keras's.
    """

    learning_rate: Any = argument(RATE, default=0.001)
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    _: KW_ONLY
    name: str = "Adamax"

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
