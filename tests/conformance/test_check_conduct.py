"""Checks of conduct on made-up traces: each finds its defect, and none where there is none."""

from dataclasses import replace

import pytest

from saveproof.conformance.model_state.contract import STATE, Facet
from saveproof.conformance.model_state.snapshot import Snapshot, differences
from saveproof.conformance.model_state.trace import FailedSave, Link, Raised, Stage
from saveproof.reports.records import Verdict
from tests.conformance.test_checks import GOOD, keys, snapshot, verdicts

CHECKS = (
    *("surroundings_stay", "saving_draws_nothing", "source_stands_alone"),
    *("loads_are_independent", "save_over_another_replaces_it"),
    *("overwrite_false_keeps_the_file", "failed_save_keeps_the_file"),
)
FULL = GOOD.conduct.failed_save.raised
RAISED = Raised(Stage.LOAD, "builtins.OSError", "no such file", "")


def behaving(**changes):
    """Return the faultless trace with another conduct; a failed save keeps what it found."""
    conduct = replace(GOOD.conduct, **changes)
    kept = FailedSave(FULL, conduct.replaced)
    return replace(GOOD, conduct=replace(conduct, **{"failed_save": kept, **changes}))


def failing(trace) -> set[str]:
    """Return the checks that fail, and those that see a gap."""
    bad = (Verdict.FAIL, Verdict.GAP)
    return {check for check, verdict in verdicts(trace).items() if verdict in bad}


@pytest.mark.parametrize(
    ("changes", "check", "key"),
    [
        (
            {"saving": tuple(differences({"umask": "0027"}, {"umask": "0000"}))},
            "surroundings_stay",
            "save: umask",
        ),
        (
            {"loading": tuple(differences({}, {"files/a.lock": "file 0640"}))},
            "surroundings_stay",
            "load: files unexpected",
        ),
        ({"litter": ("tmp1",)}, "surroundings_stay", "save: litter"),
        ({"held": ("model_1.h5",)}, "surroundings_stay", "open file"),
        (
            {"drawing": tuple(differences({"Python": "1"}, {"Python": "2"}))},
            "saving_draws_nothing",
            "save: drew from Python",
        ),
        (
            {"links": {"model_1.h5": Link("a symbolic link", "a symbolic link to /store/1")}},
            "source_stands_alone",
            "link: a symbolic link",
        ),
        ({"again": None, "raised": RAISED}, "loads_are_independent", None),
        ({"is_first": True}, "loads_are_independent", "again: the same model"),
        ({"remnants": ("model_1.h5",)}, "save_over_another_replaces_it", "over: remnants"),
        ({"replaced": None, "raised": RAISED}, "save_over_another_replaces_it", None),
        (
            {"overwritten": tuple(differences({"model_1.h5": "a"}, {"model_1.h5": "b"}))},
            "overwrite_false_keeps_the_file",
            "overwrite=False: value",
        ),
        (
            {"failed_save": FailedSave(FULL, lost=RAISED)},
            "failed_save_keeps_the_file",
            "failed: raised builtins.OSError: no such file",
        ),
        (
            {"failed_save": FailedSave(None, lost=RAISED)},
            "failed_save_keeps_the_file",
            "silent: raised builtins.OSError: no such file",
        ),
    ],
)
def test_each_fault_of_conduct_fails_its_check_alone(changes, check, key):
    trace = behaving(**changes)

    assert failing(trace) == {check}
    assert key is None or keys(trace, check) == {key}


@pytest.mark.parametrize("facet", STATE)
def test_a_second_load_that_gives_what_became_of_the_first_is_found(facet):
    again = Snapshot({**GOOD.loaded.facets, facet: snapshot(30)[facet]})

    assert failing(behaving(again=again)) == {"loads_are_independent"}


@pytest.mark.parametrize("facet", STATE)
def test_a_save_over_another_that_leaves_the_first_is_found(facet):
    stale = Snapshot({**GOOD.conduct.kept.facets, facet: GOOD.before[facet]})

    assert failing(behaving(replaced=stale)) == {"save_over_another_replaces_it"}


@pytest.mark.parametrize("facet", Facet)
def test_a_failed_save_that_leaves_another_model_is_found(facet):
    mixed = Snapshot({**GOOD.conduct.replaced.facets, facet: snapshot(7)[facet]})

    assert failing(behaving(failed_save=FailedSave(FULL, mixed))) == {"failed_save_keeps_the_file"}


def test_a_save_that_did_not_fail_shows_nothing():
    found = verdicts(behaving(failed_save=FailedSave(None, GOOD.conduct.replaced)))

    assert found["failed_save_keeps_the_file"] is Verdict.NOT_APPLICABLE


def test_a_failed_save_is_not_asked_for_where_the_program_writes_the_file():
    contract = replace(GOOD.contract, survives_failure=None, can_spare=False)

    assert not set(verdicts(replace(GOOD, contract=contract))).intersection(CHECKS[-2:])


@pytest.mark.parametrize("facet", STATE)
def test_what_the_first_load_lost_is_not_told_again(facet):
    lost, later = (
        Snapshot({**seen.facets, facet: snapshot(7)[facet]})
        for seen in (GOOD.loaded, GOOD.conduct.kept)
    )
    trace = replace(behaving(again=lost, replaced=later), loaded=lost)

    assert not failing(trace).intersection(CHECKS)


def test_what_is_lost_now_and_then_is_told_by_its_own_check_alone():
    """A generator that has not drawn comes back by chance, and one that has does not."""
    lost = Snapshot({**GOOD.conduct.kept.facets, Facet.RNG: snapshot(7)[Facet.RNG]})

    assert not failing(behaving(replaced=lost))


def test_a_path_that_refuses_to_save_over_another_lost_nothing():
    refused = replace(RAISED, stage=Stage.SAVE)
    trace = behaving(saving=None, drawing=None, replaced=None, raised=refused)

    assert verdicts(trace)["save_over_another_replaces_it"] is Verdict.NOT_APPLICABLE
    assert not failing(trace)


def test_models_that_nothing_has_moved_show_nothing():
    trace = behaving(kept=GOOD.before, replaced=GOOD.before)
    still = replace(GOOD.resumed, steps=())

    assert verdicts(trace)["save_over_another_replaces_it"] is Verdict.VACUOUS
    assert verdicts(replace(trace, resumed=still))["loads_are_independent"] is Verdict.VACUOUS


def test_no_conduct_of_a_path_in_memory_is_asked_for():
    contract = replace(GOOD.contract, survives_failure=None, can_spare=False)
    trace = replace(GOOD, contract=contract, in_memory=True)

    assert not set(verdicts(trace)).intersection(CHECKS)


def test_conduct_that_was_not_looked_at_is_not_applicable():
    found = verdicts(replace(GOOD, conduct=None))

    assert {found[check] for check in CHECKS} == {Verdict.NOT_APPLICABLE}
