"""Judges an exchange with the checks that apply to two processes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from saveproof.conformance.checks import ALL_CHECKS, Check, Judgement, judge, unjudged
from saveproof.conformance.checks.behaviour import BEHAVIOUR_CHECKS
from saveproof.conformance.checks.facets import FACET_CHECKS
from saveproof.conformance.interchange.dialects import other_losses, other_steps
from saveproof.conformance.interchange.pairs import Exchange
from saveproof.conformance.model_state.contract import Promise
from saveproof.conformance.model_state.snapshot import distance
from saveproof.conformance.model_state.trace import Trace, Trajectory
from saveproof.reports.records import Verdict
from saveproof.strategies.case import Case

COMPLETES = "round_trip_completes"
CHECKS: tuple[Check, ...] = (
    *BEHAVIOUR_CHECKS,
    *FACET_CHECKS,
    *(check for check in ALL_CHECKS if check.name == COMPLETES),
)
"""The checks that apply to two processes; the others look at one subject's save and load."""

OUTPUTS, FIRST_LOSS, TRAJECTORY = (check.name for check in BEHAVIOUR_CHECKS)

AMPLIFIES = (
    "the case amplifies rounding errors: the reader's own training diverges when its data change "
    "by 1e-6"
)
NUDGED = "the reader's own training, with data changed by 1e-6"


def judged(trace: Trace, checks: Sequence[Check], at: Exchange) -> Iterator[Judgement]:
    """Yield the judgement of each check, with the distance if it passes.

    Between implementations, a check is vacuous where random numbers or a recurrent state decide the
    values. A failure is only a gap unless the reader promises to read the format.
    """
    for check in checks:
        reason = _incomparable(trace, check, at) if at.across else ""
        if reason:
            yield Judgement(check.name, Promise.MUST, Verdict.VACUOUS, reason=reason)
            continue
        for judgement in judge(trace, [check]):
            yield _weakened(_completed(trace, judgement, across=at.across), at.claim)


def untried(case: Case, reason: str, checks: Sequence[Check], at: Exchange) -> Iterator[Judgement]:
    """Yield a judgement of each check that the contract asks for on a case that is no exchange."""
    trace = Trace(case, at.format, at.contract, frozenset())
    for judgement in unjudged(trace, reason, checks):
        yield _weakened(judgement, at.claim)


def _completed(trace: Trace, judgement: Judgement, *, across: bool) -> Judgement:
    if judgement.verdict is Verdict.UNSTABLE and across:
        nudged = tuple(one.repeated(NUDGED) for one in judgement.unrepeated)
        return replace(judgement, reason=AMPLIFIES, unrepeated=nudged)
    if judgement.verdict is Verdict.PASS:
        return replace(judgement, distance=_distance(trace, judgement.check))
    return judgement


def _weakened(judgement: Judgement, claim: Promise) -> Judgement:
    verdict = Verdict.GAP if judgement.verdict is Verdict.FAIL else judgement.verdict
    if claim is Promise.MUST:
        return judgement
    return replace(judgement, promise=Promise.SHOULD, verdict=verdict)


def _incomparable(trace: Trace, check: Check, at: Exchange) -> str:
    if check.name not in (OUTPUTS, FIRST_LOSS, TRAJECTORY):
        return ""
    if trace.contract.promise(*check.facets) is None:
        return ""
    if trace.case.is_stateful:
        return "no format carries the state of a recurrent layer to another implementation"
    if check.name != OUTPUTS and trace.case.is_stochastic:
        return "training draws random numbers, and two implementations draw them differently"
    if check.name == OUTPUTS:
        return ""
    steps = other_steps(trace.case, at) if check.name == TRAJECTORY else ""
    return other_losses(trace.case, at) or steps


def _distance(trace: Trace, check: str) -> float | None:
    """Return the largest absolute difference of the values that the check compares."""
    one, other = trace.original, trace.resumed
    if one is None or other is None:
        return None
    if check == OUTPUTS:
        return distance(one.outputs, other.outputs)
    if check == FIRST_LOSS:
        return _between_losses(one, other, steps=1)
    return _between_losses(one, other, steps=len(one.steps)) if check == TRAJECTORY else None


def _between_losses(one: Trajectory, other: Trajectory, *, steps: int) -> float:
    gaps = [
        abs(a[name] - b[name])
        for left, right in zip(one.steps[:steps], other.steps[:steps], strict=False)
        for a, b in zip(left.logs, right.logs, strict=False)
        for name in a
        if name in b
    ]
    return max(gaps, default=0.0)
