"""Callbacks: hooks into `fit`, `evaluate` and `predict`; `History` and `ModelCheckpoint`."""

import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from string import Formatter
from typing import Any

import numpy as np

from saveproof.reference_impl.keras_names import refusing

__all__ = ["Callback", "History", "ModelCheckpoint"]

__getattr__ = refusing("callbacks", __all__)

Logs = Mapping[str, Any]
_LOGGER = logging.getLogger(__name__)


class Callback:
    """Base class with an empty method for each event; subclasses override those they need."""

    model: Any = None
    params: Mapping[str, Any] = {}

    def set_model(self, model: Any) -> None:
        """Store the model."""
        self.model = model

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Store the number of epochs and steps."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """`fit` begins."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """`fit` ends."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """An epoch, counted from 0, begins."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """An epoch ends; the logs hold its means and the `val_` means of the validation."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A training batch begins."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A training batch ends; the logs hold the running means."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Keras's older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Keras's older name of `on_train_batch_end`."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """`evaluate`, or a validation, begins."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """`evaluate`, or a validation, ends."""


class History(Callback):
    """What `fit` returns: `epoch`, and in `history` a list of values for each log."""

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002 (Keras's signature)
        """Forget the epochs of an earlier run."""
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Append the epoch's logs."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class EpochLines(Callback):
    """Writes one line per epoch to standard output."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the epoch's logs."""
        values = " - ".join(f"{name}: {value:.4f}" for name, value in (logs or {}).items())
        sys.stdout.write(f"Epoch {epoch + 1}/{self.params.get('epochs')} - {values}\n")


class ModelCheckpoint(Callback):
    """Saves the model, or its weights, after every epoch or every so many batches.

    Args:
        filepath: the target, with optional placeholders `{epoch}` (from 1), `{batch}` and the names
            of logs. If a log is missing, the callback logs a warning and saves nothing; training
            goes on.
        monitor: the log that `save_best_only` compares.
        verbose: 1 writes a line for each file.
        save_best_only: save only when the log improved; if it is missing, log a warning and save
            nothing.
        save_weights_only: `save_weights` instead of `save`.
        mode: 'min', 'max', or 'auto': by the log's name.
        save_freq: 'epoch', or a number of batches.
        initial_value_threshold: the value that the log must improve on for the first file.
    """

    def __init__(
        self,
        filepath: str | Path,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,  # noqa: FBT001 (Keras's signature)
        save_weights_only: bool = False,  # noqa: FBT001 (Keras's signature)
        mode: str = "auto",
        save_freq: str | int = "epoch",
        *,
        initial_value_threshold: float | None = None,
    ) -> None:
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"ModelCheckpoint: expected mode auto, min or max, found {mode!r}")
        if save_freq != "epoch" and not isinstance(save_freq, int):
            raise ValueError(f"ModelCheckpoint: expected 'epoch' or a number, found {save_freq!r}")
        self.filepath = str(filepath)
        self.monitor = monitor
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        rises = monitor.startswith("fmeasure") or "acc" in monitor
        self._rises = mode == "max" or (mode == "auto" and rises)
        worst = -np.inf if self._rises else np.inf
        self.best: float = worst if initial_value_threshold is None else initial_value_threshold
        self._batches = 0
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002 (Keras's signature)
        """Store the epoch number for the file name."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Save after every `save_freq` batches."""
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches >= int(self.save_freq):
            self._batches = 0
            self._save(logs or {}, batch=batch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002 (Keras's signature)
        """Save after the epoch."""
        if self.save_freq == "epoch":
            self._save(logs or {}, batch=None)

    def _save(self, logs: Logs, *, batch: int | None) -> None:
        if self.save_best_only and not self._improved(logs):
            return
        target = self._target({"epoch": self._epoch + 1, **logs}, batch)
        if target is None:
            return
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(target)
        else:
            self.model.save(target)
        if self.verbose:
            sys.stdout.write(f"Epoch {self._epoch + 1}: saved {target}\n")

    def _target(self, known: Mapping[str, Any], batch: int | None) -> str | None:
        """Return the file name; log a warning and return None if a log is missing."""
        if batch is not None:
            known = {**known, "batch": batch + 1}
        try:
            return self.filepath.format(**known)
        except (KeyError, IndexError, ValueError) as error:
            _LOGGER.warning(
                "ModelCheckpoint: filepath %r: expected fields of %s, found %s: %s; not saved",
                *(self.filepath, sorted(known), type(error).__name__, error),
            )
            return None

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002 (Keras's signature)
        """Log a warning if `filepath` names a validation log and `fit` does not validate."""
        asked = [name for _, name, _, _ in Formatter().parse(self.filepath) if name]
        missing = sorted(name for name in asked if name.startswith("val_"))
        if missing and not self.params.get("validation", True):
            _LOGGER.warning(
                "ModelCheckpoint: filepath %r contains %s, which only validation provides: pass "
                "validation_data or validation_split to fit, otherwise nothing is saved",
                *(self.filepath, missing),
            )

    def _improved(self, logs: Logs) -> bool:
        if self.monitor not in logs:
            _LOGGER.warning(
                "ModelCheckpoint: expected a log %r to find the best model, found %s; not saved",
                self.monitor,
                sorted(logs),
            )
            return False
        value = float(logs[self.monitor])
        if not (value > self.best if self._rises else value < self.best):
            return False
        self.best = value
        return True


class CallbackList:
    """Calls every callback at an event, in order."""

    def __init__(
        self, callbacks: Iterable[Callback], *, model: Any, params: Mapping[str, Any]
    ) -> None:
        self.callbacks: Sequence[Callback] = list(callbacks)
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)

    def call(self, event: str, *arguments: Any) -> None:
        """Call the method named `event` of every callback."""
        for callback in self.callbacks:
            getattr(callback, event)(*arguments)


def callback_list(
    model: Any,
    callbacks: Iterable[Callback] | None,
    *own: Callback,
    verbose: int | str,
    params: Mapping[str, Any] | None = None,
) -> CallbackList:
    """Return the user's callbacks, then the progress lines, then the loop's own callbacks."""
    shown = [EpochLines()] if verbose not in (0, "auto") else []
    called = [*(callbacks or ()), *shown, *own]
    return CallbackList(called, model=model, params=params or {"epochs": 1})
