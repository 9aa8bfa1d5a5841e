"""Lion: steps of one length, in the direction of the sign of the momentum."""

from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from saveproof.reference_impl.fields import Form, argument, configurable
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers.learning_rate import RATE, as_cast
from saveproof.reference_impl.optimizers.optimizer import Optimizer


def _above_zero(owner: Optimizer, name: str, value: float) -> float:
    if not 0 < value <= 1:
        raise ValueError(f"{owner.name}: expected {name} above 0 and up to 1, found {value!r}")
    return value


@configurable
class Lion(Optimizer):
    """Sign descent along an interpolation of momentum and gradient.

    Source: Chen et al. 2023, https://arxiv.org/abs/2302.06675, algorithm 2; weight decay is that of
    the base class, before the update.
    Departure from tf_keras: the rows of an Embedding follow the same two lines; tf_keras computes
    them in another order, which differs by rounding.
    """

    learning_rate: Any = argument(RATE, default=0.0001)
    beta_1: float = argument(Form(_above_zero), default=0.9)
    beta_2: float = 0.99
    _: KW_ONLY
    name: str = "Lion"

    def build_slots(self, variables: Sequence[Variable]) -> None:
        self._momentums = [self.slot(variable, "m") for variable in variables]

    def update_step(self, gradient: np.ndarray, variable: Variable) -> None:
        dtype, one = gradient.dtype, gradient.dtype.type(1)
        m = self._momentums[self.index_of(variable)]
        beta_1, beta_2 = as_cast(self.beta_1, dtype), as_cast(self.beta_2, dtype)
        # w := w - rate sign(beta_1 m + (1 - beta_1) g)
        direction = np.sign(m.value * beta_1 + gradient * (one - beta_1))
        variable.value = np.asarray(variable.value - self.rate_as(dtype) * direction)
        # m := beta_2 m + (1 - beta_2) g
        m.value = np.asarray(m.value * beta_2 + gradient * (one - beta_2))
