import pytest
from msgspec.structs import replace

from saveproof.reports.keys import Loss, loss, told


@pytest.mark.parametrize(
    ("key", "message", "line"),
    [
        (
            "resume: first step loss, from RNG state: Sequential/Dropout value",
            "loss differs in step 1",
            "loss differs in step 1, from RNG state (Sequential/Dropout): another value",
        ),
        (
            "RNG state: Dropout value",
            "RNG state: dropout_1/0 (value)",
            "RNG state (Dropout): another value",
        ),
        ("metric state: lost", "metric state: 0 loss/1 (value)", "metric state: lost"),
        (
            "optimizer slots: m lost after freezing without compile",
            "optimizer slots: 1 m (missing)",
            "optimizer slots (m): lost after freezing without compile",
        ),
        ("optimizer slots:  lost", "optimizer slots: 4  (missing)", "optimizer slots: lost"),
        (
            "resume: later step weights with Nadam",
            "weights part in step 2",
            "weights part in step 2 with Nadam",
        ),
        (
            "load: raised builtins.ValueError: Could not read …",
            "load raised builtins.ValueError",
            "load raised builtins.ValueError: Could not read …",
        ),
        (
            "resume: raised E: Unknown variable: …, from optimizer slots: m lost",
            "the loaded model raised E",
            "the loaded model raised E: Unknown variable: …, from optimizer slots (m): lost",
        ),
        (
            "refusal: missing",
            "what must be refused was accepted",
            "what must be refused was accepted",
        ),
        ("outputs: value", "output 0 differs", "output 0 differs"),
        (
            "crash: process died with signal 11",
            "process died with signal 11",
            "process died with signal 11",
        ),
        ("a key of somebody's own", "their message", "their message"),
    ],
)
def test_a_finding_is_told_with_what_its_key_adds(a_finding, key, message, line):
    assert told(a_finding(key, message=message)) == line


@pytest.mark.parametrize(
    ("expected", "found", "line"),
    [
        ("1.131413698", "1.123636364", "loss differs in step 1 by 0.0078 of 1.1"),
        ("[[1. -8.]\n [0. 2.]]", "[[1. -8.5]\n [0. 2.]]", "loss differs in step 1 by 0.5 of 8"),
        ("[1. ... 2.]", "[1. ... 3.]", "loss differs in step 1 by at least 1 of 2"),
        ("[1. ... 2.]", "[1. ... 2.]", "loss differs in step 1"),
        ("0.5", "nan", "loss differs in step 1"),
        ("[0.5]", "[0.5 0.5]", "loss differs in step 1"),
        ("7 entries", "5 entries", "loss differs in step 1"),
    ],
)
def test_a_difference_that_comes_of_no_loss_says_how_great_it_is(a_finding, expected, found, line):
    told_of = a_finding("resume: first step loss", message="loss differs in step 1")

    assert told(replace(told_of, expected=expected, found=found)) == line


def test_a_loss_names_the_state_the_place_and_the_difference(a_finding):
    finding = a_finding("resume: first step loss, from RNG state: GRU value")

    assert loss(finding) == Loss("RNG state", "GRU", "another value")


@pytest.mark.parametrize(
    "key",
    [
        "load: raised ValueError: unexpected value",
        "refusal: missing",
        "resume: first step loss",
    ],
)
def test_a_key_that_names_no_state_tells_of_no_loss(a_finding, key):
    """An error may say anything, the words of keys included."""
    assert loss(a_finding(key, message="load raised ValueError")) is None
