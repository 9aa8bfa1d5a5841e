"""One case from a writer to a reader: what the writer's process and the reader's are asked for."""

import tempfile
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from saveproof.conformance import interchange
from saveproof.conformance.campaigns.worker import JUDGES, Report, Request
from saveproof.conformance.checks.behaviour import output_defects, trajectory_defects
from saveproof.conformance.execution import integrity
from saveproof.conformance.execution.runner import Question, path_of
from saveproof.conformance.execution.stages import Stages, SubjectRaised, stage
from saveproof.conformance.families import subjects
from saveproof.conformance.interchange.dialects import another_model
from saveproof.conformance.interchange.judging import CHECKS, judged
from saveproof.conformance.interchange.pairs import Exchange, Pair, exchange_of
from saveproof.conformance.interchange.perturbed import NUDGE, NUDGE_HALF, NUDGES, PerturbedSubject
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
    same_trajectory,
)
from saveproof.conformance.processes import wire
from saveproof.conformance.processes.endings import NoAnswer, asked_again
from saveproof.conformance.processes.isolation import Child
from saveproof.strategies.case import Case

EXCHANGE = "saveproof.conformance.interchange.exchange:exchange"
READ = "saveproof.conformance.interchange.exchange:read"

KEPT = 256
"""Written sources that a writer's process keeps: the next reader of the format asks for them."""


@dataclass(frozen=True)
class WriterOutcome:
    """What was seen of the writer; `source` is the file or folder that it left."""

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
    """What was seen of the reader."""

    loaded: Snapshot | None = None
    resumed: Trajectory | None = None
    raised: Raised | None = None
    unsupported: str = ""


class Reading(msgspec.Struct, frozen=True):
    """What the reader's process is asked for; `turn` has it live on data nudged that way."""

    subject: str
    path: str
    case: Case
    source: str
    turn: int = 0


def exchange(message: bytes) -> bytes:
    """Run one case from writer to reader and judge it; a request of `campaigns/worker.py`.

    The request's subject is the name of a pair, its paths are formats.
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
    if why := another_model(request.case, at):
        return Report((), why)
    written = _written(at, request.case)
    seen = ReaderOutcome()
    if not written.unsupported and written.raised is None:
        seen = _asked(at, request, written)
    unsupported = written.unsupported or seen.unsupported
    if unsupported:
        return Report((), unsupported)
    trace = _trace(at, request.case, written, seen)
    if Probe.TWIN in question.probes and _strayed(trace):
        trace = replace(trace, steady=_steady(at, request, written, seen))
    checks = [check for check in CHECKS if check.name in question.checks]
    return Report(tuple(judged(trace, checks, at)))


def read(message: bytes) -> bytes:
    """Load a source that the writer wrote, in the reader's process, and live on."""
    request = wire.decode(message, Reading)
    subject = _subject(request.subject)
    lived = _nudged(subject, request.case, request.turn) if request.turn else subject
    source = Path(request.source)
    recorder = Stages(lived, path_of(subject, request.path), request.case, source.parent)
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
    told = ReaderOutcome(**seen)
    if told.raised or (told.resumed and told.resumed.raised):
        told = replace(told, unsupported=_own_limits(recorder))
    return wire.encode(told)


def _nudged(subject: Subject, case: Case, turn: int) -> Subject:
    nudge = NUDGE_HALF if case.in_half_precision else NUDGE
    return PerturbedSubject(subject, case.seed, turn=turn, nudge=nudge)


def _own_limits(recorder: Stages) -> str:
    """Return why the reader can't build or train the case by itself, if it can't.

    What it raises on a file is then no news of the file.
    """
    try:
        recorder.brought_up()
    except Unsupported as unsupported:
        return str(unsupported)
    except SubjectRaised:
        return ""
    return ""


class _Shelf:
    """What this process has written, by path and case; the folders go with the records."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[WriterOutcome, Any]] = OrderedDict()

    def written(self, at: Exchange, case: Case) -> WriterOutcome:
        """Return what writing the case gave, now or before."""
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


def _asked(
    at: Exchange, request: Request, written: WriterOutcome, *, turn: int = 0
) -> ReaderOutcome:
    """Return what the reader's process sees; where it ends, that is what loading came to."""
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
    """Return the trace in the words that two implementations share."""
    if trace.fresh is None or trace.before is None or trace.loaded is None:
        return trace
    before, loaded = in_common(comparable(trace.before), comparable(trace.loaded))
    told = replace(trace, fresh=comparable(trace.fresh), before=before, loaded=loaded)
    if trace.original is None or trace.resumed is None:
        return told
    original, resumed = trajectories_in_common(trace.original, trace.resumed)
    return replace(told, original=original, resumed=resumed)


def _strayed(trace: Trace) -> bool:
    one, other = trace.original, trace.resumed
    near = trace.exactness
    return one is not None and other is not None and _parted(near, one, other)


def _parted(near: Exactness, one: Trajectory, other: Trajectory) -> bool:
    return any((*output_defects(one, other, near), *trajectory_defects(one, other, near)))


def _steady(at: Exchange, request: Request, written: WriterOutcome, read: ReaderOutcome) -> bool:
    """Say whether the comparison is fair: the same again for one implementation, nudged for two.

    A case that turns a change in the last bits of its data into what parts writer and reader
    says nothing of the file.
    """
    if not at.across:
        with tempfile.TemporaryDirectory(prefix="saveproof-") as folder:
            twin = _write(at, request.case, Path(folder))
        trajectories = (written.original, twin.original)
        return (
            trajectories[0] is not None
            and trajectories[1] is not None
            and same_trajectory(trajectories[0], trajectories[1])
        )
    near = at.contract.exactness.of(request.case)
    again = (_asked(at, request, written, turn=turn).resumed for turn in NUDGES)
    return not any(_parts(near, read.resumed, trajectory) for trajectory in again)


def _parts(near: Exactness, one: Trajectory | None, other: Trajectory | None) -> bool:
    return (
        one is not None and other is not None and _parted(near, *trajectories_in_common(one, other))
    )


@cache
def _exchange(pair: str, name: str) -> Exchange:
    integrity.guard(*JUDGES, interchange)
    return exchange_of(Pair.of(pair), name)


@cache
def _subject(spec: str) -> Subject:
    integrity.guard(*JUDGES, interchange)
    return subjects.resolve(spec)


@cache
def _reader(spec: str) -> Child:  # noqa: ARG001 - a process each
    return Child(READ)


@cache
def _shelf() -> _Shelf:
    return _Shelf()


def _written(at: Exchange, case: Case) -> WriterOutcome:
    return _shelf().written(at, case)
