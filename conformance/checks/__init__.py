"""The checks, and the judgement of a trace by them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from saveproof.conformance.checks.behaviour import BEHAVIOUR_CHECKS
from saveproof.conformance.checks.check import Check, Outcome, Unjudged, not_applicable
from saveproof.conformance.checks.conduct import CONDUCT_CHECKS
from saveproof.conformance.checks.facets import FACET_CHECKS
from saveproof.conformance.checks.handling import HANDLING_CHECKS
from saveproof.conformance.checks.initial import INITIAL_CHECKS
from saveproof.conformance.checks.other_code import OTHER_CODE_CHECKS
from saveproof.conformance.model_state.contract import Contract, Promise
from saveproof.conformance.model_state.trace import Probe, Trace
from saveproof.reports.findings import Defect, Difference
from saveproof.reports.records import Repetition, Verdict

__all__ = [
    "ALL_CHECKS",
    "EVERY_CHECK",
    "NEED_DETERMINISM",
    "Check",
    "Judgement",
    "Unrepeated",
    "checks_for",
    "found_text",
    "judge",
    "probes_for",
    "unjudged",
]

ALL_CHECKS: tuple[Check, ...] = (
    *(*BEHAVIOUR_CHECKS, *FACET_CHECKS, *INITIAL_CHECKS),
    *(*HANDLING_CHECKS, *CONDUCT_CHECKS, *OTHER_CODE_CHECKS),
)

EVERY_CHECK = frozenset(check.name for check in ALL_CHECKS)
"""The names of all checks."""

NEED_DETERMINISM = frozenset(check.name for check in ALL_CHECKS if check.needs_determinism)
"""Checks that need a subject with equal results in equal runs."""

NOT_PROBED = not_applicable("a run makes this probe on some examples only")


TWIN = "the model built, trained and saved once more"
"""How a twin repeats an example."""


@dataclass(frozen=True)
class Unrepeated:
    """A defect that the same program did not show again, and what its repetitions gave.

    `after` are the save paths that had saved the model first, in order.
    """

    defect: Defect
    again: tuple[Repetition, ...]
    after: tuple[str, ...] = ()

    def repeated(self, how: str) -> "Unrepeated":
        """Return it with another description of how it was repeated."""
        return replace(self, again=tuple(structs.replace(one, how=how) for one in self.again))


@dataclass(frozen=True)
class Judgement:
    """One check's verdict on one trace; `distance` is the greatest difference.

    `unrepeated` are the defects that did not show again, and so do not count; where there is no
    other, the verdict is unstable.
    """

    check: str
    promise: Promise
    verdict: Verdict
    defects: tuple[Defect, ...] = ()
    reason: str = ""
    distance: float | None = None
    unrepeated: tuple[Unrepeated, ...] = ()

    @property
    def sightings(self) -> Iterator[tuple[Defect, Verdict, Unrepeated | None]]:
        """The defects with their verdicts, and the evidence of those that did not show again."""
        yield from ((defect, self.verdict, None) for defect in self.defects)
        yield from ((one.defect, Verdict.UNSTABLE, one) for one in self.unrepeated)


def found_text(difference: Difference) -> str:
    """Return where two runs of one program differ, with both values."""
    return f"{difference.where}: {difference.expected}, then {difference.found}"


def checks_for(contract: Contract) -> tuple[Check, ...]:
    """Return the checks that apply to some case under the contract."""
    idle = () if contract.other_code else OTHER_CODE_CHECKS
    return tuple(c for c in ALL_CHECKS if contract.speaks_of(c.facets) and c not in idle)


def probes_for(names: Collection[str]) -> frozenset[Probe]:
    """Return the probes that the checks of these names need."""
    return frozenset(check.probe for check in ALL_CHECKS if check.name in names and check.probe)


def judge(trace: Trace, checks: Sequence[Check] = ALL_CHECKS) -> Iterator[Judgement]:
    """Yield the judgement of each check that the contract asks for on the trace."""
    for check, promise in _asked(trace, checks):
        if check.probe is not None and check.probe not in trace.probes:
            yield _judgement(trace, check, promise, NOT_PROBED)
        else:
            yield _judgement(trace, check, promise, check.find(trace))


def unjudged(trace: Trace, reason: str, checks: Sequence[Check]) -> Iterator[Judgement]:
    """Yield a judgement of each check that the contract asks for on a case that could not run."""
    for check, promise in _asked(trace, checks):
        yield _judgement(trace, check, promise, not_applicable(reason))


def _asked(trace: Trace, checks: Sequence[Check]) -> Iterator[tuple[Check, Promise]]:
    """Yield the checks that the contract asks for, with its promise.

    Of a model that it has refused, it asks for the refusal alone.
    """
    for check in checks:
        promise = check.promise(trace)
        if promise is not None and (check.of_refusals or not trace.is_refused):
            yield check, promise


def _judgement(trace: Trace, check: Check, promise: Promise, seen: Outcome) -> Judgement:
    if isinstance(seen, Unjudged):
        return Judgement(check.name, promise, seen.verdict, reason=seen.reason)
    defects = tuple(seen)
    if not defects:
        return Judgement(check.name, promise, Verdict.PASS)
    if check.needs_determinism and trace.twin is not None:
        reason = "the subject does not repeat itself on this case"
        again = (Repetition(TWIN, found_text(trace.twin)),)
        unrepeated = tuple(Unrepeated(defect, again) for defect in defects)
        return Judgement(check.name, promise, Verdict.UNSTABLE, (), reason, unrepeated=unrepeated)
    verdict = Verdict.GAP if promise is Promise.SHOULD else Verdict.FAIL
    return Judgement(check.name, promise, verdict, defects)
