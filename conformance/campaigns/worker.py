"""One case through save paths, run and judged: what a child process is asked for."""

import gc
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import msgspec

from saveproof.conformance import campaigns, checks, execution, model_state, processes
from saveproof.conformance.campaigns.process_failures import CARRIER, other_process_failure
from saveproof.conformance.checks import ALL_CHECKS, Check, Judgement, judge
from saveproof.conformance.execution import integrity
from saveproof.conformance.execution.runner import Asked, record, resume
from saveproof.conformance.execution.stages import Stages, SubjectRaised, UndeclaredError, stage
from saveproof.conformance.families import subjects
from saveproof.conformance.model_state.subject import Offering, SavePath, Subject, Unsupported
from saveproof.conformance.model_state.trace import OtherProcess, Probe, Raised, Stage, Trace
from saveproof.conformance.processes import wire
from saveproof.conformance.processes.endings import NoAnswer, asked_again
from saveproof.conformance.processes.isolation import Child
from saveproof.strategies.case import Case

EXAMINE = "saveproof.conformance.campaigns.worker:examine"
RELOAD = "saveproof.conformance.campaigns.worker:reload"

JUDGES = (campaigns, checks, execution, model_state, processes)
"""The packages that a verdict rests on: a subject must leave them as they are."""


class UnknownPath(LookupError):
    """The subject has no save path of that name."""


class Question(msgspec.Struct, frozen=True):
    """What is asked of a save path: `checks` names those to judge by."""

    path: str
    checks: frozenset[str]
    probes: frozenset[Probe] = frozenset()


class Request(msgspec.Struct, frozen=True):
    """What to examine, on which paths; `seconds` bounds each load in another process.

    Without a question the model is brought up, and that is all.
    """

    subject: str
    case: Case
    questions: tuple[Question, ...]
    seconds: float = 120.0


class Reload(msgspec.Struct, frozen=True):
    """What another process is told: load this source of this subject's path and live on."""

    subject: str
    path: str
    case: Case
    source: str


@dataclass(frozen=True)
class Reloaded:
    """What another process answers: what it has seen, or what was raised there."""

    seen: OtherProcess | None = None
    raised: Raised | None = None


@dataclass(frozen=True)
class Report:
    """What the checks said; `unsupported` is why there was nothing to say.

    `fault` is what the subject's own calls raised, saving apart, without declaring it unsupported.
    """

    judgements: tuple[Judgement, ...]
    unsupported: str = ""
    seconds: float = 0.0
    fault: str = ""


Reports = tuple[Report, ...]
"""The answer to a request: a report a question, in their order."""


def examine(message: bytes) -> bytes:
    """Run and judge one case; both sides are messages of `saveproof.conformance.processes.wire`."""
    request = wire.decode(message, Request)
    try:
        answer = wire.encode(_examined(request))
        integrity.check()
        return answer
    finally:
        _keep_what_is_loaded()


def _examined(request: Request) -> Reports:
    subject = _subject(request.subject)
    checks = [_checks(question) for question in request.questions]
    asked = [
        Asked(path_of(subject, question.path), question.probes, any(c.trains_on for c in named))
        for question, named in zip(request.questions, checks, strict=True)
    ]
    with tempfile.TemporaryDirectory(prefix="saveproof-") as folder:
        ended: dict[str, NoAnswer] = {}
        reload = partial(_reloaded, request, ended)
        try:
            if not asked:
                return _brought_up(subject, request.case, Path(folder))
            seen = record(subject, request.case, asked, Path(folder), reload=reload)
        except Unsupported as unsupported:
            return (_excused(unsupported),) * len(asked)
    return tuple(
        _report(one, named, ended.get(question.path))
        for one, named, question in zip(seen, checks, request.questions, strict=True)
    )


def _brought_up(subject: Subject, case: Case, folder: Path) -> Reports:
    """Bring the model up as for any path; there is nothing to say of it."""
    with suppress(SubjectRaised):
        Stages(subject, subject.paths()[0], case, folder).original()
    return ()


def _checks(question: Question) -> list[Check]:
    return [check for check in ALL_CHECKS if check.name in question.checks]


def _reloaded(
    request: Request, ended: dict[str, NoAnswer], path: SavePath, source: Path
) -> OtherProcess | None:
    """Have another process load the source; where that ends, note by the path how it did.

    Raises:
        SubjectRaised: the subject raised there.
    """
    order = Reload(request.subject, path.name, request.case, str(source))
    try:
        message = msgspec.json.encode(order)
        answer = asked_again(lambda: _other_process().call(message, seconds=request.seconds))
    except NoAnswer as error:
        if not error.ended:
            raise
        ended[path.name] = error
        return None
    reloaded = wire.decode(answer, Reloaded)
    if reloaded.raised is not None:
        raise SubjectRaised(reloaded.raised)
    return reloaded.seen


def _report(seen: Trace | Unsupported, checks: Sequence[Check], ended: NoAnswer | None) -> Report:
    """Return what the checks say, and first how the other process ended, if it did."""
    if isinstance(seen, Unsupported):
        return _excused(seen)
    judgements = tuple(judge(seen, checks))
    if ended is not None:
        others = (judgement for judgement in judgements if judgement.check != CARRIER)
        judgements = (other_process_failure(ended), *others)
    return Report(judgements, seconds=seen.seconds, fault=seen.fault)


def _excused(unsupported: Unsupported) -> Report:
    reason = str(unsupported) or "Unsupported, without a reason"
    return Report((), reason, fault=reason if isinstance(unsupported, UndeclaredError) else "")


def reload(message: bytes) -> bytes:
    """Load a source that another process wrote, and live on; return what came of it, encoded."""
    request = msgspec.json.decode(message, type=Reload)
    try:
        with stage(Stage.ANOTHER_PROCESS):
            return wire.encode(Reloaded(_resumed(request)))
    except SubjectRaised as halted:
        return wire.encode(Reloaded(raised=halted.raised))


def _resumed(request: Reload) -> OtherProcess:
    subject = _subject(request.subject)
    path = path_of(subject, request.path)
    return resume(subject, path, request.case, Path(request.source))


def path_of(subject: Offering, name: str) -> SavePath:
    """Return the subject's save path of that name.

    Raises:
        UnknownPath: it has none; the message lists those it has.
    """
    paths = {path.name: path for path in subject.paths()}
    if name not in paths:
        raise UnknownPath(f"{subject.name} has no save path {name!r}; it has {sorted(paths)}")
    return paths[name]


@cache
def _keep_what_is_loaded() -> None:
    """Have the garbage collector pass over what the first case has loaded, and come less often.

    A framework is hundreds of thousands of objects that stay; to walk them for the garbage of
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
