"""SGD: stochastic gradient descent with momentum."""

from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from saveproof.reference_impl.fields import Form, argument, configurable
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers.learning_rate import RATE, as_cast
from saveproof.reference_impl.optimizers.optimizer import Optimizer


def _up_to_one(owner: Optimizer, name: str, value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"{owner.name}: expected {name} in [0, 1], found {value!r}")
    return value


@configurable
class SGD(Optimizer):
    """Gradient descent with classical or Nesterov momentum.

    Source: Sutskever et al. 2013, https://proceedings.mlr.press/v28/sutskever13.html, eqs. 1, 2
    and 3, 4; Nesterov's form is written at the shifted point, as in
    https://keras.io/2.16/api/optimizers/sgd/. The slot `m` exists even without momentum.
    """

    learning_rate: Any = argument(RATE, default=0.01)
    momentum: float = argument(Form(_up_to_one), default=0.0)
    _: KW_ONLY
    nesterov: bool = False
    name: str = "SGD"

    def build_slots(self, variables: Sequence[Variable]) -> None:
        self._momentums: list[Variable] = [self.slot(variable, "m") for variable in variables]

    def update_step(self, gradient: np.ndarray, variable: Variable) -> None:
        m = self._momentums[self.index_of(variable)]
        momentum = as_cast(self.momentum, gradient.dtype)
        step = gradient * self.rate_as(gradient.dtype)
        # m := momentum * m - rate * g
        moved = m.value * momentum
        moved -= step
        m.value = np.asarray(moved)
        if self.nesterov:
            # w := w + momentum * m - rate * g
            moved = moved * momentum
            moved -= step
        variable.value = np.asarray(variable.value + moved)
