"""CSVLogger: writes the logs of each epoch as a line of a table."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from saveproof.reference_impl.engine.callbacks import Callback, Logs

MISSING = "NA"
"""The value of a column without log."""


@dataclass(eq=False)
class CSVLogger(Callback):
    """Appends the logs of each epoch to a CSV file, in the format of Python's `csv.excel`.

    The columns are `epoch`, from 0, and the logs of the first epoch in alphabetical order; without
    validation there are also empty `val_` columns, as in tf_keras.
    Source: https://keras.io/2.16/api/callbacks/csv_logger/
    Departure: the file is closed after each epoch, so an interrupted training leaves whole lines.

    Attributes:
        filename: the file.
        separator: the character between two values.
        append: whether lines are added to an existing file, which then needs no second heading;
            otherwise `fit` empties it.
    """

    filename: str | Path
    separator: str = ","
    append: bool = False

    def __post_init__(self) -> None:
        self.keys: list[str] | None = None
        self._heading = True

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002 (Keras's signature)
        """Create the file, or empty it; with `append`, see whether it has a heading."""
        file = Path(self.filename)
        self._heading = not (self.append and file.exists() and file.stat().st_size > 0)
        with file.open("a" if self.append else "w", encoding="utf-8"):
            return

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Append a line."""
        found = logs or {}
        if self.keys is None:
            self.keys = _columns(found)
        with Path(self.filename).open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=self.separator)
            if self._heading:
                writer.writerow(["epoch", *self.keys])
                self._heading = False
            writer.writerow([epoch, *(_shown(found.get(key, MISSING)) for key in self.keys)])


def _columns(logs: Logs) -> list[str]:
    names = sorted(logs)
    validated = any(name.startswith("val_") for name in names)
    return names if validated else [*names, *(f"val_{name}" for name in names)]


def _shown(value: Any) -> Any:
    """Return a value of several numbers as the text of a list."""
    several = isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim > 0)
    return f'"[{", ".join(map(str, value))}]"' if several else value
