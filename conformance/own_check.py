"""`saveproof check`: holds one model of the user's to the contracts of save paths."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import msgspec

from saveproof.conformance.campaigns import worker
from saveproof.conformance.campaigns.dispatch import reports
from saveproof.conformance.campaigns.worker import Report, Request
from saveproof.conformance.checks import EVERY_CHECK, Judgement
from saveproof.conformance.execution.runner import Question
from saveproof.conformance.families.keras.own_model import OwnModel, OwnModelSpec, own_model
from saveproof.conformance.model_state.subject import UnusableSubject
from saveproof.conformance.model_state.trace import Probe
from saveproof.conformance.processes import wire
from saveproof.conformance.processes.endings import NoAnswer
from saveproof.conformance.processes.isolation import Child
from saveproof.conformance.runs.options import Limits
from saveproof.reports.records import SHOWN_NOTHING, UNEXPECTED, Verdict
from saveproof.reports.wording import MEANINGS, SYMBOLS
from saveproof.strategies.case import Case

ANSWER = "saveproof.conformance.own_check:answer"

PROBES = frozenset(Probe) - {Probe.UNBUILT}
"""Every probe that says something of a model that has been trained."""

RESUME = "resume_trajectory_is_identical"


class _Message(msgspec.Struct, frozen=True):
    """A message to the child: an encoded request, or none to ask for the model's own facts."""

    spec: OwnModelSpec
    request: bytes | None = None


class _Facts(msgspec.Struct, frozen=True):
    """What the child knows of the model: versions, names of save paths, and the case."""

    environment: Mapping[str, str]
    paths: tuple[str, ...]
    case: Case


@dataclass(frozen=True)
class OwnModelOutcome:
    """The printed text, and the verdicts of all checks on all save paths."""

    text: str
    verdicts: frozenset[Verdict]

    @property
    def broken(self) -> bool:
        """Whether a documented promise is broken, or a process ended."""
        return bool(UNEXPECTED & self.verdicts)


def check_own_model(spec: OwnModelSpec, paths: Sequence[str], limits: Limits) -> OwnModelOutcome:
    """Build, train, save and load the model on each save path, and judge what comes back.

    Raises:
        UnusableSubject: the model or its data can't be used; the message says why.
        LookupError: the framework has no such save path.
    """
    with Child(ANSWER, memory=limits.memory) as child:
        examiner = _Examiner(child, spec)
        facts = examiner.facts(seconds=limits.timeout)
        if unknown := sorted(set(paths) - set(facts.paths)):
            raise LookupError(f"no save path {unknown[0]!r}: expected one of {sorted(facts.paths)}")
        versions = ", ".join(f"{name} {version}" for name, version in facts.environment.items())
        lines = [f"{spec.model} ({versions})"]
        verdicts: set[Verdict] = set()
        for path in paths or facts.paths:
            question = Question(path, EVERY_CHECK, PROBES)
            request = Request(spec.subject, facts.case, (question,), limits.timeout)
            (report,) = reports(examiner, request)
            lines += ["", *_told(path, report)]
            verdicts |= {judgement.verdict for judgement in report.judgements}
    return OwnModelOutcome("\n".join(lines), frozenset(verdicts))


@dataclass(frozen=True)
class _Examiner:
    """The child process, to which every message goes with the specification of the model."""

    child: Child
    spec: OwnModelSpec

    def call(self, request: bytes, *, seconds: float) -> bytes:
        """Return the encoded reports on an encoded request."""
        return self.child.call(wire.encode(_Message(self.spec, request)), seconds=seconds)

    def facts(self, *, seconds: float) -> _Facts:
        """Return what the child knows of the model.

        Raises:
            UnusableSubject: the model or its data can't be used.
        """
        try:
            answer = self.child.call(wire.encode(_Message(self.spec)), seconds=seconds)
        except NoAnswer as error:
            raise UnusableSubject(f"{self.spec.model}: {error.summary}") from error
        return wire.decode(answer, _Facts)


def answer(message: bytes) -> bytes:
    """Answer a message in the child process."""
    asked = wire.decode(message, _Message)
    if asked.request is not None:
        return worker.examine(asked.request)
    subject = _subject(asked.spec.subject)
    names = tuple(path.name for path in subject.paths())
    return wire.encode(_Facts(subject.environment(), names, subject.case))


@cache
def _subject(spec: str) -> OwnModel:
    return own_model(spec)


def _told(path: str, report: Report) -> Iterator[str]:
    """Yield the lines on a save path: whether training resumes exactly, then what is broken."""
    judged = [one for one in report.judgements if one.verdict not in SHOWN_NOTHING]
    yield f"{path}: {_resumes(report.judgements)}; {len(judged)} checks judged"
    if report.unsupported:
        yield f"  {SYMBOLS[Verdict.NOT_APPLICABLE]} not judged: {report.unsupported}"
    for judgement in judged:
        yield from _broken(judgement)


def _broken(judgement: Judgement) -> Iterator[str]:
    """Yield the lines on a check's defects, one for each key."""
    found = Counter(defect.key for defect in judgement.defects)
    firsts = {defect.key: defect for defect in reversed(judgement.defects)}
    for key, count in found.items():
        defect = firsts[key]
        more = f" (and {count - 1} more)" if count > 1 else ""
        yield f"  {SYMBOLS[judgement.verdict]} {judgement.check}: {defect.title}"
        yield f"      {MEANINGS[judgement.verdict]}"
        yield f"      at       {defect.where}{more}"
        yield f"      expected {defect.difference.expected}"
        yield f"      found    {defect.difference.found}"


def _resumes(judgements: Sequence[Judgement]) -> str:
    """Return in words whether training resumes exactly."""
    seen = next((one.verdict for one in judgements if one.check == RESUME), None)
    if seen is None:
        return "does not promise to resume training"
    return RESUMES.get(seen, f"resume: {seen}")


RESUMES: Mapping[Verdict, str] = {
    Verdict.PASS: "training resumes exactly",
    Verdict.FAIL: "training does not resume exactly, though a document promises it",
    Verdict.GAP: "training does not resume exactly; no document promises it",
    Verdict.UNSTABLE: "training the same model twice gives different results",
}
"""What the check of the trajectory says, by its verdict."""
