"""The gate: whether a run passes, and the reasons why not. `run`, `report` and `merge` use it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from saveproof.reports.exit_codes import FINDINGS, NOT_FINISHED, NOTHING_UNEXPECTED
from saveproof.reports.policy import FailOn, Policy, Requirement, Shard
from saveproof.reports.records import ENDS, SHOWN_NOTHING, Result, Verdict, Witness, WitnessStatus
from saveproof.reports.store import Run

VERDICTS: Mapping[FailOn, frozenset[Verdict]] = {
    FailOn.FAIL: frozenset({Verdict.FAIL, *ENDS}),
    FailOn.GAP: frozenset({Verdict.GAP}),
    FailOn.KNOWN: frozenset({Verdict.KNOWN}),
    FailOn.UNSTABLE: frozenset({Verdict.UNSTABLE}),
    FailOn.NOT_SHOWN: frozenset({Verdict.NOT_SHOWN}),
}
"""The verdicts of each choice."""


@dataclass(frozen=True)
class Gate:
    """The exit code of a run, and what it rests on.

    `failing` counts the results by the verdicts that make the run fail. `missing` says what the run
    lacks to be complete, and `unmet` which requirement is not met and why, a sentence each.
    `outdated` are the witnesses that no longer show what the list of known issues says.
    """

    exit_code: int
    failing: Mapping[Verdict, int]
    missing: tuple[str, ...]
    unmet: tuple[str, ...]
    outdated: tuple[Witness, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the run does not pass, apart from failures and harness errors, a sentence each."""
        chosen = self.failing.keys() - VERDICTS[FailOn.FAIL]
        counts = (
            f"the run fails on {verdict}: {_results(n)}"
            for verdict, n in self.failing.items()
            if verdict in chosen
        )
        return (*self.missing, *counts, *self.unmet)


def gate(run: Run) -> Gate:
    """Return whether the run passes the policy in its header."""
    policy = run.header.policy
    counted = Counter(v for one in run.results for v in _verdicts(one) & failing(policy))
    unmet = tuple(_unmet(run, policy.require))
    missing = tuple(_missing(run.header.shard)) if not run.complete else ()
    errors = any(Verdict.HARNESS_ERROR in _verdicts(one) for one in run.results)
    outdated = tuple(one for one in run.witnesses if one.status is not WitnessStatus.STILL_FAILS)
    code = FINDINGS if counted or unmet or outdated else NOTHING_UNEXPECTED
    code = NOT_FINISHED if errors or not run.complete else code
    return Gate(code, counted, missing, unmet, outdated)


def failing(policy: Policy) -> frozenset[Verdict]:
    """Return the verdicts that make a run end with exit code 1; failures always do."""
    chosen = {FailOn.FAIL, *policy.fail_on}
    return frozenset[Verdict]().union(*(VERDICTS[one] for one in chosen))


def fails(result: Result, policy: Policy) -> bool:
    """Return whether the result alone makes a run fail; a harness error always does."""
    return bool(_verdicts(result) & {*failing(policy), Verdict.HARNESS_ERROR})


def _verdicts(result: Result) -> frozenset[Verdict]:
    return frozenset({result.verdict, *result.tally})


def _missing(shard: Shard | None) -> Iterator[str]:
    """Yield the missing parts of a merged run; a part by itself may be complete."""
    if shard is not None:
        yield from (f"shard {number} of {shard.of} is missing" for number in shard.missing)


def _unmet(run: Run, required: Sequence[Requirement]) -> Iterator[str]:
    for one in required:
        yield from (f"required {one.text} is not met: {why}" for why in _why_not(run, one))


def _why_not(run: Run, required: Requirement) -> Iterator[str]:
    """Yield where and why the requirement is not met.

    Without results of the check there, it is not met, except in a part of a run: the other parts
    may have them.
    """
    there = [one for one in run.results if _speaks_of(required, one)]
    judged = [one for one in there if one.check == required.check]
    for result in judged:
        if result.verdict is not Verdict.PASS:
            yield f"{' '.join(result.group)}: {_told(result)}"
    without = {one.group for one in there} - {one.group for one in judged}
    if required.path and without:
        yield from (f"{' '.join(group)}: no result" for group in sorted(without))
    elif not judged and not (run.header.shard and run.header.shard.missing):
        yield "no result"


def _speaks_of(required: Requirement, result: Result) -> bool:
    wanted = ((required.path, result.path), (required.subject, result.subject))
    return all(name in ("", found) for name, found in wanted)


def _told(result: Result) -> str:
    if result.verdict in SHOWN_NOTHING:
        return f"{result.verdict}, no example could have failed"
    return f"{result.verdict} in {result.tally[result.verdict]} of {result.judged} judged examples"


def _results(number: int) -> str:
    return f"{number} result{'s' * (number != 1)}"
