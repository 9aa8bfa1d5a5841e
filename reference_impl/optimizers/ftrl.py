"""Ftrl: follow the regularized leader."""

from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Any

import numpy as np

from saveproof.reference_impl.fields import Form, argument, configurable
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers.learning_rate import RATE, as_cast
from saveproof.reference_impl.optimizers.optimizer import Optimizer


def _not_negative(owner: Optimizer, name: str, value: float) -> float:
    if value < 0:
        raise ValueError(f"{owner.name}: expected {name} of at least 0, found {value!r}")
    return value


def _not_positive(owner: Optimizer, name: str, value: float) -> float:
    if value > 0:
        raise ValueError(f"{owner.name}: expected {name} of at most 0, found {value!r}")
    return value


STRENGTH = Form(_not_negative)


@configurable
class Ftrl(Optimizer):
    """Weights in closed form from accumulated gradients, with L1 and L2 regularization.

    Source: McMahan et al. 2013, https://research.google.com/pubs/archive/41159.pdf, algorithm 1,
    with the power of the accumulator as an argument and an L2 penalty on the gradient
    (`l2_shrinkage_regularization_strength`), as in https://keras.io/2.16/api/optimizers/ftrl/.
    """

    learning_rate: Any = argument(RATE, default=0.001)
    learning_rate_power: float = argument(Form(_not_positive), default=-0.5)
    initial_accumulator_value: float = argument(STRENGTH, default=0.1)
    l1_regularization_strength: float = argument(STRENGTH, default=0.0)
    l2_regularization_strength: float = argument(STRENGTH, default=0.0)
    l2_shrinkage_regularization_strength: float = argument(STRENGTH, default=0.0)
    beta: float = 0.0
    _: KW_ONLY
    name: str = "Ftrl"

    def build_slots(self, variables: Sequence[Variable]) -> None:
        self._slots = [(self._accumulator(v), self.slot(v, "linear")) for v in variables]

    def _accumulator(self, variable: Variable) -> Variable:
        start = as_cast(self.initial_accumulator_value, variable.dtype)
        return self.slot(variable, "accumulator", initial_value=start)

    def update_step(self, gradient: np.ndarray, variable: Variable) -> None:
        number, w = gradient.dtype.type, variable.value
        rate, power = self.rate_as(gradient.dtype), number(-self.learning_rate_power)
        accumulator, linear = self._slots[self.index_of(variable)]
        before, after = accumulator.value, accumulator.value + gradient * gradient
        # g' := g + 2 shrinkage w
        shrunk = gradient + number(2 * self.l2_shrinkage_regularization_strength) * w
        # z := z + g' - (n'^power - n^power) / rate w, where n' = n + g^2
        z = linear.value + (shrunk - (after**power - before**power) / rate * w)
        # w := (clip(z, -l1, l1) - z) / (n'^power / rate + 2 (l2 + beta / (2 rate)))
        l1 = number(self.l1_regularization_strength)
        l2 = number(self.l2_regularization_strength) + number(self.beta) / (number(2) * rate)
        variable.value = np.asarray(
            (np.minimum(np.maximum(z, -l1), l1) - z) / (after**power / rate + number(2) * l2)
        )
        accumulator.value, linear.value = np.asarray(after), np.asarray(z)
