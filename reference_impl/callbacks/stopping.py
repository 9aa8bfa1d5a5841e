"""EarlyStopping: ends a training that no longer improves."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saveproof.reference_impl.callbacks.monitored import monitored, rises
from saveproof.reference_impl.engine.callbacks import Callback, Logs

RISING = ("acc", "accuracy", "auc")
"""Ends of the names of logs that should rise."""


@dataclass(eq=False)
class EarlyStopping(Callback):
    """Stops training when a log has not improved for `patience` epochs.

    Source: https://keras.io/2.16/api/callbacks/early_stopping/. As there, the counters start again
    with each `fit`.

    Attributes:
        monitor: the log that is compared; while it is missing, a warning says so.
        min_delta: the smallest change that counts as an improvement.
        patience: epochs without improvement after which training stops, never after the first.
        verbose: 1 writes a line when training stops and when weights are restored.
        mode: 'min', 'max', or 'auto': by the log's name.
        baseline: a value that an improvement must also beat to start the patience anew.
        restore_best_weights: whether the model gets the weights of its best epoch at the end, even
            if none beat the baseline.
        start_from_epoch: the first epoch, counted from 0, that is compared.
    """

    monitor: str = "val_loss"
    min_delta: float = 0
    patience: int = 0
    verbose: int = 0
    mode: str = "auto"
    baseline: float | None = None
    restore_best_weights: bool = False
    start_from_epoch: int = 0

    def __post_init__(self) -> None:
        by_name = self.monitor.endswith(RISING)
        self._rises = rises(self.mode, by_name=by_name, who="EarlyStopping")
        self._begin()

    def _begin(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best: float = -np.inf if self._rises else np.inf
        self.best_epoch = 0
        self.best_weights: Sequence[np.ndarray] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002 (Keras's signature)
        """Forget an earlier run."""
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare the log; keep the weights of the best epoch; stop training."""
        value = monitored(logs, self.monitor, who="EarlyStopping", otherwise="training goes on")
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self._improves(value, self.best):
            self.best = value
            self._keep(epoch)
            if self.baseline is None or self._improves(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: ARG002 (Keras's signature)
        """Restore the weights of the best epoch."""
        if self.stopped_epoch and self.verbose:
            sys.stdout.write(f"Epoch {self.stopped_epoch + 1}: early stopping\n")
        if self.best_weights is not None:
            if self.verbose:
                sys.stdout.write(f"Restoring the weights of epoch {self.best_epoch + 1}\n")
            self.model.set_weights(self.best_weights)

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

    def _improves(self, value: float, other: float) -> bool:
        delta = abs(self.min_delta)
        return value - delta > other if self._rises else value + delta < other
