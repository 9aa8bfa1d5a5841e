"""Campaigns over the linear subjects."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from saveproof.conformance.campaigns.campaign import Campaign
from saveproof.conformance.campaigns.plan import Plan
from saveproof.conformance.campaigns.worker import EXAMINE
from saveproof.conformance.checks import ALL_CHECKS
from saveproof.conformance.processes.isolation import Child
from saveproof.reports.records import Result
from saveproof.strategies.case import Call, Case, Kind, TrainingHistory, TrainOnBatch
from saveproof.strategies.cases import cases


def _linear(case: Case) -> Case:
    """Return the case with what the linear subjects can do: one Dense layer, trained on batches.

    The last one, which has as many units as there are classes; of no fixed number of samples, as
    its batches may be others than the case's.
    """
    dense = [layer for layer in case.architecture.layers if layer.class_name == "Dense"][-1]
    given = replace(case.architecture.inputs[0], shape=(4,), batch_size=None)
    architecture = replace(
        case.architecture,
        inputs=(given,),
        layers=(dense,),
        calls=(Call(layer=dense.name, inputs=(given.name,), output=dense.name),),
        outputs=(dense.name,),
    )
    before, after = (
        tuple(event for event in events if isinstance(event, TrainOnBatch))
        for events in (case.history.before, case.history.after)
    )
    history = TrainingHistory(before=before or (ONE_BATCH,), after=after)
    return replace(case, architecture=architecture, history=history)


EVERY_CHECK = frozenset(check.name for check in ALL_CHECKS)

ONE_BATCH = TrainOnBatch(steps=1, batch_size=2)
LINEAR_CASES = cases(kinds=(Kind.SEQUENTIAL,), layers=("Dense",), max_layers=1).map(_linear)

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
