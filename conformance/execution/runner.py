"""Recording: runs one case through several save paths and writes down what was seen on each."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

from saveproof.conformance.checks import ALL_CHECKS, Check
from saveproof.conformance.execution.probing import conduct
from saveproof.conformance.execution.stages import Original, Stages, SubjectRaised, stage
from saveproof.conformance.model_state.snapshot import alike
from saveproof.conformance.model_state.subject import (
    Model,
    Offering,
    SavePath,
    Subject,
    Unsupported,
)
from saveproof.conformance.model_state.trace import (
    OtherProcess,
    Probe,
    Stage,
    Trace,
    Trajectory,
    same_trajectory,
)
from saveproof.strategies.case import Case, Kind

LoadElsewhere = Callable[[SavePath, Path], OtherProcess | None]
"""Has another process load what the path has saved, and live on; None where that process ended.

It raises SubjectRaised where the subject raised there.
"""


class Question(msgspec.Struct, frozen=True):
    """The name of a save path, the names of the checks to judge it by, and the probes to make."""

    path: str
    checks: frozenset[str]
    probes: frozenset[Probe] = frozenset()

    @property
    def judges(self) -> list[Check]:
        """The checks themselves."""
        return [check for check in ALL_CHECKS if check.name in self.checks]

    @property
    def trains_on(self) -> bool:
        """Whether a check needs the training after the load."""
        return any(check.trains_on for check in self.judges)


def record(
    subject: Subject,
    case: Case,
    questions: Sequence[Question],
    folder: Path,
    *,
    reload: LoadElsewhere | None = None,
) -> list[Trace | Unsupported]:
    """Run the case through the save paths; return what was seen on each, or why nothing was.

    One model is brought up for all of them: each path saves it, then each loads, then it lives on
    beside what was loaded. Where a save has changed it, the next path has another brought up.
    `folder` is empty and takes the files.

    Raises:
        Unsupported: the subject can't build or train the case, saving apart.
    """
    start = perf_counter()
    takes = [_take(subject, case, one, folder / str(n)) for n, one in enumerate(questions)]
    _save(takes[0], None)
    if takes[0].original is None and takes[0].unsupported is not None:
        raise takes[0].unsupported
    for before, take in pairwise(takes):
        _save(take, _left_by(before))
    for take in takes:
        _load(take)
    trains_on = any(one.trains_on for one in questions)
    for take in takes:
        _continue_training(take, trains_on=trains_on)
    for take in takes:
        _probe(take, case, reload)
    shared = (perf_counter() - start - sum(take.seconds for take in takes)) / len(takes)
    return [take.unsupported or _trace(take, case, shared) for take in takes]


def path_of(subject: Offering, name: str) -> SavePath:
    """Return the subject's save path of that name.

    Raises:
        LookupError: it has none; the message lists those it has.
    """
    paths = {path.name: path for path in subject.paths()}
    if name not in paths:
        raise LookupError(f"{subject.name} has no save path {name!r}; it has {sorted(paths)}")
    return paths[name]


def resume(subject: Subject, path: SavePath, case: Case, source: Path) -> OtherProcess:
    """Load a source that another process wrote, live on, and return what was seen."""
    recorder = Stages(subject, path, case, source.parent)
    loaded = recorder.load(source)
    return OtherProcess(recorder.look(loaded), recorder.continue_training(loaded))


@dataclass(eq=False)
class _Take:
    """One save path's part in a recording: it goes on until something is raised.

    `seen` has fields of the trace by name. `seconds` is what the path took by itself.
    """

    recorder: Stages
    question: Question
    seen: dict[str, Any] = field(default_factory=dict)
    original: Original | None = None
    loaded: Model = None
    unsupported: Unsupported | None = None
    seconds: float = 0.0

    @property
    def goes_on(self) -> bool:
        """Whether nothing was raised so far."""
        return self.unsupported is None and "raised" not in self.seen

    @contextmanager
    def noting(self, *, own: bool = True) -> Iterator[None]:
        """Note what is raised, and the time unless it is not the path's own."""
        start = perf_counter()
        try:
            yield
        except SubjectRaised as halted:
            self.seen["raised"] = halted.raised
        except Unsupported as unsupported:
            self.unsupported = unsupported
        finally:
            self.seconds += perf_counter() - start if own else 0.0


