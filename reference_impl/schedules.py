"""Learning-rate schedules: the rate as a function of the step, in float32 as in TensorFlow."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from typing import cast

import numpy as np

from saveproof.reference_impl.catalogue import Catalogue, Config
from saveproof.reference_impl.custom_objects import CustomObjects
from saveproof.reference_impl.fields import Configured, configurable

Step = int | np.ndarray | np.integer


class LearningRateSchedule(Configured, ABC):
    """The protocol of a schedule: call it with the step, get the learning rate."""

    @abstractmethod
    def __call__(self, step: Step) -> np.float32:
        """Return the learning rate at `step` (counted from 0)."""


@configurable
class ExponentialDecay(LearningRateSchedule):
    """initial * rate ** (step / decay_steps).

    Source: https://keras.io/2.16/api/optimizers/learning_rate_schedules/exponential_decay/
    """

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    _: KW_ONLY
    staircase: bool = False
    name: str | None = None

    def __call__(self, step: Step) -> np.float32:
        periods = _periods(step, self.decay_steps, staircase=self.staircase)
        return np.float32(self.initial_learning_rate) * np.float32(self.decay_rate) ** periods


@configurable
class InverseTimeDecay(LearningRateSchedule):
    """initial / (1 + rate * step / decay_steps).

    Source: https://keras.io/2.16/api/optimizers/learning_rate_schedules/inverse_time_decay/
    """

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    _: KW_ONLY
    staircase: bool = False
    name: str | None = None

    def __call__(self, step: Step) -> np.float32:
        periods = _periods(step, self.decay_steps, staircase=self.staircase)
        slower = np.float32(1) + np.float32(self.decay_rate) * periods
        return np.float32(self.initial_learning_rate) / slower


@configurable
class PiecewiseConstantDecay(LearningRateSchedule):
    """values[i] up to and including step boundaries[i], the last value afterwards.

    Source: https://keras.io/2.16/api/optimizers/learning_rate_schedules/piecewise_constant_decay/

    Raises:
        ValueError: If the number of values is not the number of boundaries plus one.
    """

    boundaries: Sequence[float]
    values: Sequence[float]
    _: KW_ONLY
    name: str | None = None

    def __post_init__(self) -> None:
        """Check that there is one more value than boundaries."""
        if len(self.boundaries) != len(self.values) - 1:
            raise ValueError(
                f"PiecewiseConstantDecay: expected one more value than boundaries, found "
                f"{len(self.boundaries)} boundaries and {len(self.values)} values"
            )

    def __call__(self, step: Step) -> np.float32:
        # The boundaries are cast to the integer type of the step, as in TensorFlow.
        passed = sum(int(np.asarray(step)) > int(boundary) for boundary in self.boundaries)
        return np.float32(self.values[passed])


@configurable
class PolynomialDecay(LearningRateSchedule):
    """(initial - end) * (1 - step / decay_steps) ** power + end; with `cycle` it repeats.

    Source: https://keras.io/2.16/api/optimizers/learning_rate_schedules/polynomial_decay/
    """

    initial_learning_rate: float
    decay_steps: float
    end_learning_rate: float = 0.0001
    power: float = 1.0
    _: KW_ONLY
    cycle: bool = False
    name: str | None = None

    def __call__(self, step: Step) -> np.float32:
        at, span = np.float32(step), np.float32(self.decay_steps)
        if self.cycle:
            span = span * (np.float32(1) if at == 0 else np.ceil(at / span))
        else:
            at = np.minimum(at, span)
        start, end = np.float32(self.initial_learning_rate), np.float32(self.end_learning_rate)
        return np.float32(
            (start - end) * (np.float32(1) - at / span) ** np.float32(self.power) + end
        )


@configurable
class CosineDecay(LearningRateSchedule):
    """Half a cosine from the initial rate to `alpha` times it, after an optional linear warm-up.

    Source: Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983, eq. 5, without restarts.
    """

    initial_learning_rate: float
    decay_steps: float
    alpha: float = 0.0
    _: KW_ONLY
    name: str | None = None
    warmup_target: float | None = None
    warmup_steps: int = 0

    def __call__(self, step: Step) -> np.float32:
        at, span = np.float32(step), np.float32(self.decay_steps)
        initial = np.float32(self.initial_learning_rate)
        if self.warmup_target is None:
            return initial * _cosine(np.minimum(at, span) / span, self.alpha)
        target, warmup = np.float32(self.warmup_target), np.float32(self.warmup_steps)
        at = np.minimum(at, span + warmup)
        if at < warmup:
            return np.float32((target - initial) * (at / warmup) + initial)
        return target * _cosine((at - warmup) / span, self.alpha)


@configurable
class CosineDecayRestarts(LearningRateSchedule):
    """Repeated half cosines, each `t_mul` times as long and `m_mul` times as high as the last.

    Source: Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983, eq. 5.
    """

    initial_learning_rate: float
    first_decay_steps: float
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0
    _: KW_ONLY
    name: str | None = None

    def __call__(self, step: Step) -> np.float32:
        t_mul, one = np.float32(self.t_mul), np.float32(1)
        completed = np.float32(step) / np.float32(self.first_decay_steps)
        if t_mul == one:
            restarts = np.floor(completed)
            completed = completed - restarts
        else:
            # Periods of lengths 1, t, t^2…: r of them take (1 - t^r) / (1 - t).
            restarts = np.floor(np.log(one - completed * (one - t_mul)) / np.log(t_mul))
            elapsed = (one - t_mul**restarts) / (one - t_mul)
            completed = (completed - elapsed) / t_mul**restarts
        height = np.float32(self.m_mul) ** restarts
        initial = np.float32(self.initial_learning_rate)
        return initial * _cosine(completed, self.alpha, height=height)


def _periods(step: Step, decay_steps: float, *, staircase: bool) -> np.float32:
    periods = np.float32(step) / np.float32(decay_steps)
    return np.float32(np.floor(periods)) if staircase else periods


def _cosine(fraction: np.float32, alpha: float, *, height: np.float32 | None = None) -> np.float32:
    half = (
        np.float32(0.5)
        * (np.float32(1) if height is None else height)
        * (np.float32(1) + np.cos(np.float32(math.pi) * fraction))
    )
    return np.float32(np.float32(1 - alpha) * half + np.float32(alpha))


SCHEDULES: Catalogue[LearningRateSchedule] = Catalogue(
    kind="learning-rate schedule",
    module="keras.optimizers.schedules",
    entries={
        "ExponentialDecay": ExponentialDecay,
        "InverseTimeDecay": InverseTimeDecay,
        "PiecewiseConstantDecay": PiecewiseConstantDecay,
        "PolynomialDecay": PolynomialDecay,
        "CosineDecay": CosineDecay,
        "CosineDecayRestarts": CosineDecayRestarts,
    },
)


def serialize(schedule: LearningRateSchedule) -> Config:
    """Return the serialized entry of a schedule for an optimizer's config."""
    return cast("Config", SCHEDULES.serialize(schedule))


def deserialize(
    config: Mapping[str, object], *, custom_objects: CustomObjects | None = None
) -> LearningRateSchedule:
    """Return the schedule for a serialized entry."""
    return cast(
        "LearningRateSchedule", SCHEDULES.deserialize(config, custom_objects=custom_objects)
    )
