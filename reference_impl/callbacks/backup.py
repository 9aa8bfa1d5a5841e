"""BackupAndRestore: continues a training that was interrupted."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

import numpy as np

from saveproof.reference_impl.config_types import checked
from saveproof.reference_impl.engine.batches import pseudo_names
from saveproof.reference_impl.engine.callbacks import Callback, Logs, Progress
from saveproof.reference_impl.loading import MalformedEntry, at, loading
from saveproof.reference_impl.random import process_generator
from saveproof.reference_impl.saving.atomic_file import replacing
from saveproof.reference_impl.saving.checkpoint.checkpoint_state import STATE_FILE
from saveproof.reference_impl.saving.json_text import json_value
from saveproof.reference_impl.saving.sources import bytes_of

_LOGGER = logging.getLogger(__name__)

PROGRESS_FILE = "progress.json"
PREFIXES = ("backup-0", "backup-1")
"""Of the checkpoints, which take turns: one is complete while the other is written."""


class _Backup(TypedDict):
    """The file of a backup: how far the training was, and the checkpoint with its state."""

    prefix: str
    epoch: int
    batches: int
    generator: list[int]
    output_shapes: list[list[list[int | None]]]


@dataclass(eq=False)
class BackupAndRestore(Callback):
    """Backs up the state of a training, and continues from there if `fit` is called again.

    The weights, the optimizer, the metrics and the process-wide random numbers come back, so the
    continued training takes the same steps as one without interruption. When `fit` ends, the backup
    is deleted.
    Source: https://keras.io/2.16/api/callbacks/backup_and_restore/
    Departures: a training that was interrupted within an epoch skips the batches that it has seen;
    tf_keras takes the first ones again. The files are not those of tf_keras.

    Attributes:
        backup_dir: a folder for this training alone.
        save_freq: 'epoch', or a number of batches.
        delete_checkpoint: whether the end of `fit` deletes the backup.
        save_before_preemption: not offered, since it needs a cluster.
    """

    backup_dir: str | Path
    save_freq: str | int = "epoch"
    delete_checkpoint: bool = True
    save_before_preemption: Literal[False] = False

    def __post_init__(self) -> None:
        freq = self.save_freq
        if freq != "epoch" and not (isinstance(freq, int | np.integer) and freq > 0):
            raise ValueError(
                f"BackupAndRestore: save_freq: expected 'epoch' or a positive number of batches, "
                f"found {freq!r}"
            )
        if self.save_before_preemption:
            raise NotImplementedError(
                "BackupAndRestore: save_before_preemption is not offered, since it needs a "
                "cluster; pass a small save_freq"
            )
        self._folder = Path(self.backup_dir)
        self._turn = 0
        self._unsaved = 0
        self._epoch = 0
        self._order: list[int] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002 (Keras's signature)
        """Restore the last backup, if there is one, and tell `fit` where to continue.

        Raises:
            LoadError: if the backup is invalid or of another model.
        """
        self._unsaved = 0
        file = self._folder / PROGRESS_FILE
        if not file.exists():
            return
        with loading(file):
            backup: _Backup = checked(json_value(bytes_of(file), where=str(file)), _Backup)
            _check(backup)
        self._turn = 1 - PREFIXES.index(backup["prefix"])
        _create_metrics(self.model, backup["output_shapes"])
        if not self.model.built:
            _LOGGER.warning(
                "BackupAndRestore: model %r is not built: build it before fit, otherwise its first "
                "batch draws random numbers, and later epochs have another order of samples",
                self.model.name,
            )
        self.model.load_weights(self._folder / backup["prefix"])
        process_generator().state = np.array(backup["generator"], np.uint32)
        self.model.resumed = Progress(backup["epoch"], backup["batches"])

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002 (Keras's signature)
        """Store the epoch, and the random numbers that determine its order of samples."""
        self._epoch, self._order = epoch, process_generator().state.tolist()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:  # noqa: ARG002 (Keras's signature)
        """Back up after every `save_freq` batches."""
        if self.save_freq == "epoch":
            return
        self._unsaved += 1
        if self._unsaved >= int(self.save_freq):
            self._unsaved = 0
            self._back_up(Progress(self._epoch, batch + 1), self._order)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002 (Keras's signature)
        """Back up after the epoch."""
        if self.save_freq == "epoch":
            self._back_up(Progress(epoch + 1), process_generator().state.tolist())

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: ARG002 (Keras's signature)
        """Delete the backup, and the folder if it is empty then."""
        if not self.delete_checkpoint:
            return
        names = (PROGRESS_FILE, STATE_FILE, *(f"{prefix}.*" for prefix in PREFIXES))
        for file in [file for name in names for file in self._folder.glob(name)]:
            file.unlink()
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _back_up(self, progress: Progress, generator: list[int]) -> None:
        """Write the checkpoint, then replace the file that names it."""
        prefix = PREFIXES[self._turn]
        self._folder.mkdir(parents=True, exist_ok=True)
        self.model.save_weights(self._folder / prefix)
        compiled = self.model.compiled
        backup = _Backup(
            prefix=prefix,
            epoch=progress.epoch,
            batches=progress.batches,
            generator=generator,
            output_shapes=[[list(one) for one in pair] for pair in compiled.shapes],
        )
        with replacing(self._folder / PROGRESS_FILE) as file:
            file.write(json.dumps(backup).encode())
        self._turn = 1 - self._turn


def _check(backup: Mapping[str, Any]) -> None:
    """Check the values that the types do not.

    Raises:
        MalformedEntry: naming the key.
    """
    with at("prefix"):
        if backup["prefix"] not in PREFIXES:
            raise MalformedEntry(f"expected one of {list(PREFIXES)}, found {backup['prefix']!r}")
    with at("generator"):
        words = backup["generator"]
        if len(words) != 4 or not all(0 <= word < 1 << 32 for word in words):
            raise MalformedEntry(f"expected four numbers of 32 bits, found {words!r:.200}")
    for key in ("epoch", "batches"):
        with at(key):
            if backup[key] < 0:
                raise MalformedEntry(f"expected at least 0, found {backup[key]}")


def _create_metrics(model: Any, shapes: list[list[list[int | None]]]) -> None:
    """Create the metrics of a new model, so that their totals are restored."""
    if shapes and not model.compiled.ready:
        names = model.output_names or pseudo_names(len(shapes))
        model.compiled.prepare(names, [(tuple(one), tuple(other)) for one, other in shapes])
