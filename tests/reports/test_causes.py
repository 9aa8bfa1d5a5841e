import pytest

from saveproof.reports.causes import sections
from saveproof.reports.matrix import matrix
from saveproof.reports.records import Verdict
from tests.conformance.defects import log, raised, state


def causes(figures):
    return [cause for section in sections(figures) for cause in section.causes]


def test_sections_hold_every_defect_once_the_unexpected_first(figures):
    found = sections(figures)
    defects = [d for cause in causes(figures) for same in cause.defects for d in same]
    every = [d for sheet in figures.sheets for same in sheet.defects for d in same]

    assert [section.name for section in found] == ["Unexpected", "Gaps", "Known issues"]
    assert sum(section.defects for section in found) == sum(figures.defects.values())
    assert sorted(map(id, defects)) == sorted(map(id, every))


def test_the_worst_of_all_subjects_comes_first(a_run, a_result, a_finding):
    """The failure of one subject does not stand behind another's harness error."""
    results = tuple(
        a_result(subject, "h5", "functional", "weights_survive", verdict, findings=(a_finding(),))
        for subject, verdict in (
            ("tf_keras", Verdict.HARNESS_ERROR),
            ("keras:jax", Verdict.FAIL),
        )
    )

    found = causes(matrix(a_run(results=results)))

    assert [cause.verdict for cause in found] == [Verdict.FAIL, Verdict.HARNESS_ERROR]


def test_an_unexpected_defect_is_a_cause_of_its_own(one_cell, a_finding):
    findings = tuple(
        a_finding(defect=state("RNG state", place=f"{layer}/")) for layer in ("GRU", "LSTM")
    )

    (section,) = sections(matrix(one_cell(Verdict.FAIL, findings=findings)))

    assert section.title == "Unexpected: 2"
    assert [cause.title for cause in section.causes] == [
        "RNG state (GRU): another value",
        "RNG state (LSTM): another value",
    ]


def test_gaps_that_come_of_one_kind_of_state_are_one_cause(one_cell, a_finding):
    findings = (
        a_finding(defect=log(origin=state("RNG state", place="Dropout/"))),
        a_finding(defect=state("RNG state", place="GRU/")),
        a_finding(defect=state("metric state", "0 loss/1")),
    )

    (section,) = sections(matrix(one_cell(Verdict.GAP, findings=findings)))

    assert section.title == "Gaps: 3 from 2 causes"
    assert [cause.title for cause in section.causes] == [
        "RNG state not restored (Dropout, GRU)",
        "metric state not restored",
    ]


def test_one_error_that_several_checks_meet_is_one_gap(a_run, a_result, a_finding):
    finding = a_finding(defect=raised("resume", "E", "…"))
    results = tuple(
        a_result("tf_keras", "h5", "functional", check, Verdict.GAP, findings=(finding,))
        for check in ("outputs_survive", "resume_trajectory_is_identical")
    )

    (cause,) = causes(matrix(a_run(results=results)))

    assert cause.title == "the loaded model raised E: …"
    assert cause.checks == ("outputs_survive", "resume_trajectory_is_identical")


@pytest.mark.parametrize(("known", "titles"), [("issue 1", 1), ("issue 2", 2)])
def test_known_findings_are_folded_by_their_statements_only(one_cell, a_finding, known, titles):
    findings = (a_finding("weights", known="issue 1"), a_finding("loss", known=known))

    (section,) = sections(matrix(one_cell(Verdict.KNOWN, findings=findings)))

    assert len(section.causes) == titles
    assert section.defects == 2


def test_one_statement_reaches_over_subjects(figures):
    """The generator's gap shows on two subjects; its places keep their kinds."""
    (gap,) = sections(figures)[1].causes

    assert gap.places == {
        "tf_keras": {"h5": ("functional", "sequential")},
        "keras:jax": {
            "h5": ("functional", "sequential"),
            "keras": ("functional", "sequential", "subclassed"),
        },
    }
    assert gap.checks == ("rng_state_survives",)
    assert gap.findings == 7


def test_the_smallest_case_is_one_that_can_be_run_again(one_cell, a_finding):
    findings = (
        a_finding("none", known="issue", case_id="", drawing=""),
        a_finding("big", known="issue"),
        a_finding("small", known="issue", drawing="a dense layer"),
    )

    (cause,) = causes(matrix(one_cell(Verdict.KNOWN, findings=findings)))

    assert cause.smallest.key == "small"


def test_a_check_that_rests_on_no_state_has_gaps_of_its_own(a_run, a_result, a_finding):
    """That saving moves a generator is another matter than that a generator does not come back."""
    rng = a_finding(defect=state("RNG state", place="Dropout/"))
    results = tuple(
        a_result("tf_keras", "h5", "functional", check, Verdict.GAP, findings=(rng,))
        for check in ("rng_state_survives", "saving_changes_nothing")
    )

    found = causes(matrix(a_run(results=results)))

    assert [cause.title for cause in found] == [
        "RNG state not restored (Dropout)",
        "saving_changes_nothing: RNG state not restored (Dropout)",
    ]
