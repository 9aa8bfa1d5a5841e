"""Each benchmark measures and tells; how fast anything is, no test holds."""

import math
import subprocess
import sys
from statistics import mean

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from benchmarks import figures, generation, harness_cost, numpy_loop, reference_hdf5
from benchmarks.__main__ import BENCHMARKS
from benchmarks.average_test import NETWORKS
from benchmarks.real_subjects import MLPS
from saveproof.strategies.case import Architecture


def test_the_ratio_is_the_median_of_the_ratios_of_the_rounds():
    figure = figures.ratio("ours / theirs", [(2.0, 1.0), (30.0, 10.0), (8.0, 2.0)], at_least=3)

    assert (figure.ours, figure.theirs, figure.ratio) == ("8/s", "2/s", "3.00")
    assert figure.met


def test_a_missed_goal_stands_out_in_the_table():
    met = figures.cost("cheap", [0.001], at_most=0.005)
    missed = figures.cost("dear", [0.01], at_most=0.005)

    lines = figures.table([met, missed]).splitlines()

    assert lines[1].endswith("yes")
    assert lines[2].endswith("NO")
    assert "10.0 ms" in lines[2]


def test_the_sides_are_measured_in_turns():
    order: list[str] = []

    def side(name: str) -> float:
        order.append(name)
        return 1.0

    figures.in_turns(lambda: side("A"), lambda: side("B"), 2)

    assert order == ["A", "B", "A", "B"]


def test_the_models_compared_are_of_one_size():
    ours = _mean(MLPS.map(lambda case: _size(case.architecture)))
    by_hand = _mean(NETWORKS.map(lambda drawn: 1 + len(drawn.widths) + 1))

    assert ours == pytest.approx(by_hand, rel=0.05)


def _mean(sizes: SearchStrategy[int]) -> float:
    drawn: list[int] = []

    @seed(0)
    @settings(
        max_examples=1000,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(sizes)
    def draw(size: int) -> None:
        drawn.append(size)

    draw()
    return mean(drawn)


def _size(architecture: Architecture) -> int:
    """Count inputs and layers, those in nested models too."""
    return len(architecture.inputs) + sum(1 for _ in architecture.every_layer())


def test_generation_is_measured():
    figure = generation.figures(examples=5, rounds=1)[0]

    assert float(figure.ratio) > 0


def test_the_reference_is_measured_against_the_loop_written_by_hand():
    figure = reference_hdf5.figures(examples=2, rounds=1)[0]

    assert float(figure.ratio) > 0


def test_both_sides_of_the_reference_benchmark_hold_their_property(tmp_path):
    for widths in reference_hdf5.WIDTHS:
        reference_hdf5.reference_holds(widths, 1, tmp_path)
        reference_hdf5.loop_holds(widths, 1, tmp_path)


def test_the_loop_written_by_hand_notices_a_lost_slot(tmp_path):
    model = numpy_loop.network((3, 4, 2), 0)
    x, y = reference_hdf5.data((3, 4, 2), 0)
    model.train(x, y)
    numpy_loop.save(model, tmp_path / "loop.h5")
    loaded = numpy_loop.load(tmp_path / "loop.h5")
    loaded.velocities[0][:] = 0

    losses = [(model.train(x, y), loaded.train(x, y)) for _ in range(2)]

    assert losses[0][0] == losses[0][1]
    assert losses[1][0] != losses[1][1]


def test_the_loop_written_by_hand_follows_the_gradient():
    """Its losses must fall, or it would be faster than any loop that trains."""
    model = numpy_loop.network((4, 8, 3), 0)
    x, y = reference_hdf5.data((4, 8, 3), 0)

    losses = [model.train(x, y) for _ in range(200)]

    assert losses[-1] < 0.8 * losses[0]


def test_the_cost_of_the_harness_is_measured():
    own, with_snapshots = harness_cost.figures(examples=3, rounds=1)

    assert 0 < _milliseconds(own.ours) < _milliseconds(with_snapshots.ours) < math.inf
    assert own.goal == "<= 5.0 ms"
    assert with_snapshots.met is None


def test_an_unknown_benchmark_is_refused_with_the_names_there_are(pytestconfig):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "speed"],
        cwd=pytestconfig.rootpath,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "found speed" in done.stderr
    assert all(name in done.stderr for name in BENCHMARKS)


def _milliseconds(cell: str) -> float:
    return float(cell.removesuffix(" ms"))
