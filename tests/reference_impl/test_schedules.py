import numpy as np
import pytest

from saveproof.reference_impl import schedules
from saveproof.reference_impl.catalogue import UnknownNameError

WORKED = [
    (schedules.ExponentialDecay(1.0, 2, 0.25), {0: 1.0, 1: 0.5, 2: 0.25}),
    (schedules.ExponentialDecay(1.0, 2, 0.25, staircase=True), {0: 1.0, 1: 1.0, 2: 0.25}),
    (schedules.InverseTimeDecay(1.0, 2, 2.0), {0: 1.0, 1: 0.5, 3: 0.25}),
    (schedules.InverseTimeDecay(1.0, 2, 2.0, staircase=True), {1: 1.0, 2: 1 / 3}),
    (schedules.PiecewiseConstantDecay([2, 4], [1.0, 0.5, 0.25]), {2: 1.0, 3: 0.5, 5: 0.25}),
    (schedules.PolynomialDecay(1.0, 4, 0.5, power=2.0), {0: 1.0, 2: 0.625, 4: 0.5, 9: 0.5}),
    (schedules.PolynomialDecay(1.0, 4, 0.0, cycle=True), {0: 1.0, 2: 0.5, 4: 0.0, 6: 0.25}),
    (schedules.CosineDecay(1.0, 4, alpha=0.5), {0: 1.0, 2: 0.75, 4: 0.5, 9: 0.5}),
    (
        schedules.CosineDecay(0.5, 4, warmup_target=1.0, warmup_steps=2),
        {0: 0.5, 1: 0.75, 2: 1.0, 4: 0.5, 6: 0.0},
    ),
    # periods of 2, 4 and 8 steps
    (schedules.CosineDecayRestarts(1.0, 2, m_mul=0.5), {0: 1.0, 1: 0.5, 2: 0.5, 4: 0.25}),
    (schedules.CosineDecayRestarts(1.0, 2, t_mul=1.0), {1: 0.5, 2: 1.0, 3: 0.5, 4: 1.0}),
]
IDS = [f"{type(schedule).__name__}{i}" for i, (schedule, _) in enumerate(WORKED)]


@pytest.mark.parametrize(("schedule", "rates"), WORKED, ids=IDS)
def test_worked_rates_come_out(schedule, rates):
    assert {step: schedule(step) for step in rates} == pytest.approx(rates, abs=1e-6)


@pytest.mark.parametrize(("schedule", "rates"), WORKED, ids=IDS)
def test_a_schedule_comes_back_from_its_entry(schedule, rates):
    back = schedules.deserialize(schedules.serialize(schedule))

    assert type(back) is type(schedule)
    assert back.get_config() == schedule.get_config()
    assert [back(step) for step in rates] == [schedule(step) for step in rates]


@pytest.mark.parametrize(("schedule", "rates"), WORKED, ids=IDS)
def test_rates_are_float32(schedule, rates):
    assert all(type(schedule(np.int64(step))) is np.float32 for step in rates)


def test_as_many_values_as_boundaries_are_refused():
    with pytest.raises(ValueError, match="2 boundaries and 2 values"):
        schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2])


def test_an_unknown_schedule_is_refused():
    with pytest.raises(UnknownNameError, match="CosineDecay"):
        schedules.deserialize({"class_name": "Sawtooth", "config": {}})
