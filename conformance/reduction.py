"""Reduction: the smallest case to show a defect that Hypothesis finds in the time that it has."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import msgspec
from hypothesis import Phase

from conformance.checks import Defect
from conformance.plan import Batch, Plan
from reports.records import Finding, Verdict
from strategies.case import Case, to_json
from strategies.drawing import drawing


class Shown(NamedTuple):
    """A case, and the defect as it shows on it."""

    case: Case
    defect: Defect

    def finding(self, key: str, verdict: Verdict, *, known: str) -> Finding:
        """Return it as a run's file has it."""
        return Finding(
            key=key,
            message=self.defect.message,
            where=self.defect.difference.where,
            expected=self.defect.difference.expected,
            found=self.defect.difference.found,
            case_id=self.case.id,
            case=msgspec.json.decode(to_json(self.case)),
            drawing=drawing(self.case),
            traceback=self.defect.traceback,
            known=known,
            verdict=verdict,
        )


class _Found(Exception):
    """The case shows the defect that is being reduced."""


class _OutOfTime(BaseException):
    """The time for reducing is up; no `Exception`, which Hypothesis would take for a finding."""


def reduce(
    plan: Plan,
    batch: Batch,
    first: Shown,
    shows: Callable[[Case], Defect | None],
    keep: Callable[[Shown], None],
    *,
    deadline: float,
) -> None:
    """Run the batch again, raising on this defect alone, so that Hypothesis reduces it.

    `shows` says how the defect shows on a case, if it does; `keep` is called with each smaller
    case, so that an interrupt loses none. `deadline` is of `time.monotonic`.
    """
    seen: dict[str, Defect | None] = {first.case.id: first.defect}

    def test(generated: Case) -> None:
        case = plan.own(generated)
        if case.id not in seen:
            if time.monotonic() > deadline:
                raise _OutOfTime
            seen[case.id] = shows(case)
        defect = seen[case.id]
        if defect is not None:
            keep(Shown(case, defect))
            raise _Found

    with suppress(_Found, _OutOfTime):
        plan.generate(batch, test, Phase.generate, Phase.shrink)
