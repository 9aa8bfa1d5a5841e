"""`python -m benchmarks [NAME...]` runs the named benchmarks, or all, and prints a table."""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module

from benchmarks import generation, harness_cost, real_subjects, reference_hdf5
from benchmarks.figures import Figure, table


def _throughput() -> Sequence[Figure]:
    """Run the benchmark that needs safetensors; no other benchmark imports it."""
    figures: Sequence[Figure] = import_module("benchmarks.throughput").figures()
    return figures


BENCHMARKS: Mapping[str, Callable[[], Sequence[Figure]]] = {
    "generation": generation.figures,
    "reference_hdf5": reference_hdf5.figures,
    "harness_cost": harness_cost.figures,
    "throughput": _throughput,
    **{
        f"{goal.subject}/{goal.path}": partial(real_subjects.figures, (goal,))
        for goal in real_subjects.GOALS
    },
}
"""The benchmarks by name; throughput and those with a slash need frameworks."""


def main(names: Sequence[str]) -> None:
    """Run the benchmarks one after the other; print the table even if interrupted."""
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        sys.exit(f"expected benchmarks of {', '.join(BENCHMARKS)}, found {', '.join(unknown)}")
    figures: list[Figure] = []
    try:
        for name in names or BENCHMARKS:
            print(f"measuring {name}", file=sys.stderr, flush=True)
            figures += BENCHMARKS[name]()
    finally:
        print(table(figures))


if __name__ == "__main__":
    main(sys.argv[1:])
