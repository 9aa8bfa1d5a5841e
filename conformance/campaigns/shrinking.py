"""Shrinking: the smallest case of a defect that Hypothesis finds in the given time."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import msgspec
from hypothesis import Phase

from saveproof.conformance.campaigns.plan import Batch, Plan
from saveproof.conformance.checks import Unrepeated
from saveproof.reports.findings import Defect
from saveproof.reports.records import SEVERITY, Finding, Verdict
from saveproof.strategies.case import Case, to_json
from saveproof.strategies.drawing import drawing


class Shown(NamedTuple):
    """A case, with its defect and verdict, and the evidence of an unstable one.

    One defect may break a document's promise on one case and be a gap on another, where the check
    depends on state that no document promises.
    """

    case: Case
    defect: Defect
    verdict: Verdict
    evidence: Unrepeated | None = None

    def finding(self, *, known: str) -> Finding:
        """Return the finding for the run's record; `known` is the reason if it is expected."""
        return Finding(
            self.defect,
            case_id=self.case.id,
            case=msgspec.json.decode(to_json(self.case)),
            drawing=drawing(self.case),
            known=known,
            verdict=self.verdict,
            after=self.evidence.after if self.evidence else (),
            again=self.evidence.again if self.evidence else (),
        )

    def milder(self, other: "Shown") -> bool:
        """Return whether the defect is less severe here than on the other case."""
        return SEVERITY.index(self.verdict) > SEVERITY.index(other.verdict)


class _Found(Exception):
    """The case shows the defect that is being reduced."""


class _OutOfTime(BaseException):
    """The time for reducing is up; no `Exception`, which Hypothesis would take for a finding."""


def reduce(
    plan: Plan,
    batch: Batch,
    first: Shown,
    shows: Callable[[Case], Shown | None],
    keep: Callable[[Shown], None],
    *,
    deadline: float,
) -> None:
    """Run the batch again, raising on this defect alone, so that Hypothesis reduces it.

    `shows` returns the defect as a case shows it, if it does; `keep` is called with each smaller
    case, so that an interrupt loses none. `deadline` is of `time.monotonic`.
    """
    seen: dict[str, Shown | None] = {first.case.id: first}

    def test(generated: Case) -> None:
        case = plan.own(generated)
        if case.id not in seen:
            if time.monotonic() > deadline:
                raise _OutOfTime
            seen[case.id] = shows(case)
        shown = seen[case.id]
        if shown is not None:
            keep(shown)
            raise _Found

    with suppress(_Found, _OutOfTime):
        plan.generate(batch, test, Phase.generate, Phase.shrink)
