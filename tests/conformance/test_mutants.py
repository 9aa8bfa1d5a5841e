"""Mutants: the table, what killing one says, and a few that are really killed."""

from inspect import getmembers

import pytest

from saveproof.conformance.checks import ALL_CHECKS
from saveproof.conformance.families import subjects
from saveproof.conformance.mutants import MUTANTS, Mutant
from saveproof.conformance.mutants.__main__ import matrix
from saveproof.conformance.mutants.faults import (
    conduct,
    extremes,
    graphs,
    handling,
    layers,
    objects,
    optimizers,
    other_code,
    training,
    weights,
)
from saveproof.conformance.mutants.killing import Kill, kill, killers, mutants_job
from saveproof.conformance.runs import runner
from saveproof.reports.store import read

NAMES = {check.name for check in ALL_CHECKS}
FAULTS = {
    f"{module.__name__}:{name}"
    for module in (
        *(conduct, extremes, graphs, handling, layers, objects),
        *(optimizers, other_code, training, weights),
    )
    for name, member in getmembers(module)
    if hasattr(member, "cache_info") and member.__module__ == module.__name__
}


def test_every_check_is_the_target_of_a_mutant():
    """A check that kills no mutant is not yet proved to work."""
    targets = {target for mutant in MUTANTS.values() for target in mutant.targets}

    assert targets == NAMES


def test_every_fault_is_in_the_table_once():
    specs = [mutant.spec for mutant in MUTANTS.values()]

    assert sorted(specs) == sorted(FAULTS)


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_mutant_names_its_fault_in_a_sentence(mutant):
    assert mutant.fault.endswith(".")
    assert "\n" not in mutant.fault


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_mutant_lives_on_a_save_path_of_the_reference(mutant):
    assert mutant.path in {path.name for path in subjects.resolve("reference").paths()}


def test_running_mutants_leaves_the_reference_as_it_is(tmp_path):
    """A fault is committed where its subject is resolved, in a process of its own."""
    runner.run(mutants_job([MUTANTS["lost_slots"]], tmp_path, 2), "0", "-p", "no:terminal")

    by_subject = {result.subject: [] for result in read(tmp_path).results}
    for result in read(tmp_path).results:
        by_subject[result.subject] += result.findings
    assert not by_subject["reference"]
    assert by_subject[MUTANTS["lost_slots"].spec]
    assert not any(mutant.seed.cache_info().misses for mutant in MUTANTS.values())


def test_the_reference_is_tried_on_as_many_cases_as_any_mutant(tmp_path):
    mutants = [Mutant(MUTANTS["lost_slots"].seed, (), examples=n) for n in (30, 100)]

    campaigns = mutants_job(mutants, tmp_path).campaigns

    assert [one.examples for one in campaigns if one.subject == "reference"] == [100]


KILLED_SOON = (
    *("lost_slots", "iteration_reset", "refused_by_key", "saving_weights_rounds"),
    *(name for name, mutant in MUTANTS.items() if mutant.spec.startswith(conduct.__name__)),
)


@pytest.fixture(scope="module")
def kills():
    """The kills of a few mutants, each seen on few examples."""
    chosen = [MUTANTS[name] for name in KILLED_SOON]
    return {one.mutant.name: one for one in kill(chosen, examples=3)}


@pytest.mark.parametrize("name", KILLED_SOON)
def test_mutant_is_killed_by_its_targets(kills, name):
    assert not kills[name].survived


def test_lost_slots_leave_the_first_batch_as_it_was(kills):
    """The loss is computed before the update: DESIGN's reason for the trajectory."""
    assert "first_batch_loss_is_identical" not in kills["lost_slots"].checks


def test_mutant_that_its_target_does_not_find_survives():
    weak = Mutant(MUTANTS["iteration_reset"].seed, ("names_survive",))

    (one,) = kill([weak], examples=1)

    assert one.survived == ("names_survive",)


def killed(*checks):
    return Kill(MUTANTS["lost_averages"], checks)


def test_matrix_marks_who_killed_and_who_had_to():
    (row,) = [
        line
        for line in matrix([killed("names_survive")]).splitlines()
        if line.startswith("lost_averages")
    ]

    assert row.count("!") == 1
    assert row.count("x") == 1


def test_check_that_had_not_to_kill_is_no_killer():
    had_to = killers([killed("names_survive", "optimizer_slots_survive")])

    assert had_to["optimizer_slots_survive"] == ("lost_averages",)
    assert had_to["names_survive"] == ()
