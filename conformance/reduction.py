"""Reduction: the smallest case to show a defect that Hypothesis finds in the time that it has."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from hypothesis import Phase

from conformance.checks import Defect
from conformance.plan import Batch, Plan
from strategies.case import Case


class Shown(NamedTuple):
    """A case, and the defect as it shows on it."""

    case: Case
    defect: Defect


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
