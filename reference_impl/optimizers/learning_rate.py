"""The learning rate of an optimizer: a number, or a schedule of the iterations."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from saveproof.reference_impl import schedules
from saveproof.reference_impl.fields import Configured, Form
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.schedules import LearningRateSchedule

Rate = float | LearningRateSchedule


class LearningRate(Configured):
    """What an optimizer has of a rate: counted iterations, the rate, and what schedules it."""

    name: str
    schedule: LearningRateSchedule | None = None

    def __pre_init__(self, given: Mapping[str, Any]) -> None:
        """Create the iterations and the rate."""
        self.iterations = Variable(np.zeros((), np.int64), name="iteration:0", trainable=False)
        self._rate = Variable(np.zeros((), np.float32), name="learning_rate:0", trainable=False)

    @property
    def learning_rate(self) -> Any:
        """The rate of the last step, or of the next one if it is not scheduled (float32)."""
        return self._rate

    @learning_rate.setter
    def learning_rate(self, value: Rate) -> None:
        if isinstance(value, LearningRateSchedule):
            self.schedule = value
            self.follow_schedule()
        elif self.schedule is not None:
            raise TypeError(
                f"{self.name}: learning_rate is given by {type(self.schedule).__name__}; expected "
                f"another schedule, found {value!r} (create the optimizer with a number to set it)"
            )
        else:
            self._rate.assign(value)

    @property
    def lr(self) -> Any:
        """Alias of `learning_rate`."""
        return self._rate

    @lr.setter
    def lr(self, value: Rate) -> None:
        self.learning_rate = value

    def follow_schedule(self) -> None:
        """Give the rate the schedule's value for the present iteration, if there is a schedule."""
        if self.schedule is not None:
            self._rate.assign(float(self.schedule(self.iterations.value)))

    def rate_as(self, dtype: np.dtype) -> np.ndarray:
        """The learning rate as a 0-d array of `dtype`; it has float32 precision at most."""
        return self._rate.value.astype(dtype)


def _rate_to_config(owner: LearningRate, _: str) -> Any:
    """Return the entry of a schedule, or the number, which is float32, widened."""
    if owner.schedule is not None:
        return schedules.serialize(owner.schedule)
    return float(owner.learning_rate.value)


RATE = Form(to_config=_rate_to_config, takes=Rate)


def as_cast(number: float, dtype: np.dtype) -> np.ndarray:
    """A number as `tf.cast` makes it: a 0-d array of `dtype`, by way of float32.

    Only float64 variables tell the difference; they see 0.9 as 0.89999998.
    """
    return np.asarray(number, np.float32).astype(dtype)
