"""Generation of ten-node architectures against a bare Hypothesis composite of forty draws.

Run: `python -m benchmarks.generation`. Both are timed in turns, in processor time of one process;
the median of the rounds counts. The aim: at least 0.65 of the bare rate.
"""

from statistics import median
from time import process_time

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from strategies.architectures import architectures

EXAMPLES = 500
ROUNDS = 7
DRAWS = 40
NODES = 10
DIGITS = st.integers(0, 9)


@st.composite
def forty_draws(draw: st.DrawFn) -> list[int]:
    """Generate forty digits, one draw each; shrinks towards zeros."""
    return [draw(DIGITS) for _ in range(DRAWS)]


def rate(strategy: st.SearchStrategy[object]) -> float:
    """Return how many examples a second Hypothesis makes of the strategy, phases but one off."""
    count = 0

    @settings(
        max_examples=EXAMPLES,
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


def main() -> None:
    """Print both rates and their ratio."""
    ours = architectures(min_layers=NODES, max_layers=NODES)
    bare = forty_draws()
    pairs = [(rate(ours), rate(bare)) for _ in range(ROUNDS)]
    print(f"architectures of {NODES} nodes or more: {median(a for a, _ in pairs):8.0f} a second")
    print(f"bare composite of {DRAWS} draws:        {median(b for _, b in pairs):8.0f} a second")
    print(f"ratio: {median(a / b for a, b in pairs):.2f} (aim: at least 0.65)")


if __name__ == "__main__":
    main()
