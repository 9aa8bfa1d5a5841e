"""Runs and judges one case on save paths, in a child process."""

import gc
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType

import msgspec

from saveproof.conformance import campaigns, checks, execution, model_state, processes
from saveproof.conformance.campaigns.process_failures import CARRIER, other_process_failure
from saveproof.conformance.checks import Check, Judgement, judge, unjudged
from saveproof.conformance.checks.facets import unmentioned
from saveproof.conformance.execution import integrity
from saveproof.conformance.execution.raising import SubjectRaised, raised_at
from saveproof.conformance.execution.runner import (
    LoadElsewhere,
    Question,
    path_of,
    record,
    resume,
)
from saveproof.conformance.execution.stages import Stages
from saveproof.conformance.families import subjects
from saveproof.conformance.model_state.subject import SavePath, Subject, Unsupported
from saveproof.conformance.model_state.trace import OtherProcess, Stage, Trace
from saveproof.conformance.processes import wire
from saveproof.conformance.processes.endings import NoAnswer, asked_again
from saveproof.conformance.processes.isolation import Child
from saveproof.strategies.case import Case

EXAMINE = "saveproof.conformance.campaigns.worker:examine"
RELOAD = "saveproof.conformance.campaigns.worker:reload"

JUDGES = (campaigns, checks, execution, model_state, processes)
"""The packages that decide a verdict: a subject must not change them."""


class Request(msgspec.Struct, frozen=True):
    """A case to examine, and the questions; `seconds` bounds each load in another process.

    Without a question, the model is only built and trained.
    """

    subject: str
    case: Case
    questions: tuple[Question, ...]
    seconds: float = 120.0


class Reload(msgspec.Struct, frozen=True):
    """A request to load a source of a path in another process, and to train the model."""

    subject: str
    path: str
    case: Case
    source: str


@dataclass(frozen=True)
class Report:
    """The judgements of a case on one path; `unsupported` is why it was not applicable.

    `fault` is an undeclared exception of the subject's own calls other than saving and loading.
    `kept` is by facet whether state came back that the contract does not mention.
    """

    judgements: tuple[Judgement, ...]
    unsupported: str = ""
    seconds: float = 0.0
    fault: str = ""
    kept: dict[str, bool] = field(default_factory=dict)


Reports = tuple[Report, ...]
"""The answer to a request: a report a question, in their order."""


def examine(message: bytes) -> bytes:
    """Run and judge one case; both sides are messages of `saveproof.conformance.processes.wire`."""
    request = wire.decode(message, Request)
    try:
        ended: dict[str, NoAnswer] = {}
        reload = partial(_reloaded, request, ended)
        answer = wire.encode(examined(_subject(request.subject), request, reload, ended))
        integrity.check()
        return answer
    finally:
        _freeze_loaded_objects()


def examined(
    subject: Subject,
    request: Request,
    reload: LoadElsewhere | None = None,
    ended: Mapping[str, NoAnswer] = MappingProxyType({}),
) -> Reports:
    """Run and judge the case; `ended` has an error of `reload` by the name of a save path."""
    questions = request.questions
    with tempfile.TemporaryDirectory(prefix="saveproof-") as folder:
        try:
            if not questions:
                return _built_and_trained(subject, request.case, Path(folder))
            seen = record(subject, request.case, questions, Path(folder), reload=reload)
        except Unsupported as unsupported:
            seen = [unsupported] * len(questions)
    return tuple(
        _unsupported_report(one, subject, request.case, question)
        if isinstance(one, Unsupported)
        else _report(one, question.judges, ended.get(question.path))
        for one, question in zip(seen, questions, strict=True)
    )


def _built_and_trained(subject: Subject, case: Case, folder: Path) -> Reports:
    """Build and train the model; return no report."""
    with suppress(SubjectRaised):
        Stages(subject, subject.paths()[0], case, folder).original()
    return ()


def _reloaded(
    request: Request, ended: dict[str, NoAnswer], path: SavePath, source: Path
) -> OtherProcess | None:
    """Load the source in another process; if that ends, note the error by the path's name.

    Raises:
        SubjectRaised: the subject raised there.
    """
    order = Reload(request.subject, path.name, request.case, str(source))
    try:
        message = msgspec.json.encode(order)
        answer = asked_again(lambda: _other_process().call(message, seconds=request.seconds))
    except NoAnswer as error:
        if not error.ended:
            raise SubjectRaised(raised_at(Stage.ANOTHER_PROCESS, error.fault)) from None
        ended[path.name] = error
        return None
    return wire.decode(answer, OtherProcess)


def _report(seen: Trace, checks: Sequence[Check], ended: NoAnswer | None) -> Report:
    """Return the judgements, first that of the other process's end, if it ended."""
    judgements = tuple(judge(seen, checks))
    if ended is not None:
        others = (judgement for judgement in judgements if judgement.check != CARRIER)
        judgements = (other_process_failure(ended), *others)
    return Report(judgements, seconds=seen.seconds, fault=seen.fault, kept=unmentioned(seen))


def _unsupported_report(
    unsupported: Unsupported, subject: Subject, case: Case, question: Question
) -> Report:
    """Return that the case applies to no check that the contract asks for."""
    reason = str(unsupported) or "Unsupported, without a reason"
    path = path_of(subject, question.path)
    untried = Trace(case, path.name, path.contract, question.probes, path.in_memory)
    judgements = tuple(unjudged(untried, reason, question.judges))
    return Report(judgements, reason, fault="" if unsupported.declared else reason)


def reload(message: bytes) -> bytes:
    """Load a source that another process wrote, and train the model; return the encoded record.

    An exception here is the subject's, and becomes the answer to the process that asked.
    """
    request = msgspec.json.decode(message, type=Reload)
    subject = _subject(request.subject)
    path = path_of(subject, request.path)
    return wire.encode(resume(subject, path, request.case, Path(request.source)))


@cache
def _freeze_loaded_objects() -> None:
    """Exclude the objects that the first case has loaded from garbage collection, and collect less.

    A framework has hundreds of thousands of permanent objects. To walk them for the garbage of
    each model took up to 13 % of an example.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


@cache
def _subject(spec: str) -> Subject:
    integrity.guard(*JUDGES)
    return subjects.resolve(spec)


@cache
def _other_process() -> Child:
    return Child(RELOAD)
