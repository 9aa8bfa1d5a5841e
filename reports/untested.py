"""What a run did not test, in words: figures by namespace, and the reasons."""

from collections.abc import Iterator, Sequence

from saveproof.reports.coverage import (
    NOT_TESTED,
    Coverage,
    Figures,
    Namespace,
    Reach,
    ReachState,
    rate_bound,
)
from saveproof.reports.summary import counted

TITLE = "Not tested"

MEANING = (
    "Strata (classes, arguments, events and features) that no judged example had. An example "
    "counts once for each save path. After n judged examples of a stratum without a failure, the "
    "rate at which it fails is at most the bound, with a probability of 95 %: 1 - 0.05^(1/n), "
    "near 3/n."
)

MOST_NAMES = 4
"""Names that a line gives, of strata with one reason."""


def reached(coverage: Coverage) -> str:
    """Return how many classes and arguments a run reached of those that a subject exports."""
    rows = {"classes": coverage.classes, "arguments": coverage.arguments}
    of = " of {:,}" if coverage.exports else ""
    told = (f"{name} {f.reached:,}{of.format(f.exported)}" for name, f in rows.items())
    return f"{coverage.subject}: {', '.join(told)} reached"


def untested(coverage: Coverage) -> str:
    """Return in one line how many classes, arguments, events and features were not tested."""
    counts = coverage.every.states
    states = [f"{counts[state]:,} {state}" for state in NOT_TESTED if counts.get(state)]
    return f"not tested: {', '.join(states) or 'nothing that is known'}"


def share(of: Figures) -> str:
    """Return how many strata are reached, of how many."""
    return f"{of.reached} of {of.exported}"


def rate(bound: float) -> str:
    """Return a bound on a failure rate in per cent, with two digits."""
    return f"{bound * 100:.2g} %"


def bounds(room: Namespace) -> str:
    """Return the smallest and the median number of examples without a failure, with the bounds."""
    numbers = {"smallest": room.smallest, "median": room.median}
    return ", ".join(f"{name} n = {n}: {rate(rate_bound(n))}" for name, n in numbers.items() if n)


def why_not(of: Figures) -> Iterator[tuple[ReachState, str, Sequence[str]]]:
    """Yield the strata that were not tested by state and reason, and their names."""
    for state, reasons in of.reasons.items():
        for why, names in reasons.items():
            yield state, why, names


def listed(names: Sequence[str], *, most: int = MOST_NAMES) -> str:
    """Return names in one line, and how many more there are."""
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {counted(left, 'more', 'more')}" if left > 0 else "")


def examples(one: Reach) -> str:
    """Return a reached stratum's examples: the bound after n of them, or how many failed."""
    if one.bound is None:
        return f"{one.failed} of {one.judged} failed"
    return f"n = {one.judged}: at most {rate(one.bound)}"
