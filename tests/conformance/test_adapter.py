"""Subjects that raise, tell nothing, or change what they were handed: none of them is a pass."""

import re
from collections import Counter

import numpy as np
import pytest

from examples.linear_class import Linear
from saveproof.conformance.campaigns.applicability import Applicability, as_errors
from saveproof.conformance.campaigns.plan import Example
from saveproof.conformance.campaigns.worker import Report
from saveproof.conformance.execution.adapter import Adapter, Misbehaved
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.reports.records import SHOWN_NOTHING, Verdict
from saveproof.strategies import data
from tests.conformance.test_checks import CASE

BROKEN = "tests.conformance.broken"


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("NeverPredicts", r"raised, saving apart, on 3 of 3 cases; .*builtins\.KeyError"),
        ("TrainsOnce", r"saving apart, on 3 of 3 cases; .*ZeroDivisionError: a second step"),
        ("NeverCompiles", "none of 3 cases was applicable; .*compiling raised TypeError: no way"),
        ("LogsNothing", r"expected a log of TrainOnBatch, found \[\]"),
        ("TellsNothing", "expected something of at least one facet, found nothing"),
        ("TellsOddly", r"optimizer slots: expected values by name, found \(1, 2\)"),
        ("TellsAlive", "weights: kernel: expected a copy, found the live array"),
        ("ChangesTheCase", "expected the case as it was handed out, found it changed"),
        ("ChangesTheRows", "expected the rows as they were handed out, found them changed"),
    ],
)
def test_a_broken_adapter_is_a_harness_error_that_says_why(subject, words, run):
    """However few the cases are: no run of it is green."""
    result = run(f"{BROKEN}:{subject}", examples=3)["round_trip_completes"]

    assert result.tally == {Verdict.HARNESS_ERROR: 3}
    assert re.search(words, result.findings[0].defect.message)


def test_an_adapter_that_raises_has_its_reason_counted_by_every_check_that_it_silences(run):
    results = run(f"{BROKEN}:TrainsOnce", examples=3)

    trajectory = results["resume_trajectory_is_identical"]
    assert trajectory.verdict is Verdict.NOT_SHOWN
    reasons = trajectory.reasons[Verdict.NOT_APPLICABLE]
    assert sum(reasons.values()) == trajectory.tally[Verdict.NOT_APPLICABLE] == 3
    assert all("ZeroDivisionError: a second step" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("subject", "patched"),
    [
        ("PatchesTheJudges", "checks.facets"),
        ("PatchesCode", "checks.facets"),
        ("PatchesTheAdapter", "execution.adapter"),
    ],
)
def test_a_subject_that_patches_the_judges_is_a_harness_error(subject, patched, run):
    result = run(f"{BROKEN}:{subject}", examples=3)["round_trip_completes"]

    assert result.verdict is Verdict.HARNESS_ERROR
    assert (
        f"expected saveproof.conformance.{patched} as it was" in result.findings[0].defect.message
    )


def test_outputs_and_losses_that_are_always_the_same_are_never_a_pass(run):
    results = run(f"{BROKEN}:AlwaysTheSame")

    for check in ("outputs_survive", "first_batch_loss_is_identical"):
        assert results[check].verdict is Verdict.NOT_SHOWN
        assert set(results[check].reasons) == {Verdict.VACUOUS}
    assert results["weights_survive"].verdict is Verdict.PASS


def test_a_check_that_judged_nothing_has_shown_nothing(run):
    """What the linear subject doesn't tell of can't be seen: that is no pass of its check."""
    results = run("examples.linear_class:Linear")

    assert results["rng_state_survives"].verdict in SHOWN_NOTHING
    assert results["non_trainable_state_survives"].verdict in SHOWN_NOTHING


EXAMPLE = Example(CASE, "0")


def silence(*, faults: int = 0, unsupported: int = 0) -> Applicability:
    """Return what was noted of so many cases."""
    noted = Applicability()
    for number in range(faults):
        noted.note(Report((), fault=f"resume raised ValueError: shape {number}"), EXAMPLE)
    for _ in range(unsupported):
        noted.note(Report((), unsupported="Dense layers only"), EXAMPLE)
    return noted


@pytest.mark.parametrize(
    ("faults", "unsupported", "cases", "told"),
    [
        (3, 0, 30, False),
        (4, 0, 30, True),
        (5, 0, 100, False),
        (6, 0, 100, True),
        (15, 0, 300, False),
        (5, 50, 100, True),
        (2, 28, 30, True),
        (0, 29, 30, False),
        (0, 30, 30, True),
        (0, 0, 0, False),
    ],
)
def test_more_than_a_few_faults_are_told_of(faults, unsupported, cases, told):
    """Of the cases that the subject did not declare unsupported."""
    silent = silence(faults=faults, unsupported=unsupported).of_all(cases)

    assert (silent is not None) is told


def test_faults_are_counted_by_what_they_have_in_common():
    silent = silence(faults=7).of_all(30)

    assert silent is not None
    assert silent.cases == 7
    assert "on 7 of 30 cases; 7 times: resume raised ValueError: shape 0" in (
        silent.judgement.defects[0].message
    )


def test_cases_that_are_harness_errors_are_those_that_said_least():
    tally = Counter({Verdict.FAIL: 1, Verdict.PASS: 5, Verdict.NOT_APPLICABLE: 2})

    assert as_errors(tally, 4) == {
        Verdict.FAIL: 1,
        Verdict.PASS: 3,
        Verdict.HARNESS_ERROR: 4,
    }


class Telling(Linear):
    """It tells what it is told to."""

    def __init__(self, *, outputs=None, logs=None, facets=None):
        self._told = (outputs, logs, facets)

    def predict(self, *_):
        return self._told[0]

    def perform(self, *_):
        return self._told[1]

    def snapshot(self, _):
        return Snapshot({Facet.WEIGHTS: self._told[2]})


def test_a_number_of_numpy_is_told_as_an_array():
    """Another process tells it so."""
    told = Adapter(Telling(facets={"steps": np.int64(3)})).snapshot(None)[Facet.WEIGHTS]

    assert isinstance(told["steps"], np.ndarray)
    assert told["steps"].dtype == np.int64


@pytest.mark.parametrize(
    "value", [(1, 2), {1, 2}, object(), np.array([object()]), [{1}], {"a": ()}]
)
def test_what_is_no_array_of_numbers_and_no_json_is_refused(value):
    with pytest.raises(Misbehaved, match="weights: odd: expected an array of numbers, or a JSON"):
        Adapter(Telling(facets={"odd": value})).snapshot(None, closely=True)


@pytest.mark.parametrize("outputs", [[], ["none", None], [object()]])
def test_outputs_that_are_no_arrays_of_numbers_are_refused(outputs):
    with pytest.raises(Misbehaved, match="predict: expected arrays of numbers"):
        Adapter(Telling(outputs=outputs)).predict(None, data.probe(CASE))


@pytest.mark.parametrize("logs", [3, "loss", [3], {"loss": 1.0}, None, [{}]])
def test_training_that_tells_no_logs_is_refused(logs):
    event = CASE.history.before[0]
    with pytest.raises(Misbehaved, match="perform: expected"):
        Adapter(Telling(logs=logs)).perform(None, event, data.rows(CASE, 0))


def test_outputs_are_copies():
    buffer = np.zeros(3)
    (output,) = Adapter(Telling(outputs=[buffer])).predict(None, data.probe(CASE))

    assert not np.shares_memory(output, buffer)
