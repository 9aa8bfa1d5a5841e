"""What a defect is called, and what a line says of it."""

import msgspec
import pytest
from msgspec.structs import replace

from saveproof.reports.findings import LONGEST, Change, Defect, DefectKind, Element
from tests.conformance.defects import log, of_kind, output, raised, state, trained_state


@pytest.mark.parametrize(
    ("defect", "key", "title"),
    [
        (
            log(origin=state("RNG state", "dropout/0", place="Sequential/Dropout/")),
            "resume: first step loss, from RNG state: Sequential/Dropout value",
            "loss at step 1: another value, after the load lost RNG state (Sequential/Dropout)",
        ),
        (
            state("RNG state", "dropout_1/0", place="Dropout/"),
            "RNG state: Dropout value",
            "RNG state (Dropout) after the load: another value",
        ),
        (
            state("metric state", "0 loss/1"),
            "metric state: lost",
            "metric state after the load: another value",
        ),
        (
            state("RNG state", "dropout/0", place="Dropout/", action="saved"),
            "RNG state: Dropout value",
            "RNG state (Dropout) after the save: another value",
        ),
        (
            state("optimizer slots", "1 m", "missing", place="m", frozen_since_compile=True),
            "optimizer slots: m lost after freezing without compile",
            "optimizer slots (m) after the load: missing, after freezing without compile",
        ),
        (
            state("optimizer slots", "4 "),
            "optimizer slots: lost",
            "optimizer slots after the load: another value",
        ),
        (
            state("architecture", "layers/0/name", Change.ORDER, place="name"),
            "architecture: name order",
            "architecture (name) after the load: another order",
        ),
        (
            trained_state("weights", step=2, optimizer="Nadam", before_first_average=True),
            "resume: later step weights with Nadam before its first average",
            "weights after step 2: another value, with Nadam before its first average",
        ),
        (
            raised("load", words="Could not read …"),
            "load: raised builtins.ValueError: Could not read …",
            "load raised ValueError: Could not read …",
        ),
        (
            raised("resume", "E", "Unknown …", origin=state("optimizer slots", place="m")),
            "resume: raised E: Unknown …, from optimizer slots: m lost",
            "the loaded model raised E: Unknown …, after the load lost optimizer slots (m)",
        ),
        (
            of_kind(DefectKind.NOT_REFUSED),
            "refusal: missing",
            "a model that must be refused was accepted",
        ),
        (output(), "outputs: value", "output 0: another value"),
        (
            of_kind(DefectKind.ENDED, name="crash", words="process died with signal 11" * 9),
            f"crash: {('process died with signal 11' * 9)[:80]}",
            "process died with signal 11" * 9,
        ),
    ],
)
def test_a_defect_has_a_key_for_every_case_and_a_line(defect, key, title):
    assert (defect.key, defect.title) == (key, title)


@pytest.mark.parametrize("kind", DefectKind)
def test_every_kind_has_its_words(kind):
    defect = of_kind(kind, "place", name="name", facet="weights", words="words")

    assert defect.key
    assert defect.title.startswith(defect.message)


def expecting(defect, expected, found, element=None):
    """Return the defect with these values."""
    seen = replace(defect.difference, expected=expected, found=found, element=element)
    return replace(defect, difference=seen)


def test_a_title_says_what_was_expected_and_what_was_found():
    defect = expecting(log(), "1.0999999", "1.0922", Element("1.1", "1.0922"))

    assert defect.title == "loss at step 1: expected 1.1, got 1.0922"


def test_a_title_names_the_element_of_an_array_that_differs_most():
    element = Element("0.5", "0.25", "[0, 2]", 3, 12)
    defect = expecting(state("weights", place="Dense/kernel"), "[[...]]", "[[...]]", element)

    assert defect.title == "weights (Dense/kernel) after the load [0, 2]: expected 0.5, got 0.25"


def test_a_missing_entry_says_how_many_there_were():
    defect = expecting(state("weights", "k", "missing", place="D/k"), "5 entries", "1 entries")

    assert defect.title == (
        "weights (D/k) after the load: missing: expected 5 entries, got 1 entries"
    )


def test_a_value_on_several_lines_takes_one_line_of_a_title():
    defect = expecting(state("weights"), "[1\n  2]", "[3\n  4]")

    assert defect.title.endswith("expected [1 2], got [3 4]")


def test_a_value_too_long_for_a_title_is_left_to_the_finding():
    defect = expecting(state("architecture", place="layers"), "x" * (LONGEST + 1), "y")

    assert defect.title == "architecture (layers) after the load: another value"


def test_a_raised_error_says_its_real_message_and_no_module():
    """The key keeps the words without what varies; the title has the smallest case's own."""
    defect = raised("load", words="Unknown variable: …", said="Unknown variable: <dense/kernel>")

    assert defect.title == "load raised ValueError: Unknown variable: <dense/kernel>"
    assert defect.key == "load: raised builtins.ValueError: Unknown variable: …"


@pytest.mark.parametrize(
    ("defect", "where"),
    [
        (state("weights", "dense/0 kernel"), "dense/0 kernel"),
        (log(step=2), "step 2 (TrainOnBatch): loss"),
        (trained_state("weights", "dense/0 kernel"), "step 1: weights: dense/0 kernel"),
    ],
)
def test_a_place_in_training_has_its_step(defect, where):
    assert defect.where == where


def test_the_lost_state_is_the_defect_itself_or_its_origin():
    rng = state("RNG state", place="GRU/")

    assert rng.lost_state == rng
    assert log(origin=rng).lost_state == rng
    assert raised("load", words="RNG state: unexpected value").lost_state is None
    assert trained_state("weights").lost_state is None


def test_a_defect_is_written_down_and_read_again():
    defect = log(origin=state("weights", "dense/0 kernel", place="Dense/kernel"), optimizer="SGD")

    assert msgspec.json.decode(msgspec.json.encode(defect), type=Defect) == defect
