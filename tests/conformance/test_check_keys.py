"""Keys of defects: alike for every case that shows a defect, and for no other."""

from dataclasses import replace

import pytest

from conformance.trace import Raised, Stage, Trace
from tests.conformance.test_checks import CASE, EVERYTHING, GOOD, keys


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("no 'kernel' in layer_12 here\nmore", "no … in … here"),
        (
            "in user code:\n\n  File x\n  ValueError: called\n\n    ValueError: 'w/ö/' is no name",
            "… is no name",
        ),
    ],
)
def test_an_exception_is_named_by_its_words_wherever_it_was_raised(message, said):
    trace = Trace(CASE, "h5", EVERYTHING, frozenset(), raised=Raised(Stage.SAVE, "E", message, ""))

    assert keys(trace, "round_trip_completes") == {f"save: raised E: {said}"}


def test_a_metric_that_comes_back_renamed_is_no_loss_that_differs():
    step = replace(GOOD.resumed.steps[0], logs=({"loss": 2, "renamed": 1},))
    renamed = replace(GOOD, resumed=replace(GOOD.resumed, steps=(step, *GOOD.resumed.steps[1:])))

    assert keys(renamed, "first_batch_loss_is_identical") == {"resume: first step log names"}
