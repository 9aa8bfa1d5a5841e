"""Adafactor: second moments of matrices as the product of a row and a column."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from saveproof.reference_impl.fields import argument, configurable
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers.learning_rate import RATE, as_cast
from saveproof.reference_impl.optimizers.optimizer import Optimizer


@dataclass(frozen=True, slots=True)
class Factors:
    """The slots of one variable: means over its last and its second last axis, and their product.

    A variable with fewer than two axes has only `v`; its `r` and `c` are integers that never
    change, which checkpoints contain and `variables` does not.
    """

    r: Variable
    c: Variable
    v: Variable


def _root_mean_square(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.mean(x * x, dtype=x.dtype)))


@configurable
class Adafactor(Optimizer):
    """Adaptive rates in sublinear memory.

    Source: Shazeer and Stern 2018, https://arxiv.org/abs/1804.04235, algorithms 4 and 5 with the
    parameters of section 9.
    Departures, as in Keras: the product `v` is a slot too; with `relative_step` the learning rate
    bounds the relative step 1 / sqrt(t), in place of the paper's 0.01.
    """

    learning_rate: Any = argument(RATE, default=0.001)
    beta_2_decay: float = -0.8
    epsilon_1: float = 1e-30
    epsilon_2: float = 1e-3
    clip_threshold: float = 1.0
    relative_step: bool = True
    _: KW_ONLY
    name: str = "Adafactor"

    def build_slots(self, variables: Sequence[Variable]) -> None:
        self._factors = [self._slots_of(variable) for variable in variables]

    def _slots_of(self, variable: Variable) -> Factors:
        shape = variable.shape
        if len(shape) < 2:
            return Factors(
                self.placeholder(variable, "r"),
                self.placeholder(variable, "c"),
                self.slot(variable, "v"),
            )
        return Factors(
            self.slot(variable, "r", shape=shape[:-1]),
            self.slot(variable, "c", shape=(*shape[:-2], shape[-1])),
            self.slot(variable, "v"),
        )

    def update_step(self, gradient: np.ndarray, variable: Variable) -> None:
        dtype, number = gradient.dtype, gradient.dtype.type
        slots = self._factors[self.index_of(variable)]
        one, t = number(1), number(int(self.iterations.value) + 1)
        # rho := min(rate, 1 / sqrt(t)); alpha := max(epsilon_2, RMS(w)) rho
        rho = np.minimum(self.rate_as(dtype), one / np.sqrt(t))
        alpha = np.maximum(as_cast(self.epsilon_2, dtype), _root_mean_square(variable.value)) * rho
        beta_2 = one - t ** number(self.beta_2_decay)
        rest = one - beta_2
        square = gradient * gradient + number(self.epsilon_1)
        if gradient.ndim < 2:
            # v := beta_2 v + (1 - beta_2) (g^2 + epsilon_1)
            v = beta_2 * slots.v.value + rest * square
        else:
            # r, c := means of v over columns and over rows; v := r c / mean(r)
            r = beta_2 * slots.r.value + rest * np.mean(square, axis=-1, dtype=dtype)
            c = beta_2 * slots.c.value + rest * np.mean(square, axis=-2, dtype=dtype)
            slots.r.value, slots.c.value = np.asarray(r), np.asarray(c)
            row = r / np.mean(r, axis=-1, keepdims=True, dtype=dtype)
            v = np.expand_dims(row, -1) * np.expand_dims(c, -2)
        slots.v.value = np.asarray(v)
        # u := g / sqrt(v); w := w - alpha u / max(1, RMS(u) / threshold)
        u = gradient * (one / np.sqrt(v))
        scale = np.maximum(one, _root_mean_square(u) / number(self.clip_threshold))
        variable.value = np.asarray(variable.value - alpha * (u / scale))