def _take(subject: Subject, case: Case, question: Question, folder: Path) -> _Take:
    folder.mkdir()
    return _Take(Stages(subject, path_of(subject, question.path), case, folder), question)


def _save(take: _Take, original: Original | None) -> None:
    """Save the original, or one that is brought up for it."""
    with take.noting(own=False):
        take.original = original or take.recorder.original()
        take.seen |= take.original.seen
    if take.original is not None:
        with take.noting():
            take.seen["saved"] = take.recorder.save(take.original.model)


def _left_by(take: _Take) -> Original | None:
    """Return the original that was saved, unless it is not what it was."""
    original = take.original
    if original is None:
        return None
    try:
        with stage(Stage.SAVE):
            saved = take.seen.get("saved") or take.recorder.look(original.model)
    except SubjectRaised:
        return None
    return original if alike(original.before, saved) else None


def _load(take: _Take) -> None:
    if not take.goes_on:
        return
    with take.noting():
        with stage(Stage.LOAD):
            loaded = take.recorder.load(take.recorder.source, compiled=False)
            take.seen["loaded"] = take.recorder.look(loaded)
        if Probe.SECOND_GENERATION in take.question.probes:
            take.seen["second"] = take.recorder.second_generation(loaded)
        with stage(Stage.RESUME):
            take.recorder.compile(loaded)
        take.loaded = loaded


def _continue_training(take: _Take, *, trains_on: bool) -> None:
    """Have the original live on, once whoever saved it, and beside it what was loaded."""
    original = take.original
    if original is None or not take.goes_on:
        return
    with take.noting(own=False):
        if original.trajectory is None:
            original.trajectory = take.recorder.continue_training(
                original.model, trains_on=trains_on
            )
        take.seen["original"] = original.trajectory
    if not take.goes_on:
        return
    with take.noting():
        take.seen["resumed"] = take.recorder.continue_training(
            take.loaded, trains_on=take.question.trains_on
        )


def _probe(take: _Take, case: Case, reload: LoadElsewhere | None) -> None:
    """Look at what was asked for beyond the round trip."""
    source, probes = take.recorder.source, take.question.probes
    if reload is not None and Probe.ANOTHER_PROCESS in probes and not take.recorder.path.in_memory:
        _reload(take, source, reload)
    with take.noting():
        if take.original is not None and take.original.raises:
            take.seen["spoiled"] = take.recorder.spoiled()
        if Probe.UNBUILT in probes and case.architecture.kind is Kind.SUBCLASSED:
            take.seen["unbuilt"] = take.recorder.save_unbuilt()
        if Probe.TWIN in probes and _strayed(take.seen):
            take.seen["steady"] = take.recorder.twin_agrees(
                take.seen["original"], trains_on=take.question.trains_on
            )
    if Probe.CONDUCT in probes and not take.recorder.path.in_memory:
        _conduct(take)


def _conduct(take: _Take) -> None:
    original, resumed = take.original, take.seen.get("resumed")
    if original is None or original.raises or resumed is None or not take.goes_on:
        return
    with take.noting():
        take.seen["conduct"] = conduct(take.recorder, original.model, take.loaded)


def _reload(take: _Take, source: Path, reload: LoadElsewhere) -> None:
    if not take.goes_on:
        return
    with take.noting():
        take.seen["other_process"] = reload(take.recorder.path, source)


def _strayed(seen: Mapping[str, object]) -> bool:
    original, other_process = seen.get("original"), seen.get("other_process")
    others = [
        seen.get("resumed"),
        other_process.trajectory if isinstance(other_process, OtherProcess) else None,
    ]
    trajectories = [trajectory for trajectory in others if isinstance(trajectory, Trajectory)]
    return isinstance(original, Trajectory) and not all(
        same_trajectory(original, trajectory) for trajectory in trajectories
    )


def _trace(take: _Take, case: Case, shared: float) -> Trace:
    """Return the trace; its time has the path's share of what all made use of."""
    path, probes = take.recorder.path, take.question.probes
    seconds = take.seconds + shared
    return Trace(
        case, path.name, path.contract, probes, path.in_memory, **take.seen, seconds=seconds
    )
