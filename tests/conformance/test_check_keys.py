"""Keys of defects: alike for every case that shows a defect, and for no other."""

from dataclasses import replace

import pytest
from msgspec.structs import replace as replace_fields

from saveproof.conformance.checks.check import raised_defect
from saveproof.conformance.model_state.trace import Raised, Stage, Trace
from saveproof.strategies.case import CompileSettings, Object, Recompile
from tests.conformance.test_checks import CASE, EVERYTHING, GOOD, keys, trajectory


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

    said = {"resume: first step log names"}
    assert keys(renamed, "first_batch_loss_is_identical") == said
    assert keys(renamed, "resume_trajectory_is_identical") == said


def test_a_metric_that_comes_back_renamed_hides_no_other_difference():
    steps = tuple(replace(step, logs=({"renamed": 1},)) for step in trajectory(2, 4).steps)
    parted = replace(GOOD, resumed=replace(GOOD.resumed, steps=steps))

    assert keys(parted, "resume_trajectory_is_identical") == {
        "resume: first step log names",
        "resume: later step weights with Adam",
    }


def test_a_renamed_metric_hides_none_beside_it():
    def logging(**log):
        steps = tuple(replace(step, logs=(log,)) for step in GOOD.resumed.steps)
        return replace(GOOD.resumed, steps=steps)

    original, resumed = logging(mae=1.0, share=0.9), logging(mean=1.0, share=0.1)
    parted = replace(GOOD, original=original, resumed=resumed)

    assert keys(parted, "first_batch_loss_is_identical") == {
        "resume: first step log names",
        "resume: first step loss",
    }


@pytest.mark.parametrize(("use_ema", "said"), [(True, " before its first average"), (False, "")])
def test_averages_that_have_not_begun_are_told(use_ema, said):
    optimizer = Object("Adam", {"learning_rate": 0.1, "use_ema": use_ema})
    anew = Recompile(settings=CompileSettings(optimizer, ("mse", "mse")))
    before = (*CASE.history.before, anew)
    case = replace_fields(CASE, history=replace_fields(CASE.history, before=before))
    parted = replace(GOOD, case=case, resumed=trajectory(2, 4))

    assert keys(parted, "resume_trajectory_is_identical") == {
        f"resume: later step loss with Adam{said}"
    }


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("no axis 3\nof 2", "no axis 3"),
        ("A total of 2 objects failed:\n  dense: no kernel\n  gru: no bias",
         "A total of 2 objects failed: dense: no kernel"),
        ("Unknown variable: <k, value=[[ 0.46 -0.37 -0.19]\n [ 0.43 -0.83  0.54]]>. Recreate it.",
         "Unknown variable: <k, value=[…]>. Recreate it."),
        ('in user code:\n\n    File "a.py"\n\n    ValueError: real words', "real words"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_title_has_the_words_of_an_error_that_matter(message, said):
    error = Raised(Stage.LOAD, "builtins.ValueError", message, "")

    assert raised_defect(error, "load", where="load", expected="a model").said == said
