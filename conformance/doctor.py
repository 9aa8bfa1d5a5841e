"""The doctor: tests a subject's adapter on everything that the subject has, one by one."""

from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import NamedTuple

import msgspec

from saveproof.conformance.families import subjects
from saveproof.conformance.families.description import Described
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import Snapshot, same
from saveproof.conformance.model_state.subject import Subject, Unsupported
from saveproof.conformance.processes import wire
from saveproof.conformance.processes.endings import ENDING, NoAnswer, asked_again
from saveproof.conformance.processes.isolation import Child
from saveproof.conformance.runs.preflight import had
from saveproof.conformance.trial_cases import STEPS, TrialCases
from saveproof.strategies import data
from saveproof.strategies.case import MODELS, Case

NEVER_EMPTY = frozenset(
    (Facet.ARCHITECTURE, Facet.NAMES, Facet.WEIGHTS, Facet.OPTIMIZER, Facet.ITERATION)
)
"""Facets of which every trained model has at least one entry."""

TRY = "saveproof.conformance.doctor:try_one"

SECONDS = 120.0
"""Time limit of one trial."""


class Outcome(StrEnum):
    """What came of a trial, as it is printed."""

    WORKS = "ok"
    BROKEN = "NO"
    MISSING = "--"
    """The subject does not have it, or no snapshot shows it: that is no fault."""


class Trial(msgspec.Struct, frozen=True):
    """A request to the child process: a case to try, and what it tries."""

    subject: str
    what: str
    case: Case


class Attempt(NamedTuple):
    """The outcome of a trial: what was tried, a detail to print, and the facets with entries."""

    what: str
    outcome: Outcome
    detail: str
    shown: tuple[Facet, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is broken."""
        return self.outcome is not Outcome.BROKEN


def doctor(subject: Described, ask: Callable[[str, Case], Attempt]) -> list[Attempt]:
    """Try the adapter on each kind, layer, optimizer, loss and event that the subject has.

    `ask` runs one trial: `tried` in this process, `asked` in a child process. The subject's own
    contracts say which facets a snapshot needs. What the subject does not declare is not tried;
    without capabilities, everything is, and what is unsupported is not broken.
    """
    promised = {
        facet: path.name
        for path in subject.paths()
        if set(path.contract.kinds) & set(MODELS)
        for facet in path.contract.facets
        if path.contract.file_promise(facet)
    }
    declared = subject.description.capabilities is not None
    attempts = [
        _judged(ask(what, case), NEVER_EMPTY.intersection(promised), declared=declared)
        for what, case in TrialCases(had(subject)).every()
    ]
    shown = {facet for attempt in attempts for facet in attempt.shown}
    return [
        Attempt("environment", Outcome.WORKS, _versions(subject)),
        Attempt("save paths", Outcome.WORKS, ", ".join(path.name for path in subject.paths())),
        *attempts,
        *(
            Attempt(f"facet {facet}", Outcome.MISSING, f"{path} promises it, no snapshot shows it")
            for facet, path in promised.items()
            if facet not in shown
        ),
    ]


def _judged(attempt: Attempt, needed: frozenset[Facet], *, declared: bool) -> Attempt:
    """Return the attempt, broken where a declaration or a contract says more than it shows."""
    if attempt.outcome is Outcome.MISSING and declared:
        detail = f"the capabilities have it, but it is {attempt.detail}"
        return attempt._replace(outcome=Outcome.BROKEN, detail=detail)
    empty = [facet for facet in Facet if facet in needed and facet not in attempt.shown]
    if attempt.outcome is Outcome.WORKS and empty:
        detail = f"expected entries in every promised facet, found none in {', '.join(empty)}"
        return attempt._replace(outcome=Outcome.BROKEN, detail=detail)
    return attempt


def asked(child: Child, subject: str, what: str, case: Case) -> Attempt:
    """Run one trial in a child process that serves `TRY`, and that may crash or hang."""
    message = wire.encode(Trial(subject, what, case))
    try:
        answer = asked_again(lambda: child.call(message, seconds=SECONDS))
    except NoAnswer as error:
        return Attempt(what, Outcome.BROKEN, error.summary)
    return wire.decode(answer, Attempt)


def try_one(message: bytes) -> bytes:
    """Run one trial; request and answer are encoded by `saveproof.conformance.processes.wire`."""
    trial = wire.decode(message, Trial)
    return wire.encode(tried(_subject(trial.subject), trial.what, trial.case))


@cache
def _subject(spec: str) -> Subject:
    return subjects.resolve(spec)


def _versions(subject: Described) -> str:
    return ", ".join(f"{name} {version}" for name, version in subject.environment().items())


def tried(subject: Subject, what: str, case: Case) -> Attempt:
    """Run one trial in this process."""
    try:
        return _walked_through(subject, what, case)
    except ENDING:
        raise
    except Unsupported as error:
        return Attempt(what, Outcome.MISSING, f"not supported: {error}")
    except BaseException as error:  # noqa: BLE001 - to report whatever is raised is its work
        return Attempt(what, Outcome.BROKEN, f"{type(error).__name__}: {error}")


def _walked_through(subject: Subject, what: str, case: Case) -> Attempt:
    subject.seed(case.seed)
    model = subject.build(case)
    first, *others = case.history.before
    logs = list(subject.perform(model, first, data.rows(case, 0)) or ())
    for index, event in enumerate(others, 1):
        subject.perform(model, event, data.rows(case, index))
    outputs = subject.predict(model, data.probe(case))
    seen = subject.snapshot(model)
    shown = tuple(facet for facet in seen.facets if seen[facet])
    if len(logs) != STEPS or not all("loss" in log for log in logs):
        wrong = f"expected {STEPS} logs with a loss, found {logs}"
    elif len(outputs) != len(case.architecture.outputs):
        wrong = f"expected {len(case.architecture.outputs)} outputs, found {len(outputs)}"
    elif other := _altered(seen):
        wrong = (
            "expected arrays and JSON values in a snapshot, and lists instead of tuples, "
            f"found other values in {', '.join(other)}"
        )
    else:
        works = f"loss {logs[-1]['loss']:.4f}, output {outputs[0].shape}"
        return Attempt(what, Outcome.WORKS, works, shown)
    return Attempt(what, Outcome.BROKEN, wrong, shown)


def _altered(seen: Snapshot) -> list[Facet]:
    """Return the facets that change when the snapshot is sent to another process."""
    received = wire.decode(wire.encode(seen), Snapshot)
    return [facet for facet in seen.facets if not same(seen[facet], received[facet])]
