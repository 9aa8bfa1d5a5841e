"""Runs one case from a writer to a reader, each in its own process, and judges it."""

import tempfile
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from saveproof.conformance import interchange
from saveproof.conformance.campaigns.worker import EXAMINE, JUDGES, Report, Request
from saveproof.conformance.checks.behaviour import output_defects, trajectory_defects
from saveproof.conformance.execution import integrity
from saveproof.conformance.execution.raising import SubjectRaised, stage
from saveproof.conformance.execution.runner import Question, path_of
from saveproof.conformance.execution.stages import Stages
from saveproof.conformance.families import subjects
from saveproof.conformance.interchange.dialects import another_model
from saveproof.conformance.interchange.judging import CHECKS, judged, untried
from saveproof.conformance.interchange.pairs import Exchange, Pair, exchange_of, is_pair
from saveproof.conformance.interchange.perturbed import SIZE, SIZE_HALF, TURNS, PerturbedSubject
from saveproof.conformance.interchange.words import comparable, in_common, trajectories_in_common
from saveproof.conformance.model_state.contract import Exactness
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.conformance.model_state.subject import Subject, Unsupported
from saveproof.conformance.model_state.trace import (
    Probe,
    Raised,
    Stage,
    Trace,
    Trajectory,
    trajectory_difference,
)
from saveproof.conformance.processes import wire
from saveproof.conformance.processes.endings import NoAnswer, asked_again
from saveproof.conformance.processes.isolation import Child
from saveproof.reports.findings import Defect, Difference
from saveproof.strategies.case import Case

EXCHANGE = "saveproof.conformance.interchange.exchange:exchange"
READ = "saveproof.conformance.interchange.exchange:read"

KEPT = 256
"""Number of saved models that a writer's process keeps for other readers of the format."""


def procedure_of(subject: str) -> str:
    """Return what a child process runs for a subject, or for a pair of subjects."""
    return EXCHANGE if is_pair(subject) else EXAMINE


@dataclass(frozen=True)
class WriterOutcome:
    """The records of the writer; `source` is the saved file or folder."""

    fresh: Snapshot | None = None
    before: Snapshot | None = None
    logs: tuple[Mapping[str, float], ...] = ()
    saved: Snapshot | None = None
    original: Trajectory | None = None
    source: str = ""
    raised: Raised | None = None
    unsupported: str = ""


@dataclass(frozen=True)
class ReaderOutcome:
    """The records of the reader."""

    loaded: Snapshot | None = None
    resumed: Trajectory | None = None
    raised: Raised | None = None
    unsupported: str = ""


class Reading(msgspec.Struct, frozen=True):
    """A request to the reader's process; a `turn` above 0 selects a perturbation of the data."""

    subject: str
    path: str
    case: Case
    source: str
    turn: int = 0


def exchange(message: bytes) -> bytes:
    """Run one case from writer to reader and judge it; the message is a worker's `Request`.

    The request's subject is the name of a pair, and its paths are formats.
    """
    request = wire.decode(message, Request)
    answer = wire.encode(tuple(_timed(request, question) for question in request.questions))
    integrity.check()
    return answer


def _timed(request: Request, question: Question) -> Report:
    start = time.perf_counter()
    report = _report(request, question)
    return replace(report, seconds=time.perf_counter() - start)


def _report(request: Request, question: Question) -> Report:
    at = _exchange(request.subject, question.path)
    checks = [check for check in CHECKS if check.name in question.checks]
    if why := another_model(request.case, at):
        return Report(tuple(untried(request.case, why, checks, at)), why)
    written = _written(at, request.case)
    seen = ReaderOutcome()
    if not written.unsupported and written.raised is None:
        seen = _read_by(at, request, written)
    unsupported = written.unsupported or seen.unsupported
    if unsupported:
        return Report(tuple(untried(request.case, unsupported, checks, at)), unsupported)
    trace = _trace(at, request.case, written, seen)
    if Probe.TWIN in question.probes and _diverged(trace):
        trace = replace(trace, twin=_twin(at, request, written, seen))
    return Report(tuple(judged(trace, checks, at)))


def read(message: bytes) -> bytes:
    """Load the writer's source in the reader's process, and continue training."""
    request = wire.decode(message, Reading)
    subject = _subject(request.subject)
    used = _perturbed(subject, request.case, request.turn) if request.turn else subject
    source = Path(request.source)
    recorder = Stages(used, path_of(subject, request.path), request.case, source.parent)
    seen: dict[str, Any] = {}
    try:
        with stage(Stage.LOAD):
            loaded = recorder.load(source, compiled=False)
            seen["loaded"] = recorder.look(loaded)
            recorder.compile(loaded)
        seen["resumed"] = recorder.continue_training(loaded)
    except SubjectRaised as halted:
        seen["raised"] = halted.raised
    except Unsupported as unsupported:
        seen["unsupported"] = str(unsupported)
    outcome = ReaderOutcome(**seen)
    if outcome.raised or (outcome.resumed and outcome.resumed.raised):
        outcome = replace(outcome, unsupported=_own_limits(recorder))
    return wire.encode(outcome)


def _perturbed(subject: Subject, case: Case, turn: int) -> Subject:
    size = SIZE_HALF if case.in_half_precision else SIZE
    return PerturbedSubject(subject, case.seed, turn=turn, size=size)


