"""Runs one case on several save paths and returns a trace of each."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

from saveproof.conformance.checks import ALL_CHECKS, Check
from saveproof.conformance.checks.initial import other_initial_weights
from saveproof.conformance.execution.other_code import load_into_other_code
from saveproof.conformance.execution.probing import conduct
from saveproof.conformance.execution.raising import SubjectRaised, stage
from saveproof.conformance.execution.stages import Original, Stages
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
"""Loads a source and trains the model in another process; None where that process ended.

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
    """Run the case on the save paths; return a trace of each, or why there is none.

    One original model is built and trained for all: each path saves it, then each loads, then the
    original and each loaded model train further. If a save has changed the original, the next path
    gets a new one. `folder` is empty and gets the files.

    Raises:
        Unsupported: the subject can't build or train the case, saving apart.
    """
    start = perf_counter()
    runs = [_path_run(subject, case, one, folder / str(n)) for n, one in enumerate(questions)]
    _save(runs[0], None)
    if runs[0].original is None and runs[0].unsupported is not None:
        raise runs[0].unsupported
    for before, run in pairwise(runs):
        _save(run, _left_by(before))
    for run in runs:
        _load(run)
    trains_on = any(one.trains_on for one in questions)
    for run in () if case.is_object else runs:
        _continue_training(run, trains_on=trains_on)
    for run in runs:
        _probe(run, case, reload)
    shared = (perf_counter() - start - sum(run.seconds for run in runs)) / len(runs)
    return [run.unsupported or _trace(run, case, shared) for run in runs]


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
    """Load a source that another process wrote, train the model, and return the record."""
    stages = Stages(subject, path, case, source.parent)
    loaded = stages.load(source)
    trains_on = not path.contract.outputs_only
    return OtherProcess(stages.look(loaded), stages.continue_training(loaded, trains_on=trains_on))


@dataclass(eq=False)
class _PathRun:
    """The run of one save path, up to the first exception.

    `seen` has fields of the trace by name. `seconds` is the time of this path alone.
    """

    stages: Stages
    question: Question
    seen: dict[str, Any] = field(default_factory=dict)
    original: Original | None = None
    loaded: Model = None
    unsupported: Unsupported | None = None
    seconds: float = 0.0

    @property
    def outputs_only(self) -> bool:
        """Whether what the path loads only computes outputs."""
        return self.stages.path.contract.outputs_only

    @property
    def goes_on(self) -> bool:
        """Whether there was no exception so far."""
        return self.unsupported is None and "raised" not in self.seen

    @contextmanager
    def noting(self, *, own: bool = True) -> Iterator[None]:
        """Note an exception, and the time if it is the path's own."""
        start = perf_counter()
        try:
            yield
        except SubjectRaised as error:
            self.seen["raised"] = error.raised
        except Unsupported as unsupported:
            self.unsupported = unsupported
        finally:
            self.seconds += perf_counter() - start if own else 0.0


def _path_run(subject: Subject, case: Case, question: Question, folder: Path) -> _PathRun:
    folder.mkdir()
    return _PathRun(Stages(subject, path_of(subject, question.path), case, folder), question)


def _save(run: _PathRun, original: Original | None) -> None:
    """Save the original, or a new one without it."""
    with run.noting(own=False):
        run.original = original or run.stages.original()
        run.seen |= run.original.seen
    if run.original is not None:
        with run.noting():
            run.seen["saved"] = run.stages.save(run.original.model)


def _left_by(run: _PathRun) -> Original | None:
    """Return the original that was saved, unless the save has changed it."""
    original = run.original
    if original is None:
        return None
    try:
        with stage(Stage.SAVE):
            saved = run.seen.get("saved") or run.stages.look(original.model)
    except SubjectRaised:
        return None
    return original if alike(original.before, saved) else None


def _load(run: _PathRun) -> None:
    if not run.goes_on:
        return
    with run.noting():
        with stage(Stage.LOAD):
            loaded = run.stages.load(run.stages.source, compiled=False)
            run.seen["loaded"] = run.stages.look(loaded)
        if other_initial_weights(run.stages.path.contract, run.seen["fresh"], run.seen["loaded"]):
            run.seen["anew"] = run.stages.anew()
        if Probe.SECOND_GENERATION in run.question.probes and not run.outputs_only:
            run.seen["second"] = run.stages.second_generation(loaded)
        run.stages.compile_loaded(loaded)
        run.loaded = loaded


def _continue_training(run: _PathRun, *, trains_on: bool) -> None:
    """Train the original further, once for all paths, and the loaded model."""
    original = run.original
    if original is None or not run.goes_on:
        return
    with run.noting(own=False):
        if original.trajectory is None:
            original.trajectory = run.stages.continue_training(original.model, trains_on=trains_on)
        run.seen["original"] = original.trajectory
    if not run.goes_on:
        return
    with run.noting():
        run.seen["resumed"] = run.stages.continue_training(
            run.loaded, trains_on=run.question.trains_on and not run.outputs_only
        )


def _probe(run: _PathRun, case: Case, reload: LoadElsewhere | None) -> None:
    """Make the probes of the question, beyond the round trip."""
    source, probes = run.stages.source, run.question.probes
    if reload is not None and Probe.ANOTHER_PROCESS in probes and not run.stages.path.in_memory:
        _reload(run, source, reload)
    if Probe.OTHER_CODE in probes and case.loading in run.stages.path.contract.other_code:
        _load_into_other_code(run, case)
    with run.noting():
        if run.original is not None and run.original.raises:
            run.seen["spoiled"] = run.stages.spoiled()
        if Probe.UNBUILT in probes and case.architecture.kind is Kind.SUBCLASSED:
            run.seen["unbuilt"] = run.stages.save_unbuilt()
        if Probe.TWIN in probes and _diverged(run.seen):
            run.seen["twin"] = run.stages.twin(
                run.seen["original"], trains_on=run.question.trains_on
            )
    if Probe.CONDUCT in probes and not run.stages.path.in_memory:
        _conduct(run)


def _load_into_other_code(run: _PathRun, case: Case) -> None:
    if not run.goes_on or run.original is None or run.original.raises:
        return
    with run.noting(), suppress(Unsupported):
        run.seen["other_code"] = load_into_other_code(
            run.stages, case, trains_on=run.question.trains_on
        )


def _conduct(run: _PathRun) -> None:
    original, resumed = run.original, run.seen.get("resumed")
    if original is None or original.raises or resumed is None or not run.goes_on:
        return
    with run.noting():
        run.seen["conduct"] = conduct(run.stages, original.model, run.loaded)


def _reload(run: _PathRun, source: Path, reload: LoadElsewhere) -> None:
    if not run.goes_on:
        return
    with run.noting():
        run.seen["other_process"] = reload(run.stages.path, source)


def _diverged(seen: Mapping[str, object]) -> bool:
    original, other_process = seen.get("original"), seen.get("other_process")
    others = [
        seen.get("resumed"),
        other_process.trajectory if isinstance(other_process, OtherProcess) else None,
    ]
    trajectories = [trajectory for trajectory in others if isinstance(trajectory, Trajectory)]
    return isinstance(original, Trajectory) and not all(
        same_trajectory(original, trajectory) for trajectory in trajectories
    )


def _trace(run: _PathRun, case: Case, shared: float) -> Trace:
    """Return the trace; its time includes the path's share of the common work."""
    path, probes = run.stages.path, run.question.probes
    seconds = run.seconds + shared
    return Trace(
        case, path.name, path.contract, probes, path.in_memory, **run.seen, seconds=seconds
    )
