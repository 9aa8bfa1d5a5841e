"""Runs one save in a child process, and checks the folder afterwards."""

import os
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np

from faults.operations import Disk, watched
from saveproof import reference_impl as keras

Model = Any

UNITS = {"small": 4, "large": 700}
"""Units of each of the three layers: arrays of less than 100 bytes, or of 2 MB."""

OLD, NEW = 1.0, 2.0


@dataclass(frozen=True)
class Format:
    """A format: how to save a model, and how to load its weights.

    Attributes:
        name: the file name of the target.
        save: saves a model to the target.
        load: returns the weights that the target holds.
        own: the names of other files that a save writes beside the target.
    """

    name: str
    save: Callable[[Model, Path], None]
    load: Callable[[Path, int], list[np.ndarray]]
    own: tuple[str, ...] = ()


def model_of(value: float, units: int) -> Model:
    """Return a model whose weights all have the given value."""
    keras.backend.clear_session()
    dense = [keras.layers.Dense(units, name=f"dense_{number}") for number in range(3)]
    model = keras.Sequential([keras.Input((units,)), *dense], name="faulty")
    model.set_weights([np.full(weight.shape, value, np.float32) for weight in model.weights])
    return model


def _whole(source: Path, _: int) -> list[np.ndarray]:
    return keras.models.load_model(source).get_weights()


def _weights(source: Path, units: int) -> list[np.ndarray]:
    model = model_of(0.0, units)
    status = model.load_weights(source)
    if status is not None:
        status.assert_consumed()
    return model.get_weights()


_STATE = ("checkpoint",)
FORMATS: Mapping[str, Format] = {
    "h5": Format("m.h5", lambda model, target: model.save(target), _whole),
    "keras": Format("m.keras", lambda model, target: model.save(target), _whole),
    "weights in h5": Format("w.h5", lambda model, target: model.save_weights(target), _weights),
    "weights.h5": Format("m.weights.h5", lambda model, to: model.save_weights(to), _weights),
    "checkpoint": Format("ck", lambda model, to: model.save_weights(to), _weights, _STATE),
    "savedmodel": Format("sm", lambda model, target: model.save(target), _whole),
}

MINE = ("notes.txt", "ck.notes")
"""Other files in the target's folder, which a save must not touch."""

MINE_WITHIN = ("sm/notes.txt", "sm/assets/words.txt", "sm/logs/events")
"""Other files in the folder of a SavedModel, which a save must not touch."""


class End(IntEnum):
    """Exit codes of a save's process; a negative exit code is a signal."""

    SAVED = 0
    REFUSED = 3
    UNNAMED = 4
    OTHER = 5


class Lost(AssertionError):
    """A save lost something; the message says what."""


def prepared(folder: Path, way: Format, units: int, *, over: bool) -> None:
    """Make a folder with other files and, if `over`, with an old save."""
    shutil.rmtree(folder, ignore_errors=True)
    within = MINE_WITHIN if way.name == "sm" and over else ()
    if over:
        folder.mkdir()
        way.save(model_of(OLD, units), folder / way.name)
    for name in (*MINE, *within):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def save_under(disk: Disk, way: Format, folder: Path, units: int) -> tuple[int, int]:
    """Save in a child process on the disk; return its exit code and number of operations.

    The number is 0 if the process was killed.
    """
    model = model_of(NEW, units)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _save_and_exit(disk, way, model, folder, writing)
    os.close(writing)
    with open(reading, "rb") as pipe:  # noqa: PTH123 (a pipe)
        count = int(pipe.read() or b"0")
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), count


def _save_and_exit(disk: Disk, way: Format, model: Model, folder: Path, pipe: int) -> None:
    end = End.OTHER
    try:
        with watched(disk):
            way.save(model, folder / way.name)
        end = End.SAVED
    except OSError as error:
        end = End.REFUSED if str(folder) in str(error) else End.UNNAMED
    finally:
        os.write(pipe, str(len(disk.seen)).encode())
        os._exit(end)


def check(end: int, way: Format, folder: Path, units: int, *, over: bool) -> str:
    """Return which save the folder holds: 'old', 'new' or 'none'.

    Raises:
        Lost: the save can't be loaded, or another file is lost, now or after the next save.
    """
    if end not in (End.SAVED, End.REFUSED, -signal.SIGKILL):
        how = End(end).name if end > 0 else signal.Signals(-end).name
        raise Lost(f"the process ended with {how}")
    found = _found(way, folder, units)
    if end == End.SAVED and found != "new":
        raise Lost(f"expected the new save after a success, found {found!r}")
    if found == "none" and over:
        raise Lost("the old save is gone, and there is no new one")
    within = MINE_WITHIN if way.name == "sm" and over else ()
    texts = {file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    if lost := [name for name in (*MINE, *within) if name.encode() not in texts]:
        raise Lost(f"{lost} are lost")
    _check_next(way, folder, units, within)
    return found


def _check_next(way: Format, folder: Path, units: int, within: tuple[str, ...]) -> None:
    """Save again, and check that all files are in place and that no other file is left."""
    way.save(model_of(NEW, units), folder / way.name)
    if _found(way, folder, units) != "new":
        raise Lost("a load after the next save does not give the new model")
    moved = [
        name
        for name in (*MINE, *within)
        if not (folder / name).is_file() or (folder / name).read_text() != name
    ]
    names = {file.name for file in folder.iterdir()} - set(MINE) - set(way.own)
    left = sorted(name for name in names if name.startswith(".") or not name.startswith(way.name))
    if moved or left or (way.name == "ck" and len(names) != 2):
        raise Lost(
            f"after the next save: missing or changed: {moved}; expected no other files than the "
            f"save's own, found {sorted(names)}"
        )


def _found(way: Format, folder: Path, units: int) -> str:
    target = folder / way.name
    there = target.with_name("ck.index") if way.name == "ck" else target
    if not there.exists():
        return "none"
    try:
        values = {float(value) for weight in way.load(target, units) for value in np.unique(weight)}
    except (OSError, ValueError, AssertionError) as error:
        raise Lost(f"the save can't be loaded: {type(error).__name__}: {error}") from error
    if values not in ({OLD}, {NEW}):
        raise Lost(f"the loaded weights mix the values {sorted(values)}")
    return "old" if values == {OLD} else "new"
