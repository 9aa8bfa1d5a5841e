"""Callbacks: hooks into `fit` and `evaluate`, and those that `fit` itself adds."""

import sys
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

Logs = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is: the epoch, counted from 0, and the number of its batches done."""

    epoch: int
    batches: int = 0


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
