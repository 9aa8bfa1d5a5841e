"""SGD: stochastic gradient descent with momentum."""

from collections.abc import Sequence
from typing import Unpack

import numpy as np

from saveproof.reference_impl.catalogue import Config
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers.optimizer import Optimizer, Options, Rate, as_cast


class SGD(Optimizer):
    """Gradient descent with classical or Nesterov momentum.

    Source: Sutskever et al. 2013, https://proceedings.mlr.press/v28/sutskever13.html, eqs. 1, 2
    and 3, 4; Nesterov's form is written at the shifted point, as in
    https://keras.io/2.16/api/optimizers/sgd/. The slot `m` exists even without momentum.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.01,
        momentum: float = 0.0,
        *,
        nesterov: bool = False,
        name: str = "SGD",
        **options: Unpack[Options],
    ) -> None:
        if not 0 <= momentum <= 1:
            raise ValueError(f"{name}: expected momentum in [0, 1], found {momentum!r}")
        super().__init__(learning_rate, name=name, **options)
        self.momentum = momentum
        self.nesterov = nesterov
        self._momentums: list[Variable] = []

    def build_slots(self, variables: Sequence[Variable]) -> None:
        self._momentums = [self.slot(variable, "m") for variable in variables]

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

    def get_config(self) -> Config:
        return super().get_config() | {"momentum": self.momentum, "nesterov": self.nesterov}
