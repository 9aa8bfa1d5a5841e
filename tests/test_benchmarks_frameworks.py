"""Each comparison with a real framework runs; how fast anything is, no test holds."""

from importlib import import_module

import pytest

from benchmarks.real_subjects import GOALS, figures
from benchmarks.weight_files import FORMATS

pytestmark = pytest.mark.frameworks


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: f"{goal.subject}/{goal.path}")
def test_a_real_subject_is_measured_against_a_test_as_usually_written(goal):
    same, drawn, alone, whole = figures([goal], examples=1, warm_up=1, rounds=1)

    assert float(same.ratio) > 0
    assert same.goal == f">= {goal.at_least:g}"
    for other in (drawn, alone, whole):
        assert float(other.ratio) > 0
        assert not other.goal


def test_every_format_is_measured_against_raw_files_and_other_libraries():
    pytest.importorskip("safetensors")
    throughput = import_module("benchmarks.throughput")
    measured = throughput.figures(units=4, rounds=1)

    others = [*throughput.PROGRAMS, "tf_keras"]
    assert len(measured) == len(FORMATS) * len(others) * len(("write", "read"))
    assert all(float(figure.ratio) > 0 for figure in measured)
