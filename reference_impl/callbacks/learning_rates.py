"""Callbacks that set the learning rate, epoch by epoch."""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from saveproof.reference_impl.callbacks.monitored import monitored, rises
from saveproof.reference_impl.engine.callbacks import Callback, Logs

RATE = "lr"
"""The log with the learning rate of the epoch."""


@dataclass(eq=False)
class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch and logs it as `lr` at the end.

    Source: https://keras.io/2.16/api/callbacks/learning_rate_scheduler/

    Attributes:
        schedule: returns the rate, a float, from the epoch, counted from 0, and the current rate;
            one with a single argument gets only the epoch.
        verbose: 1 writes a line for each epoch.
    """

    schedule: Callable[..., float]
    verbose: int = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002 (Keras's signature)
        """Set the learning rate.

        Raises:
            ValueError: if the schedule returns something else than a float.
            TypeError: if the optimizer's learning rate is a schedule itself.
        """
        rate = self._rate_of(epoch)
        if not isinstance(rate, float | np.floating):
            raise ValueError(
                f"LearningRateScheduler: expected a float from the schedule for epoch {epoch}, "
                f"found {rate!r}"
            )
        self.model.optimizer.learning_rate = rate
        if self.verbose:
            sys.stdout.write(f"Epoch {epoch + 1}: learning rate {rate}\n")

    def _rate_of(self, epoch: int) -> float:
        current = float(self.model.optimizer.learning_rate.value)
        try:
            inspect.signature(self.schedule).bind(epoch, current)
        except TypeError:
            return self.schedule(epoch)
        return self.schedule(epoch, current)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002 (Keras's signature)
        """Log the learning rate."""
        if logs is not None:
            logs[RATE] = self.model.optimizer.learning_rate.value[()]


@dataclass(eq=False)
class ReduceLROnPlateau(Callback):
    """Multiplies the learning rate by a factor when a log has stopped improving, and logs `lr`.

    Source: https://keras.io/2.16/api/callbacks/reduce_lr_on_plateau/. As there, the counters start
    again with each `fit`.

    Attributes:
        monitor: the log that is compared; while it is missing, a warning says so.
        factor: of the learning rate, below 1.
        patience: epochs without improvement before the rate is reduced.
        verbose: 1 writes a line for each reduction.
        mode: 'min', 'max', or 'auto': by the log's name.
        min_delta: the change that an improvement must exceed.
        cooldown: epochs after a reduction that are not counted.
        min_lr: the smallest rate.
    """

    monitor: str = "val_loss"
    factor: float = 0.1
    patience: int = 10
    verbose: int = 0
    mode: str = "auto"
    min_delta: float = 1e-4
    cooldown: int = 0
    min_lr: float = 0

    def __post_init__(self) -> None:
        if self.factor >= 1:
            raise ValueError(f"ReduceLROnPlateau: expected a factor below 1, found {self.factor!r}")
        self._rises = rises(self.mode, by_name="acc" in self.monitor, who="ReduceLROnPlateau")
        self._begin()

    def _begin(self) -> None:
        self.wait = 0
        self.cooldown_counter = 0
        self.best: float = -np.inf if self._rises else np.inf

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002 (Keras's signature)
        """Forget an earlier run."""
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Log the learning rate, compare the monitored log and reduce the rate.

        Raises:
            TypeError: if the optimizer's learning rate is a schedule.
        """
        if logs is not None:
            logs[RATE] = self.model.optimizer.learning_rate.value[()]
        value = monitored(logs, self.monitor, who="ReduceLROnPlateau", otherwise="rate unchanged")
        if value is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self._improves(value):
            self.best, self.wait = value, 0
        elif self.cooldown_counter <= 0:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _improves(self, value: float) -> bool:
        if self._rises:
            return value > self.best + self.min_delta
        return value < self.best - self.min_delta

    def _reduce(self, epoch: int) -> None:
        rate = self.model.optimizer.learning_rate.value
        if rate <= np.float32(self.min_lr):
            return
        reduced = max(float(rate * np.float32(self.factor)), float(self.min_lr))
        self.model.optimizer.learning_rate = reduced
        if self.verbose:
            sys.stdout.write(f"Epoch {epoch + 1}: learning rate reduced to {reduced}\n")
        self.cooldown_counter, self.wait = self.cooldown, 0
