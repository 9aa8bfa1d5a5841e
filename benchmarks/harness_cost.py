"""The harness's own time for an example, without the subject's calls."""

from time import process_time
from typing import NamedTuple

from benchmarks import timed_subject
from benchmarks.figures import Figure, cost
from benchmarks.generated import examine_many
from saveproof.conformance.campaigns.worker import examine
from saveproof.strategies.cases import cases

GOAL = 0.005
PATH = "h5"


class InThisProcess:
    """Runs cases in this process, whose processor time is measured; probes may start others."""

    def call(self, request: bytes, *, seconds: float) -> bytes:  # noqa: ARG002 (a child has limits)
        """Return the encoded report."""
        return examine(request)


class Cost(NamedTuple):
    """Processor time for an example in seconds: the harness's own, and the adapter's snapshots."""

    own: float
    snapshots: float


def figures(*, examples: int = 100, rounds: int = 5) -> list[Figure]:
    """Measure generation, encoding, recording and judging in this process, with all layers."""
    _measure(10, seed=0)
    costs = [_measure(examples, seed=1 + number) for number in range(rounds)]
    return [
        cost("harness's own time for an example", [c.own for c in costs], at_most=GOAL),
        cost("the same with snapshots of the reference", [c.own + c.snapshots for c in costs]),
    ]


def _measure(examples: int, *, seed: int) -> Cost:
    spent = timed_subject.reference().watch.spent
    spent.clear()
    start = process_time()
    examine_many(timed_subject.SPEC, [PATH], cases(), InThisProcess(), examples=examples, seed=seed)
    total = process_time() - start
    return Cost((total - sum(spent.values())) / examples, spent.get("snapshot", 0.0) / examples)
