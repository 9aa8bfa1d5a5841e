"""The probe of conduct: further loads of what was saved, and a save of another model over it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from saveproof.conformance.execution.links import outward
from saveproof.conformance.execution.stages import OWN, Stages, SubjectRaised, stage
from saveproof.conformance.execution.surroundings import (
    files,
    lay_bystanders,
    open_files,
    process,
    unusual_process,
)
from saveproof.conformance.model_state.snapshot import Inventory, differences
from saveproof.conformance.model_state.subject import Model
from saveproof.conformance.model_state.trace import Conduct, Stage
from saveproof.reports.findings import Difference

SEAL = b"left by the first save\n" * 64
"""What is put at the end of each file of the first save; a save over it leaves nothing of it."""

_MODE = 0o640
"""The mode of the files at a load, which is not what a load that sets it would set."""

T = TypeVar("T")


def conduct(recorder: Stages, original: Model, loaded: Model) -> Conduct:
    """Return what a second load did, and a save of the original over the first, with its load.

    Both models have lived since the first save, so that a load which hands out the first again and
    a save which leaves the first where it is both show.
    """
    source, folder = Path(recorder.source), recorder.folder
    seen = Conduct(dict(outward(source)), tuple(files(folder, but=OWN)))
    lay_bystanders(folder)
    try:
        seen = _loaded_again(recorder, loaded, seen)
        seen = _saved_over(recorder, original, source, seen)
        with stage(Stage.LOAD):
            replaced = recorder.look(recorder.load(source, compiled=False))
        return replace(seen, replaced=replaced, held=open_files(folder))
    except SubjectRaised as halted:
        return replace(seen, raised=halted.raised, held=open_files(folder))


def _loaded_again(recorder: Stages, loaded: Model, seen: Conduct) -> Conduct:
    for file in _regular(Path(recorder.source)):
        file.chmod(_MODE)
    with stage(Stage.LOAD):
        again, loading = _watched(
            lambda: recorder.load(recorder.source, compiled=False), recorder.folder
        )
        snapshot = recorder.look(again)
    return replace(seen, loading=loading, again=snapshot, is_first=again is loaded)


def _saved_over(recorder: Stages, original: Model, source: Path, seen: Conduct) -> Conduct:
    kept = recorder.look(original)
    for file in _regular(source):
        file.chmod(_MODE)
        with file.open("ab") as opened:
            opened.write(SEAL)
    drawn = recorder.generators()
    states = []

    def save() -> None:
        recorder.save_over(original)
        states.append(recorder.generators())

    _, saving = _watched(save, recorder.folder, but=OWN)
    return replace(
        seen,
        kept=kept,
        saving=saving,
        drawing=tuple(differences(drawn, states[0])),
        remnants=tuple(file.name for file in _regular(source) if SEAL in file.read_bytes()),
    )


def _watched(
    do: Callable[[], T], folder: Path, *, but: str = ""
) -> tuple[T, tuple[Difference, ...]]:
    """Return the result of a call in an unusual process, and its changes to that and the folder."""
    with unusual_process():
        before = _surroundings(folder, but)
        done = do()
        return done, tuple(differences(before, _surroundings(folder, but)))


def _surroundings(folder: Path, but: str) -> Inventory:
    seen = files(folder, but=but)
    return {**process(), **{f"files/{place}": seen[place] for place in seen}}


def _regular(source: Path) -> Iterator[Path]:
    """Yield the files of a source that are its own."""
    for file in (source, *sorted(source.rglob("*"))):
        if file.is_file() and not file.is_symlink():
            yield file
