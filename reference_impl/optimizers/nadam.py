"""Nadam: Adam with Nesterov momentum and a momentum schedule."""

from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Any

import numpy as np
import numpy.typing as npt

from saveproof.reference_impl.fields import argument, configurable
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers.learning_rate import RATE, as_cast
from saveproof.reference_impl.optimizers.optimizer import Optimizer


@configurable
class Nadam(Optimizer):
    """Adam with Nesterov momentum.

    Source: Dozat 2015, https://cs229.stanford.edu/proj2015/054_report.pdf, algorithm 8, with the
    momentum schedule beta_1 (1 - 0.96^t / 2) of its section 4.
    Departure from tf_keras: the running product of that schedule advances once per step. tf_keras
    advances it per variable, which is wrong in a traced function and after a resume.
    """

    learning_rate: Any = argument(RATE, default=0.001)
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    _: KW_ONLY
    name: str = "Nadam"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._product = Variable(np.ones((), np.float32), name="Variable:0", trainable=False)

    @property
    def extra_state(self) -> dict[str, Variable]:
        """The running product of the momentum schedule, which is not in Keras's `variables`."""
        return {"_u_product": self._product}

    def build_slots(self, variables: Sequence[Variable]) -> None:
        self._product.value = np.ones((), variables[0].dtype)
        self._slots = [(self.slot(v, "m"), self.slot(v, "v")) for v in variables]

    def begin_step(self) -> None:
        dtype = self._product.dtype
        t = int(self.iterations.value) + 1
        self._product.value = np.asarray(self._product.value * self._momentum_at(t, dtype))

    def update_step(self, gradient: np.ndarray, variable: Variable) -> None:
        dtype, number = gradient.dtype, gradient.dtype.type
        slot_m, slot_v = self._slots[self.index_of(variable)]
        one, t = number(1), int(self.iterations.value) + 1
        u, u_next = self._momentum_at(t, dtype), self._momentum_at(t + 1, dtype)
        product = number(self._product.value)
        beta_1, beta_2 = as_cast(self.beta_1, dtype), as_cast(self.beta_2, dtype)
        # m := m + (1 - beta_1) (g - m); v := v + (1 - beta_2) (g^2 - v)
        m = slot_m.value + (gradient - slot_m.value) * (one - beta_1)
        v = slot_v.value + (gradient * gradient - slot_v.value) * (one - beta_2)
        slot_m.value, slot_v.value = np.asarray(m), np.asarray(v)
        # m_hat := u' m / (1 - product u') + (1 - u) g / (1 - product); v_hat := v / (1 - beta_2^t)
        m_hat = u_next * m / (one - product * u_next) + (one - u) * gradient / (one - product)
        v_hat = v / (one - beta_2 ** number(t))
        # w := w - rate m_hat / (sqrt(v_hat) + epsilon)
        update = m_hat * self.rate_as(dtype) / (np.sqrt(v_hat) + number(self.epsilon))
        variable.value = np.asarray(variable.value - update)

    def set_weights(self, weights: Sequence[npt.ArrayLike]) -> None:
        """Assign all of `variables`, and recompute the running product from the iteration."""
        super().set_weights(weights)
        self.restore_product()

    def restore_product(self) -> None:
        """Recompute the running product for the current iteration, bit-identical."""
        dtype = self._product.dtype
        product = np.ones((), dtype)
        for t in range(1, int(self.iterations.value) + 1):
            product = np.asarray(product * self._momentum_at(t, dtype))
            if product == 0:
                break
        self._product.value = product

    def _momentum_at(self, t: int, dtype: np.dtype) -> np.ndarray:
        number = dtype.type
        decayed = as_cast(0.96, dtype) ** number(t)
        # u := beta_1 (1 - 0.96^t / 2)
        return np.asarray(as_cast(self.beta_1, dtype) * (number(1) - number(0.5) * decayed))
