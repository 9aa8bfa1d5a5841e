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
    """The iteration counter, the learning rate and the optional schedule of an optimizer."""

    name: str
    schedule: LearningRateSchedule | None = None

    def __pre_init__(self, given: Mapping[str, Any]) -> None:
        """Create the iterations and the rate."""
        self.iterations = Variable(np.zeros((), np.int64), name="iteration:0", trainable=False)
        self._rate = Variable(np.zeros((), np.float32), name="learning_rate:0", trainable=False)

    @property
    def learning_rate(self) -> Any:
        """The rate (float32): without a schedule that of the next step, else of the last one."""
        return self._rate

    @learning_rate.setter
    def learning_rate(self, value: Rate) -> None:
        if isinstance(value, LearningRateSchedule):
            self.schedule = value
            self.follow_schedule()
        elif self.schedule is not None:
            raise TypeError(
                f"{self.name}: learning_rate: expected a schedule, since the optimizer has a "
                f"{type(self.schedule).__name__}, found {value!r}; create it with a number instead"
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
        """Set the rate to the schedule's value for the current iteration, if scheduled."""
        if self.schedule is not None:
            self._rate.assign(float(self.schedule(self.iterations.value)))

    def rate_as(self, dtype: np.dtype) -> np.ndarray:
        """Return the learning rate, at most in float32 precision, as a 0-d array of `dtype`."""
        return self._rate.value.astype(dtype)


def _rate_to_config(owner: LearningRate, _: str) -> Any:
    """Return the entry of the schedule, or the float32 rate as a Python float."""
    if owner.schedule is not None:
        return schedules.serialize(owner.schedule)
    return float(owner.learning_rate.value)


RATE = Form(to_config=_rate_to_config, takes=Rate)


def as_cast(number: float, dtype: np.dtype) -> np.ndarray:
    """Return a 0-d array of `dtype`, rounded to float32 first, as `tf.cast` does.

    For float64 variables 0.9 becomes 0.89999998.
    """
    return np.asarray(number, np.float32).astype(dtype)
