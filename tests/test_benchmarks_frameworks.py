"""Each comparison with a real framework runs; how fast anything is, no test holds."""

import pytest

from benchmarks.real_subjects import GOALS, figures

pytestmark = pytest.mark.frameworks


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: f"{goal.subject}/{goal.path}")
def test_a_real_subject_is_measured_against_a_test_as_usually_written(goal):
    same, whole = figures([goal], examples=1, warm_up=1, rounds=1)

    assert float(same.ratio) > 0
    assert same.goal == f">= {goal.at_least:g}"
    assert float(whole.ratio) > 0
    assert not whole.goal
