"""The probe of conduct: a second load of the source, and saves of another model over it."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from saveproof.conformance.execution.links import outward
from saveproof.conformance.execution.raising import SubjectRaised, stage
from saveproof.conformance.execution.stages import OWN, Stages
from saveproof.conformance.execution.surroundings import (
    answering,
    files,
    lay_bystanders,
    no_file_longer_than,
    open_files,
    process,
    unusual_process,
)
from saveproof.conformance.model_state.snapshot import Inventory, differences
from saveproof.conformance.model_state.subject import Model
from saveproof.conformance.model_state.trace import Conduct, FailedSave, Stage
from saveproof.reports.findings import Difference

SEAL = b"left by the first save\n" * 64
"""Bytes added to each file of the first save, of which a save over it must leave nothing."""

_MODE = 0o640
"""The mode of the files at a load: an unusual one, so that a load which sets it is noticed."""

REFUSALS = ("", "n\n")
"""Answers to the question whether a save may overwrite: none without a terminal, and a no."""

T = TypeVar("T")


def conduct(stages: Stages, original: Model, loaded: Model) -> Conduct:
    """Return the side effects of a second load, and of a save over the first file with its load.

    Both models were trained since the first save. So it shows when the second load returns the
    first model again, and when the second save leaves the first file in place.
    """
    source, folder = Path(stages.source), stages.folder
    seen = Conduct(dict(outward(source)), tuple(files(folder, but=OWN)))
    lay_bystanders(folder)
    try:
        seen = _loaded_again(stages, loaded, seen)
        seen = _saved_over(stages, original, source, seen)
        with stage(Stage.LOAD):
            replaced = stages.look(stages.load(source, compiled=False))
        seen = replace(seen, replaced=replaced, held=open_files(folder))
        return _saved_in_vain(stages, original, source, seen)
    except SubjectRaised as error:
        return replace(seen, raised=error.raised, held=open_files(folder))


def _loaded_again(stages: Stages, loaded: Model, seen: Conduct) -> Conduct:
    for file in _regular(Path(stages.source)):
        file.chmod(_MODE)
    with stage(Stage.LOAD):
        again, loading = _watched(lambda: stages.load(stages.source, compiled=False), stages.folder)
        snapshot = stages.look(again)
    return replace(seen, loading=loading, again=snapshot, is_first=again is loaded)


def _saved_over(stages: Stages, original: Model, source: Path, seen: Conduct) -> Conduct:
    kept = stages.look(original)
    _seal(source)
    drawn = stages.generators()
    states = []

    def save() -> None:
        stages.save_over(original)
        states.append(stages.generators())

    _, saving = _watched(save, stages.folder, but=OWN)
    return replace(
        seen,
        kept=kept,
        saving=saving,
        drawing=tuple(differences(drawn, states[0])),
        remnants=tuple(file.name for file in _regular(source) if SEAL in file.read_bytes()),
    )


def _saved_in_vain(stages: Stages, original: Model, source: Path, seen: Conduct) -> Conduct:
    """Note a save that must not overwrite, then one that fails, last: it may spoil the file."""
    contract = stages.path.contract
    if contract.can_spare:
        seen = replace(seen, overwritten=tuple(_unwanted(stages, original, source)))
    if contract.survives_failure is not None:
        seen = replace(seen, failed_save=_failed_save(stages, original, source))
    return seen


def _unwanted(stages: Stages, original: Model, source: Path) -> Iterator[Difference]:
    """Yield what changes in a save that must not overwrite, for each answer to a question.

    The model is the one in the files: the seal shows a file that was written with equal bytes.
    """
    _seal(source)
    for answer in REFUSALS:
        before = files(stages.folder)
        with answering(answer), suppress(SubjectRaised):
            stages.save_over(original, overwrite=False)
        yield from differences(before, files(stages.folder))
    for file in _regular(source):
        file.write_bytes(file.read_bytes().removesuffix(SEAL))


def _failed_save(stages: Stages, original: Model, source: Path) -> FailedSave:
    """Return a save that has room for only half of its largest file, and the load after it."""
    size = max((file.stat().st_size for file in _regular(source)), default=0)
    failed = FailedSave()
    try:
        with no_file_longer_than(size // 2):
            stages.save_over(original)
    except SubjectRaised as error:
        failed = FailedSave(error.raised)
    try:
        with stage(Stage.LOAD):
            return replace(failed, survived=stages.look(stages.load(source, compiled=False)))
    except SubjectRaised as error:
        return replace(failed, lost=error.raised)


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


def _seal(source: Path) -> None:
    """Give each file of a source another mode, and bytes that no save over it may leave."""
    for file in _regular(source):
        file.chmod(_MODE)
        with file.open("ab") as opened:
            opened.write(SEAL)


def _regular(source: Path) -> Iterator[Path]:
    """Yield the regular files of a source."""
    for file in (source, *sorted(source.rglob("*"))):
        if file.is_file() and not file.is_symlink():
            yield file
