from dataclasses import replace as dataclass_replace

import pytest
from msgspec.structs import replace

from saveproof.reports.matrix import BEHAVIOUR, SAVING_AND_LOADING, STATE, matrix
from saveproof.reports.records import Verdict


def cell(figures, subject, path, check):
    return next(
        cell
        for sheet in figures.sheets
        if sheet.subject.name == subject
        for row in sheet.rows
        if row.path.name == path
        for cell in row.cells
        if cell.check.name == check
    )


def test_every_path_has_a_cell_a_check_in_the_order_of_the_groups(figures):
    names = [check.name for group in figures.groups.values() for check in group]

    for sheet in figures.sheets:
        for row in sheet.rows:
            assert [cell.check.name for cell in row.cells] == names


def test_checks_are_grouped_by_what_they_need(figures):
    assert list(figures.groups) == [BEHAVIOUR, STATE, SAVING_AND_LOADING]
    assert "resume_trajectory_is_identical" in {c.name for c in figures.groups[BEHAVIOUR]}
    assert "weights_survive" in {c.name for c in figures.groups[STATE]}
    assert "refusal_says_why" in {c.name for c in figures.groups[SAVING_AND_LOADING]}


def test_kinds_are_merged_into_the_worst_verdict_and_one_tally(figures):
    slots = cell(figures, "tf_keras", "h5", "optimizer_slots_survive")

    assert slots.verdict == Verdict.FAIL
    assert [r.verdict for r in slots.results] == [Verdict.PASS, Verdict.FAIL, Verdict.REFUSED]
    assert slots.tally == {Verdict.FAIL: 12, Verdict.PASS: 68, Verdict.REFUSED: 40}
    assert (slots.judged, slots.found) == (120, 12)


def test_a_refusal_of_one_kind_does_not_hide_that_the_others_pass(figures):
    assert cell(figures, "reference", "h5", "weights_survive").verdict == Verdict.PASS


def test_what_is_not_promised_is_not_applicable_and_says_which_facet(figures):
    unpromised = cell(figures, "reference", "config", "weights_survive")

    assert unpromised.verdict == Verdict.NOT_APPLICABLE
    assert unpromised.unpromised == ("weights",)


def test_a_promised_cell_without_result_has_no_verdict(one_cell, a_run):
    figures = matrix(a_run(header=one_cell().header, results=()))

    assert cell(figures, "tf_keras", "h5", "weights_survive").verdict is None


def test_one_defect_on_two_paths_is_counted_once_and_keeps_its_places(figures):
    sheet = next(sheet for sheet in figures.sheets if sheet.subject.name == "tf_keras")
    slots = next(s for s in sheet.defects if s[0].check.name == "optimizer_slots_survive")

    assert [(d.path, d.kinds) for d in slots] == [
        ("h5", ("functional",)),
        ("keras", ("functional", "subclassed")),
    ]


def test_gaps_and_known_issues_are_counted_apart_from_failures(figures):
    assert figures.defects == {
        Verdict.FAIL: 3,
        Verdict.CRASH: 1,
        Verdict.TIMEOUT: 1,
        Verdict.HARNESS_ERROR: 1,
        Verdict.GAP: 2,
        Verdict.KNOWN: 1,
    }


@pytest.mark.parametrize("verdict", [Verdict.GAP, Verdict.KNOWN, Verdict.REFUSED, Verdict.PASS])
def test_what_is_expected_leaves_the_run_clean(one_cell, verdict):
    assert matrix(one_cell(verdict)).clean


@pytest.mark.parametrize(
    "verdict", [Verdict.FAIL, Verdict.CRASH, Verdict.TIMEOUT, Verdict.HARNESS_ERROR]
)
def test_a_bad_verdict_is_a_defect_even_without_a_finding(one_cell, verdict):
    figures = matrix(one_cell(verdict))

    assert not figures.clean
    assert figures.defects == {verdict: 1}
    assert "no finding" in figures.sheets[0].defects[0][0].title


def test_a_known_finding_beside_a_new_one_stays_known(one_cell, a_finding):
    findings = (a_finding("old", known="issue 1"), a_finding("new"))

    figures = matrix(one_cell(Verdict.FAIL, findings=findings))

    assert figures.defects == {Verdict.FAIL: 1, Verdict.KNOWN: 1}


def test_a_gap_beside_a_failure_of_the_check_stays_a_gap(one_cell, a_finding):
    findings = (a_finding("gap", verdict=Verdict.GAP), a_finding("new", verdict=Verdict.FAIL))

    figures = matrix(one_cell(Verdict.FAIL, findings=findings))

    assert figures.defects == {Verdict.FAIL: 1, Verdict.GAP: 1}


def test_a_run_cut_short_is_never_clean(a_run, one_cell):
    run = one_cell()
    figures = matrix(a_run(header=run.header, results=run.results, cut=True))

    assert not figures.clean


def test_a_run_without_a_judged_model_is_not_clean(one_cell):
    assert not matrix(one_cell(Verdict.VACUOUS, seen=40)).clean


def test_a_pass_without_a_judged_example_is_not_shown(one_cell):
    (result,) = one_cell().results
    hollow = replace(result, tally={Verdict.VACUOUS: 40})

    figures = matrix(dataclass_replace(one_cell(), results=(hollow,)))

    assert cell(figures, "tf_keras", "h5", "weights_survive").verdict is Verdict.NOT_SHOWN


@pytest.mark.parametrize(
    ("reasons", "verdict"),
    [({}, Verdict.NOT_SHOWN), ({"refused by contract": 40}, Verdict.NOT_APPLICABLE)],
)
def test_a_promise_is_not_applicable_only_with_a_reason(one_cell, reasons, verdict):
    counted = {Verdict.NOT_APPLICABLE: reasons} if reasons else {}

    figures = matrix(one_cell(Verdict.NOT_APPLICABLE, reasons=counted))

    assert cell(figures, "tf_keras", "h5", "weights_survive").verdict is verdict


def test_models_are_counted_once_for_all_checks(a_run, a_result):
    """A save path and kind of model share their models; the check that judged most counts."""
    reasons = {Verdict.NOT_APPLICABLE: {"no such layer": 10}}
    results = (
        a_result("tf_keras", "h5", "functional", "weights_survive", Verdict.NOT_APPLICABLE,
                 seen=10, reasons=reasons),
        a_result("tf_keras", "h5", "functional", "names_survive", Verdict.VACUOUS, seen=30),
        a_result("tf_keras", "keras", "functional", "names_survive"),
    )  # fmt: skip

    models = matrix(a_run(results=results)).models

    assert (models.judged, models.generated) == (70, 80)
    assert models.reasons == {"no such layer": 10}


def test_reasons_of_all_kinds_of_model_are_added_up(a_run, a_result):
    results = tuple(
        a_result("tf_keras", "h5", kind, "weights_survive", Verdict.VACUOUS, seen=n,
                 reasons={Verdict.VACUOUS: {"nothing is frozen": n}})
        for kind, n in (("functional", 3), ("sequential", 4))
    )  # fmt: skip

    weights = cell(matrix(a_run(results=results)), "tf_keras", "h5", "weights_survive")

    assert weights.reasons == {Verdict.VACUOUS: {"nothing is frozen": 7}}
    assert weights.judged == 73
