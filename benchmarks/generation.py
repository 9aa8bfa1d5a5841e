"""Compares the generation of ten-node architectures with a Hypothesis composite of forty draws."""

from time import process_time

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from benchmarks.figures import Figure, in_turns, ratio
from saveproof.strategies.architectures import architectures

DRAWS = 40
NODES = 10
GOAL = 0.65
DIGITS = st.integers(0, 9)


@st.composite
def forty_draws(draw: st.DrawFn) -> list[int]:
    """Generate forty digits, one draw each; shrinks towards zeros."""
    return [draw(DIGITS) for _ in range(DRAWS)]


def figures(*, examples: int = 500, rounds: int = 7) -> list[Figure]:
    """Measure both in turns, in processor time."""
    ours = architectures(min_layers=NODES, max_layers=NODES)
    bare = forty_draws()
    pairs = in_turns(lambda: _rate(ours, examples), lambda: _rate(bare, examples), rounds)
    what = f"generate architectures of {NODES} nodes / a composite of {DRAWS} draws"
    return [ratio(what, pairs, at_least=GOAL)]


def _rate(strategy: st.SearchStrategy[object], examples: int) -> float:
    """Return the number of examples that Hypothesis generates from the strategy in a second."""
    count = 0

    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def run(_: object) -> None:
        nonlocal count
        count += 1

    start = process_time()
    run()
    return count / (process_time() - start)
