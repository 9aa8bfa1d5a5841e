"""Adagrad, Adadelta and RMSprop: rates scaled by accumulated squares of the gradient."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from saveproof.reference_impl.fields import argument, configurable
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.optimizers.learning_rate import RATE
from saveproof.reference_impl.optimizers.optimizer import Optimizer


@configurable
class Adagrad(Optimizer):
    """Rates that shrink with the sum of all squared gradients.

    Source: Duchi et al. 2011, https://jmlr.org/papers/v12/duchi11a.html, section 1.1, eq. 1 with
    the diagonal matrix; epsilon is inside the root, as in Keras.
    """

    learning_rate: Any = argument(RATE, default=0.001)
    initial_accumulator_value: float = 0.1
    epsilon: float = 1e-7
    _: KW_ONLY
    name: str = "Adagrad"

    def build_slots(self, variables: Sequence[Variable]) -> None:
        start = self.initial_accumulator_value
        self._accumulators = [self.slot(v, "accumulator", initial_value=start) for v in variables]

    def update_step(self, gradient: np.ndarray, variable: Variable) -> None:
        number = gradient.dtype.type
        slot = self._accumulators[self.index_of(variable)]
        # a := a + g^2
        slot.value = np.asarray(slot.value + gradient * gradient)
        # w := w - rate g / sqrt(a + epsilon)
        scale = np.sqrt(slot.value + number(self.epsilon))
        variable.value = np.asarray(
            variable.value - gradient * self.rate_as(gradient.dtype) / scale
        )


@configurable
class Adadelta(Optimizer):
    """Steps scaled by the ratio of past steps to past gradients.

    Source: Zeiler 2012, https://arxiv.org/abs/1212.5701, algorithm 1, times a learning rate.
    """

    learning_rate: Any = argument(RATE, default=0.001)
    rho: float = 0.95
    epsilon: float = 1e-7
    _: KW_ONLY
    name: str = "Adadelta"

    def build_slots(self, variables: Sequence[Variable]) -> None:
        self._slots = [
            (self.slot(v, "accumulated_grad"), self.slot(v, "accumulated_delta_var"))
            for v in variables
        ]

    def update_step(self, gradient: np.ndarray, variable: Variable) -> None:
        number = gradient.dtype.type
        rho, rest, epsilon = number(self.rho), number(1 - self.rho), number(self.epsilon)
        grads, deltas = self._slots[self.index_of(variable)]
        # E[g^2] := rho E[g^2] + (1 - rho) g^2
        grads.value = np.asarray(grads.value * rho + rest * gradient * gradient)
        # d := -RMS[d] / RMS[g] g
        delta = -np.sqrt(deltas.value + epsilon) * gradient / np.sqrt(grads.value + epsilon)
        # E[d^2] := rho E[d^2] + (1 - rho) d^2
        deltas.value = np.asarray(deltas.value * rho + rest * delta * delta)
        variable.value = np.asarray(variable.value + delta * self.rate_as(gradient.dtype))


@dataclass(frozen=True, slots=True)
class RMSpropSlots:
    """The slots of one variable; momentum and mean gradient only if the options use them."""

    velocity: Variable
    momentum: Variable | None
    average_gradient: Variable | None


@configurable
class RMSprop(Optimizer):
    """Rates scaled by a moving mean of squared gradients.

    Source: Hinton 2012, https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf,
    slide 29; centered and with momentum: Graves 2013, https://arxiv.org/abs/1308.0850, eqs. 38-41.
    Departure: epsilon is inside the root, as in Keras.
    """

    learning_rate: Any = argument(RATE, default=0.001)
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    _: KW_ONLY
    centered: bool = False
    name: str = "RMSprop"
    ema_overwrite_frequency: int | None = 100

    def build_slots(self, variables: Sequence[Variable]) -> None:
        velocities = [self.slot(v, "velocity") for v in variables]
        momentums = [self.slot(v, "momentum") if self.momentum > 0 else None for v in variables]
        means = [self.slot(v, "average_gradient") if self.centered else None for v in variables]
        self._slots = [
            RMSpropSlots(*slots) for slots in zip(velocities, momentums, means, strict=True)
        ]

    def update_step(self, gradient: np.ndarray, variable: Variable) -> None:
        number = gradient.dtype.type
        rho, rest = number(self.rho), number(1 - self.rho)
        slots = self._slots[self.index_of(variable)]
        # v := rho v + (1 - rho) g^2
        velocity = slots.velocity.value * rho + rest * (gradient * gradient)
        slots.velocity.value = np.asarray(velocity)
        spread = velocity
        if slots.average_gradient is not None:
            # a := rho a + (1 - rho) g, and the variance v - a^2 in place of v
            average = slots.average_gradient.value * rho + rest * gradient
            slots.average_gradient.value = np.asarray(average)
            spread = velocity - average * average
        # d := rate g / sqrt(v + epsilon)
        step = gradient * self.rate_as(gradient.dtype) / np.sqrt(spread + number(self.epsilon))
        if slots.momentum is not None:
            # p := momentum p + d
            step = slots.momentum.value * number(self.momentum) + step
            slots.momentum.value = np.asarray(step)
        variable.value = np.asarray(variable.value - step)
