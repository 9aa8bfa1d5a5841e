"""Keys of defects: alike for every case that shows a defect, and for no other."""

from dataclasses import replace

import pytest
from msgspec.structs import replace as replace_fields

from saveproof.conformance.checks import judge
from saveproof.conformance.checks.check import raised_defect
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.conformance.model_state.trace import Raised, Stage, Trace
from saveproof.reports.records import Verdict
from saveproof.strategies.case import CompileSettings, Object, Recompile
from tests.conformance.test_checks import CASE, EVERYTHING, GOOD, keys, snapshot, trajectory


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
        "resume: metric share",
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


def raised_in_training(function="optimizer.Optimizer.apply"):
    """Return the trace of a loaded model that raises in its first step."""
    raised = Raised(Stage.RESUME, "builtins.ValueError", "no such name", "", function=function)
    return replace(GOOD, resumed=replace(GOOD.resumed, steps=(), raised=raised))


def test_one_error_raised_by_two_functions_is_two_defects():
    keys_by_function = [
        keys(raised_in_training(function), "first_batch_loss_is_identical")
        for function in ("h5.save_weights", "h5.save_optimizer", "h5.save_weights")
    ]

    assert keys_by_function[0] == {
        "resume: raised builtins.ValueError: no such name in h5.save_weights"
    }
    assert keys_by_function[0] == keys_by_function[2] != keys_by_function[1]


@pytest.mark.parametrize("lost", [Facet.SLOTS, Facet.COMPILE])
def test_an_error_in_the_first_step_is_reported_once_whatever_was_lost(lost):
    loaded = Snapshot({**GOOD.loaded.facets, lost: snapshot(7)[lost]})
    found = {j.check: j for j in judge(replace(raised_in_training(), loaded=loaded))}

    assert [d.origin for d in found["first_batch_loss_is_identical"].defects] == [None]
    assert found["resume_trajectory_is_identical"].verdict is Verdict.NOT_APPLICABLE
    assert "see first_batch_loss" in found["resume_trajectory_is_identical"].reason


def test_an_error_in_computing_outputs_is_reported_by_the_check_of_outputs_alone():
    trace = raised_in_training()
    found = {j.check: j for j in judge(replace(trace, resumed=replace(trace.resumed, outputs=())))}

    assert len(found["outputs_survive"].defects) == 1
    for check in ("first_batch_loss_is_identical", "resume_trajectory_is_identical"):
        assert found[check].verdict is Verdict.NOT_APPLICABLE
        assert "see outputs_survive" in found[check].reason


def with_metrics(*metrics, optimizer="Adam"):
    """Return the trace of a case with these metrics, in which only they differ in each step."""
    settings = CompileSettings(
        Object(optimizer, {"learning_rate": 0.1}), ("mse", "mse"), (metrics, ())
    )
    case = replace_fields(CASE, settings=settings)

    def steps(value):
        logs = ({"a_share": value, "a_mae": value, "loss": 1.0},)
        return tuple(replace(step, logs=logs) for step in GOOD.original.steps)

    original = replace(GOOD.original, steps=steps(1.0))
    return replace(
        GOOD, case=case, original=original, resumed=replace(GOOD.resumed, steps=steps(2.0))
    )


@pytest.mark.parametrize("optimizer", ["Adam", "SGD"])
def test_a_metric_that_differs_is_one_defect_by_its_class_whatever_the_optimizer(optimizer):
    share = Object("CategoricalAccuracy", {"name": "share"})

    for check in ("first_batch_loss_is_identical", "resume_trajectory_is_identical"):
        found = keys(with_metrics(share, "mae", optimizer=optimizer), check)
        assert found == {"resume: metric CategoricalAccuracy"}


def test_a_loss_that_differs_is_named_before_a_metric_that_follows_from_it():
    steps = tuple(
        replace(step, logs=({"accuracy": 0.1, "loss": 9.0},)) for step in GOOD.resumed.steps
    )
    original = tuple(
        replace(step, logs=({"accuracy": 0.9, "loss": 1.0},)) for step in GOOD.original.steps
    )
    parted = replace(
        GOOD,
        original=replace(GOOD.original, steps=original),
        resumed=replace(GOOD.resumed, steps=steps),
    )

    assert keys(parted, "first_batch_loss_is_identical") == {"resume: first step loss"}


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
