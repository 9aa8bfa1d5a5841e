"""One case through one save path, run and judged: what a child process is asked for."""

import gc
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from conformance import subjects, wire
from conformance.checks import ALL_CHECKS, Judgement, judge
from conformance.isolation import Child
from conformance.recording import Reload, record, relive
from conformance.subject import SavePath, Subject, Unsupported
from conformance.trace import Probe
from strategies.case import Case

EXAMINE = "conformance.examine:examine"
RELOAD = "conformance.examine:reload"


class UnknownPath(LookupError):
    """The subject has no save path of that name."""


class Request(msgspec.Struct, frozen=True):
    """What to examine: `checks` names those to judge by; `seconds` bounds the other process."""

    subject: str
    path: str
    case: Case
    checks: frozenset[str]
    probes: frozenset[Probe] = frozenset()
    seconds: float = 120.0


@dataclass(frozen=True)
class Report:
    """What the checks said; `unsupported` is why there was nothing to say."""

    judgements: tuple[Judgement, ...]
    unsupported: str = ""


def examine(message: bytes) -> bytes:
    """Run and judge one case; both sides are messages of `conformance.wire`."""
    request = wire.decode(message, Request)
    try:
        return wire.encode(_examined(request))
    finally:
        _keep_what_is_loaded()


def _examined(request: Request) -> Report:
    subject = _subject(request.subject)
    path = path_of(subject, request.path)
    child = _elsewhere() if Probe.ANOTHER_PROCESS in request.probes else None
    checks = [check for check in ALL_CHECKS if check.name in request.checks]
    with tempfile.TemporaryDirectory(prefix="saveproof-") as folder:
        try:
            trace = record(
                subject,
                path,
                request.case,
                Path(folder),
                probes=request.probes,
                trains_on=any(check.trains_on for check in checks),
                elsewhere=child,
                subject_spec=request.subject,
                seconds=request.seconds,
            )
        except Unsupported as unsupported:
            return Report((), str(unsupported))
    return Report(tuple(judge(trace, checks)))


def reload(message: bytes) -> bytes:
    """Load a source that another process wrote, and live on."""
    request = msgspec.json.decode(message, type=Reload)
    subject = _subject(request.subject)
    path = path_of(subject, request.path)
    return relive(subject, path, request.case, Path(request.source))


def path_of(subject: Subject, name: str) -> SavePath:
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
    return subjects.resolve(spec)


@cache
def _elsewhere() -> Child:
    return Child(RELOAD)
