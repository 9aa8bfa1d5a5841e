"""One save of one format in a process of its own, and what must hold of the folder afterwards."""

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
"""Of three layers: a few hundred bytes, and 2 MB for each array."""

OLD, NEW = 1.0, 2.0


@dataclass(frozen=True)
class Format:
    """How a model is saved in a format, and what of it is back then.

    Attributes:
        name: of the target.
        save: writes a model there.
        load: returns the weights that are there.
        own: the names of what a save leaves in the target's folder, beside the target.
    """

    name: str
    save: Callable[[Model, Path], None]
    load: Callable[[Path, int], list[np.ndarray]]
    own: tuple[str, ...] = ()


def model_of(value: float, units: int) -> Model:
    """Return a model all weights of which have a value."""
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
"""What else lies in the folder of the target, and must stay."""

MINE_WITHIN = ("sm/notes.txt", "sm/assets/words.txt", "sm/logs/events")
"""The same in a SavedModel's folder."""


class End(IntEnum):
    """How the process of a save ended; a negative number is a signal."""

    SAVED = 0
    REFUSED = 3
    UNNAMED = 4
    OTHER = 5


class Lost(AssertionError):
    """Something is wrong after a save; the message says what."""


def prepared(folder: Path, way: Format, units: int, *, over: bool) -> None:
    """Make a folder with files of a user, and an old save if there is to be one."""
    shutil.rmtree(folder, ignore_errors=True)
    within = MINE_WITHIN if way.name == "sm" and over else ()
    if over:
        folder.mkdir()
        way.save(model_of(OLD, units), folder / way.name)
    for name in (*MINE, *within):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def save_under(disk: Disk, way: Format, folder: Path, units: int) -> tuple[int, int]:
    """Save in a child process on such a disk; return how it ended, after how many operations.

    A process that was killed does not tell the latter.
    """
    model = model_of(NEW, units)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _save_and_exit(disk, way, model, folder, writing)
    os.close(writing)
    with open(reading, "rb") as told:  # noqa: PTH123 (a pipe)
        count = int(told.read() or b"0")
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), count


def _save_and_exit(disk: Disk, way: Format, model: Model, folder: Path, told: int) -> None:
    end = End.OTHER
    try:
        with watched(disk):
            way.save(model, folder / way.name)
        end = End.SAVED
    except OSError as error:
        end = End.REFUSED if str(folder) in str(error) else End.UNNAMED
    finally:
        os.write(told, str(len(disk.seen)).encode())
        os._exit(end)


def check(end: int, way: Format, folder: Path, units: int, *, over: bool) -> str:
    """Return which save is in the folder: 'old', 'new' or 'none'.

    Raises:
        Lost: if it is none of them, or something else is lost, now or after another save.
    """
    if end not in (End.SAVED, End.REFUSED, -signal.SIGKILL):
        how = End(end).name if end > 0 else signal.Signals(-end).name
        raise Lost(f"the process ended with {how}")
    found = _found(way, folder, units)
    if end == End.SAVED and found != "new":
        raise Lost(f"it said that it saved, and what is there is {found}")
    if found == "none" and over:
        raise Lost("the old save is gone")
    within = MINE_WITHIN if way.name == "sm" and over else ()
    texts = {file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    if lost := [name for name in (*MINE, *within) if name.encode() not in texts]:
        raise Lost(f"{lost} are lost")
    _check_next(way, folder, units, within)
    return found


def _check_next(way: Format, folder: Path, units: int, within: tuple[str, ...]) -> None:
    """Save again, and find everything in its place and nothing beside it."""
    way.save(model_of(NEW, units), folder / way.name)
    if _found(way, folder, units) != "new":
        raise Lost("the next save is not there")
    moved = [
        name
        for name in (*MINE, *within)
        if not (folder / name).is_file() or (folder / name).read_text() != name
    ]
    names = {file.name for file in folder.iterdir()} - set(MINE) - set(way.own)
    left = sorted(name for name in names if name.startswith(".") or not name.startswith(way.name))
    if moved or left or (way.name == "ck" and len(names) != 2):
        raise Lost(f"after the next save {moved} are not in their place, {sorted(names)} are left")


def _found(way: Format, folder: Path, units: int) -> str:
    target = folder / way.name
    there = target.with_name("ck.index") if way.name == "ck" else target
    if not there.exists():
        return "none"
    try:
        values = {float(value) for weight in way.load(target, units) for value in np.unique(weight)}
    except (OSError, ValueError, AssertionError) as error:
        raise Lost(f"what is there can't be loaded: {type(error).__name__}: {error}") from error
    if values not in ({OLD}, {NEW}):
        raise Lost(f"what is there has the values {sorted(values)}")
    return "old" if values == {OLD} else "new"