def _own_limits(recorder: Stages) -> str:
    """Return why the reader can't build or train the case even without a file; empty if it can.

    If it can't, an exception on a file says nothing about the file.
    """
    try:
        recorder.brought_up()
    except Unsupported as unsupported:
        return str(unsupported)
    except SubjectRaised:
        return ""
    return ""


class _WriterCache:
    """The last models that this process saved, by path and case, with their folders."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[WriterOutcome, Any]] = OrderedDict()

    def written(self, at: Exchange, case: Case) -> WriterOutcome:
        """Return the outcome of saving the case, from the cache if possible."""
        key = (f"{at.pair.writer} {at.write.name}", case.id)
        if key not in self._kept:
            folder = tempfile.TemporaryDirectory(prefix="saveproof-")
            self._kept[key] = (_write(at, case, Path(folder.name)), folder)
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)[1][1].cleanup()
        return self._kept[key][0]


def _write(at: Exchange, case: Case, folder: Path) -> WriterOutcome:
    recorder = Stages(_subject(at.pair.writer), at.write, case, folder)
    seen: dict[str, Any] = {}
    try:
        original = recorder.original()
        seen |= original.seen
        seen["saved"] = recorder.save(original.model)
        seen["source"] = str(recorder.source)
        seen["original"] = recorder.continue_training(original.model)
    except SubjectRaised as halted:
        seen["raised"] = halted.raised
    except Unsupported as unsupported:
        seen["unsupported"] = str(unsupported)
    return WriterOutcome(**seen)


def _read_by(
    at: Exchange, request: Request, written: WriterOutcome, *, turn: int = 0
) -> ReaderOutcome:
    """Return the outcome of the reader's process; if it ends or hangs, the load has failed."""
    reading = Reading(at.pair.reader, at.read.name, request.case, written.source, turn)
    try:
        message, reader = wire.encode(reading), _reader(at.pair.reader)
        answer = asked_again(lambda: reader.call(message, seconds=request.seconds))
    except NoAnswer as error:
        if not error.ended:
            raise
        kind = f"{NoAnswer.__module__}.{error.ending}"
        return ReaderOutcome(raised=Raised(Stage.LOAD, kind, str(error), ""))
    return wire.decode(answer, ReaderOutcome)


def _trace(at: Exchange, case: Case, written: WriterOutcome, read: ReaderOutcome) -> Trace:
    trace = Trace(
        case,
        at.format,
        at.contract,
        frozenset(),
        fresh=written.fresh,
        before=written.before,
        logs=written.logs,
        saved=written.saved,
        loaded=read.loaded,
        original=None if read.loaded is None else written.original,
        resumed=read.resumed,
        raised=written.raised or read.raised,
    )
    return _translated(trace) if at.across else trace


def _translated(trace: Trace) -> Trace:
    """Return the trace with the names and values that both implementations use."""
    if trace.fresh is None or trace.before is None or trace.loaded is None:
        return trace
    before, loaded = in_common(comparable(trace.before), comparable(trace.loaded))
    translated = replace(trace, fresh=comparable(trace.fresh), before=before, loaded=loaded)
    if trace.original is None or trace.resumed is None:
        return translated
    original, resumed = trajectories_in_common(trace.original, trace.resumed)
    return replace(translated, original=original, resumed=resumed)


def _diverged(trace: Trace) -> bool:
    one, other = trace.original, trace.resumed
    near = trace.exactness
    return one is not None and other is not None and _differ(near, one, other)


def _differ(near: Exactness, one: Trajectory, other: Trajectory) -> bool:
    return any(_defects(near, one, other))


def _defects(near: Exactness, one: Trajectory, other: Trajectory) -> Iterator[Defect]:
    yield from output_defects(one, other, near)
    yield from trajectory_defects(one, other, near)


def _twin(
    at: Exchange, request: Request, written: WriterOutcome, read: ReaderOutcome
) -> Difference | None:
    """Return why a divergence of writer and reader says nothing about the file; None if it does.

    It does not if one implementation diverges when it repeats the case, or if a reader of another
    implementation diverges when the last bits of its data change.
    """
    if not at.across:
        with tempfile.TemporaryDirectory(prefix="saveproof-") as folder:
            twin = _write(at, request.case, Path(folder))
        if written.original is None or twin.original is None:
            return Difference("training", "a model that trains", "none")
        return trajectory_difference(written.original, twin.original)
    near = at.contract.exactness.of(request.case)
    for turn in TURNS:
        again = _read_by(at, request, written, turn=turn).resumed
        if read.resumed is not None and again is not None:
            for defect in _defects(near, *trajectories_in_common(read.resumed, again)):
                return defect.difference
    return None


@cache
def _exchange(pair: str, name: str) -> Exchange:
    integrity.guard(*JUDGES, interchange)
    return exchange_of(Pair.of(pair), name)


@cache
def _subject(spec: str) -> Subject:
    integrity.guard(*JUDGES, interchange)
    return subjects.resolve(spec)


@cache
def _reader(spec: str) -> Child:  # noqa: ARG001 - one process for each reader
    return Child(READ)


@cache
def _writer_cache() -> _WriterCache:
    return _WriterCache()


def _written(at: Exchange, case: Case) -> WriterOutcome:
    return _writer_cache().written(at, case)
