"""Campaigns over the linear subjects."""

from collections.abc import Callable

import pytest

from conformance.campaign import Campaign
from conformance.examine import EXAMINE
from conformance.isolation import Child
from conformance.plan import Plan
from reports.records import Result
from strategies.case import Kind
from strategies.cases import cases

LINEAR_CASES = cases(kinds=(Kind.SEQUENTIAL,), layers=("Dense",), max_layers=1)

Run = Callable[..., dict[str, Result]]


@pytest.fixture
def run() -> Run:
    """Run a campaign of a few cases; return its results by check."""

    def run(
        subject: str, *, path: str = "npz", examples: int = 12, timeout: float = 30.0, seed: int = 0
    ) -> dict[str, Result]:
        plan = Plan(
            subject,
            path,
            "sequential",
            LINEAR_CASES,
            examples=examples,
            timeout=timeout,
            seed=seed,
            shrink_seconds=5.0,
        )
        with Child(EXAMINE) as child:
            return {r.check: r for r in Campaign(plan, child, lambda _: None).run()}

    return run
