"""What a defect is called, and what a line says of it."""

import msgspec
import pytest
from msgspec.structs import replace

from saveproof.reports.findings import Change, Defect, DefectKind
from tests.conformance.defects import log, of_kind, output, raised, state, trained_state


@pytest.mark.parametrize(
    ("defect", "key", "title"),
    [
        (
            log(origin=state("RNG state", "dropout/0", place="Sequential/Dropout/")),
            "resume: first step loss, from RNG state: Sequential/Dropout value",
            "loss differs in step 1, from RNG state (Sequential/Dropout): another value",
        ),
        (
            state("RNG state", "dropout_1/0", place="Dropout/"),
            "RNG state: Dropout value",
            "RNG state (Dropout): another value",
        ),
        (state("metric state", "0 loss/1"), "metric state: lost", "metric state: lost"),
        (
            state("optimizer slots", "1 m", "missing", place="m", frozen_since_compile=True),
            "optimizer slots: m lost after freezing without compile",
            "optimizer slots (m): lost after freezing without compile",
        ),
        (state("optimizer slots", "4 "), "optimizer slots: lost", "optimizer slots: lost"),
        (
            state("architecture", "layers/0/name", Change.ORDER, place="name"),
            "architecture: name order",
            "architecture (name): another order",
        ),
        (
            trained_state("weights", step=2, optimizer="Nadam", before_first_average=True),
            "resume: later step weights with Nadam before its first average",
            "different weights after step 2 with Nadam before its first average",
        ),
        (
            raised("load", words="Could not read …"),
            "load: raised builtins.ValueError: Could not read …",
            "load raised builtins.ValueError: Could not read …",
        ),
        (
            raised(
                "resume", "E", "Unknown variable: …", origin=state("optimizer slots", place="m")
            ),
            "resume: raised E: Unknown variable: …, from optimizer slots: m lost",
            "the loaded model raised E: Unknown variable: …, from optimizer slots (m): lost",
        ),
        (
            of_kind(DefectKind.NOT_REFUSED),
            "refusal: missing",
            "a model that must be refused was accepted",
        ),
        (output(), "outputs: value", "output 0 differs"),
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
    assert defect.title.startswith(defect.message) or kind is DefectKind.STATE


@pytest.mark.parametrize("defect", [output(), log(), trained_state("weights")])
@pytest.mark.parametrize(
    ("distance", "magnitude", "end"),
    [
        (0.00777, 1.131, " by up to 0.0078 (expected values up to 1.1)"),
        (0.0, 1.0, ""),
        (None, None, ""),
    ],
)
def test_a_difference_of_numbers_says_how_great_it_is(defect, distance, magnitude, end):
    difference = replace(defect.difference, distance=distance, magnitude=magnitude)

    assert replace(defect, difference=difference).title == defect.title + end


def test_what_follows_from_a_loss_does_not_say_how_great_it_is():
    difference = replace(output().difference, distance=1.0, magnitude=2.0)
    defect = output(origin=state("weights", place="Dense/kernel"))

    assert replace(defect, difference=difference).title == defect.title


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
