"""Faults in the side effects of saving and loading."""

import os
import random
import shutil
import signal
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

from saveproof.conformance.mutants.injection import Fault, fault, put
from saveproof.reference_impl import models
from saveproof.reference_impl.engine.trainer import Trainer
from saveproof.reference_impl.saving import model_files
from saveproof.reference_impl.saving.hdf5 import reader
from saveproof.reference_impl.state import ModelState

Save = Callable[[Path, Callable[[], None]], None]
"""Replaces a save: receives the target, and a function that saves there."""

Load = Callable[[Path, Callable[[], Trainer]], Trainer]
"""Replaces a load: receives the source, and a function that loads it."""


def _saving(do: Save) -> Fault:
    def tampering(save_model: Callable[..., None]) -> Callable[..., None]:
        def saved(model: Trainer, target: Any, **options: Any) -> None:
            do(Path(target), lambda: save_model(model, target, **options))

        return saved

    def commit() -> None:
        put(model_files, "save_model", tampering)

    return fault(_like(do, commit))


def _loading(do: Load) -> Fault:
    def tampering(load_model: Callable[..., Trainer]) -> Callable[..., Trainer]:
        def loaded(source: Any, *given: Any, **options: Any) -> Trainer:
            return do(Path(source), lambda: load_model(source, *given, **options))

        return loaded

    def commit() -> None:
        put(models, "load_model", tampering)

    return fault(_like(do, commit))


def _like(do: Callable[..., object], commit: Callable[[], None]) -> Callable[[], None]:
    commit.__name__ = commit.__qualname__ = do.__name__
    commit.__doc__, commit.__module__ = do.__doc__, do.__module__
    return commit


@_saving
def saving_stays_in_the_folder(target: Path, save: Callable[[], None]) -> None:
    """Saving changes the working folder to the target's folder and does not change it back."""
    os.chdir(target.parent)
    save()


@_saving
def saving_opens_the_umask(_: Path, save: Callable[[], None]) -> None:
    """Saving sets the umask to 0 and does not restore it."""
    os.umask(0)
    save()


@_saving
def saving_takes_a_signal(_: Path, save: Callable[[], None]) -> None:
    """Saving makes the process ignore SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    save()


@_saving
def saving_sets_a_variable(target: Path, save: Callable[[], None]) -> None:
    """Saving sets an environment variable to the size of the earlier file."""
    os.environ["LAST_SAVED"] = str(target.stat().st_size) if target.exists() else ""
    save()


@_saving
def saving_leaves_a_temporary_file(target: Path, save: Callable[[], None]) -> None:
    """Saving leaves a temporary file beside the target."""
    save()
    os.close(tempfile.mkstemp(dir=target.parent)[0])


@_saving
def saving_clears_the_folder(target: Path, save: Callable[[], None]) -> None:
    """Saving deletes the folders beside the target."""
    save()
    for file in target.parent.iterdir():
        if file.is_dir():
            shutil.rmtree(file)


@_loading
def loading_touches_the_file(source: Path, load: Callable[[], Trainer]) -> Trainer:
    """Loading makes the file unreadable for other users."""
    source.chmod(0o600)
    return load()


_LEFT_OPEN: list[IO[bytes]] = []


@_loading
def loading_leaves_the_file_open(source: Path, load: Callable[[], Trainer]) -> Trainer:
    """Loading never closes the file."""
    _LEFT_OPEN.append(source.open("rb"))
    return load()


@_saving
def saving_draws(_: Path, save: Callable[[], None]) -> None:
    """Saving draws a number from Python's global random generator."""
    random.random()
    save()


@_saving
def saved_as_a_link(target: Path, save: Callable[[], None]) -> None:
    """Saving writes the file to another folder and leaves a symbolic link to it."""
    save()
    store = Path(tempfile.mkdtemp()) / target.name
    shutil.move(target, store)
    target.symlink_to(store)


@_saving
def saved_under_a_second_name(target: Path, save: Callable[[], None]) -> None:
    """Saving adds a hard link to the file in another folder."""
    save()
    os.link(target, Path(tempfile.mkdtemp()) / target.name)


_CACHED: dict[Path, Trainer] = {}


@_loading
def loading_from_a_cache(source: Path, load: Callable[[], Trainer]) -> Trainer:
    """Loading a file a second time returns the model object of the first load."""
    if source not in _CACHED:
        _CACHED[source] = load()
    return _CACHED[source]


@fault
def reading_from_a_cache() -> None:
    """Loading a file a second time returns its content at the first load."""

    def tampering(read_model: Callable[[Path], ModelState]) -> Callable[[Path], ModelState]:
        return cache(read_model)

    put(reader, "read_model", tampering)


@_saving
def saving_keeps_the_first_file(target: Path, save: Callable[[], None]) -> None:
    """Saving over an earlier file leaves that file unchanged."""
    if not target.exists():
        save()


@_saving
def saving_empties_the_first_file(target: Path, save: Callable[[], None]) -> None:
    """Saving over an earlier file empties that file before it writes."""
    if target.exists():
        target.write_bytes(b"")
    save()


@_saving
def saving_hides_its_failure(target: Path, save: Callable[[], None]) -> None:
    """Saving over an earlier file deletes that file, and raises no error when it fails."""
    target.unlink(missing_ok=True)
    with suppress(OSError):
        save()


@fault
def overwriting_regardless() -> None:
    """Saving with `overwrite=False` overwrites the earlier file."""

    def tampering(save_model: Callable[..., None]) -> Callable[..., None]:
        def saved(*given: Any, **options: Any) -> None:
            save_model(*given, **{**options, "overwrite": True})

        return saved

    put(model_files, "save_model", tampering)


@_saving
def saving_in_place(target: Path, save: Callable[[], None]) -> None:
    """Saving over a longer file keeps the end of the earlier file."""
    earlier = target.read_bytes() if target.exists() else b""
    save()
    with target.open("ab") as file:
        file.write(earlier[target.stat().st_size :])
