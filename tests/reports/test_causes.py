"""Which findings are one distinct defect."""

from dataclasses import replace

import pytest
from msgspec.structs import replace as struct_replace

from saveproof.reports.matrix import matrix
from saveproof.reports.records import Verdict
from tests.conformance.defects import log, output, raised, state, trained_state


@pytest.fixture
def causes_of(a_run, a_result, a_finding):
    """Return a function from findings, each with its place, to the distinct defects."""

    def of(*found):
        results = {}
        for subject, path, check, verdict, defect, *known in found:
            finding = a_finding(defect=defect, known="".join(known), verdict=verdict)
            results.setdefault((subject, path, check), []).append(finding)
        return matrix(
            a_run(
                results=tuple(
                    a_result(
                        *(subject, path, "functional", check),
                        Verdict.FAIL if any(f.verdict is Verdict.FAIL for f in same) else "gap",
                        findings=tuple(same),
                    )
                    for (subject, path, check), same in results.items()
                )
            )
        ).causes

    return of


FAIL, GAP = Verdict.FAIL, Verdict.GAP
AXIS = state("arguments", place="BatchNormalization/axis")
NESTED_AXIS = state("arguments", place="Sequential/BatchNormalization/axis")
DELTA = state("arguments", place="Huber/delta")


def test_one_lost_argument_on_several_paths_is_one_defect(causes_of):
    (cause,) = causes_of(
        ("tf_keras", "h5", "arguments_survive", FAIL, AXIS),
        ("tf_keras", "keras", "arguments_survive", FAIL, NESTED_AXIS),
        ("tf_keras", "json", "arguments_survive", FAIL, AXIS),
    )

    assert set(cause.places["tf_keras"]) == {"h5", "keras", "json"}
    assert cause.code == "SP-LAYER-ARGUMENT-CHANGED"


def test_two_lost_arguments_are_two_defects(causes_of):
    found = causes_of(
        ("tf_keras", "h5", "arguments_survive", FAIL, AXIS),
        ("tf_keras", "h5", "arguments_survive", FAIL, DELTA),
    )

    assert len(found) == 2


def test_what_follows_from_a_loss_is_the_loss_itself_and_the_worst_verdict_counts(causes_of):
    (cause,) = causes_of(
        ("tf_keras", "h5", "resume_trajectory_is_identical", GAP, log(step=2, origin=AXIS)),
        ("tf_keras", "h5", "arguments_survive", FAIL, AXIS),
        ("tf_keras", "h5", "outputs_survive", FAIL, output(origin=AXIS)),
    )

    assert cause.verdict is FAIL
    assert cause.title == AXIS.title
    assert cause.checks == (
        "outputs_survive",
        "resume_trajectory_is_identical",
        "arguments_survive",
    )


def test_state_that_no_document_promises_is_one_defect_in_all_layers(causes_of):
    """A path that does not keep such state at all loses it in every layer."""
    (cause,) = causes_of(
        ("tf_keras", "h5", "rng_state_survives", GAP, state("RNG state", place="Dropout/")),
        ("tf_keras", "h5", "rng_state_survives", GAP, state("RNG state", place="GRU/")),
    )

    assert cause.title == "RNG state (Dropout) after the load: another value; also GRU"


def test_a_promised_slot_is_a_defect_apart_from_other_slots(causes_of):
    found = causes_of(
        ("tf_keras", "keras", "optimizer_slots_survive", FAIL, state("optimizer slots", place="m")),
        ("tf_keras", "keras", "optimizer_slots_survive", FAIL, state("optimizer slots", place="u")),
    )

    assert len(found) == 2


def test_an_error_is_one_defect_whatever_raised_it(causes_of):
    (cause,) = causes_of(
        ("tf_keras", "h5", "weights_survive", FAIL, raised("load", words="no axis")),
        ("tf_keras", "h5", "outputs_survive", GAP, raised("resume", words="no axis", origin=AXIS)),
    )

    assert cause.code == "SP-LOAD-RAISED"
    assert cause.title == "load raised ValueError: no axis"


def test_errors_of_other_words_are_other_defects(causes_of):
    found = causes_of(
        ("tf_keras", "h5", "weights_survive", FAIL, raised("load", words="no axis")),
        ("tf_keras", "h5", "weights_survive", FAIL, raised("load", words="no delta")),
    )

    assert len(found) == 2


def test_a_first_loss_is_one_defect_whatever_the_optimizer(causes_of):
    (cause,) = causes_of(
        ("tf_keras", "h5", "first_batch_loss_is_identical", FAIL, log()),
        ("tf_keras", "h5", "resume_trajectory_is_identical", FAIL, log(optimizer="Adam")),
        ("tf_keras", "h5", "resume_trajectory_is_identical", FAIL, log(optimizer="SGD")),
    )

    assert cause.code == "SP-TRAJECTORY-DIVERGES"


def test_later_training_is_one_defect_for_each_optimizer(causes_of):
    check = "resume_trajectory_is_identical"
    found = causes_of(
        ("tf_keras", "h5", check, FAIL, trained_state("weights", optimizer="Adam")),
        ("tf_keras", "h5", check, FAIL, log(step=2, optimizer="Adam")),
        ("tf_keras", "h5", check, FAIL, trained_state("weights", optimizer="Nadam")),
    )

    assert [len(cause.defects) for cause in found] == [2, 1]


def test_a_model_that_a_save_changes_is_another_defect_than_state_that_a_load_loses(causes_of):
    rng = state("RNG state", place="Dropout/")
    found = causes_of(
        ("tf_keras", "h5", "rng_state_survives", GAP, rng),
        ("tf_keras", "h5", "saving_changes_nothing", FAIL,
         state("RNG state", place="Dropout/", action="saved")),
    )  # fmt: skip

    assert [cause.code for cause in found] == ["SP-SAVE-CHANGES-MODEL", "SP-RNG-STATE-LOST"]


def test_backends_share_a_defect_and_frameworks_do_not(a_run, a_result, a_finding):
    """Each framework's own code has to be mended, once for all its backends and releases."""
    run = a_run()
    names = ("keras:jax", "keras==3.8.0", "tf_keras")
    jax = run.header.subjects[2]
    subjects = tuple(struct_replace(jax, name=name) for name in names)
    header = struct_replace(run.header, subjects=subjects)
    results = tuple(
        a_result(n, "h5", "functional", "arguments_survive", FAIL,
                 findings=(a_finding(defect=AXIS),))
        for n in names
    )  # fmt: skip

    found = matrix(a_run(header=header, results=results)).causes

    assert [list(cause.places) for cause in found] == [["keras:jax", "keras==3.8.0"], ["tf_keras"]]


def test_known_findings_of_one_issue_are_one_defect_and_unlisted_ones_are_not(causes_of):
    found = causes_of(
        ("tf_keras", "h5", "arguments_survive", FAIL, AXIS, "issue 1"),
        ("tf_keras", "h5", "outputs_survive", FAIL, output(origin=DELTA), "issue 1"),
        ("tf_keras", "keras", "arguments_survive", FAIL, AXIS),
    )

    assert [cause.verdict for cause in found] == [FAIL, Verdict.KNOWN]
    assert found[1].title == found[1].known == "issue 1"
    assert found[1].findings == 2


def test_a_defect_that_needs_other_saves_first_belongs_to_them(one_cell, a_finding):
    findings = tuple(
        a_finding(defect=defect, after=("savedmodel",)) for defect in (AXIS, state("iteration"))
    )

    (cause,) = matrix(one_cell(FAIL, findings=findings)).causes

    assert cause.title.startswith("savedmodel, then h5: ")


def test_the_id_of_a_defect_is_the_same_in_another_run_on_another_path_and_case(causes_of):
    (one,) = causes_of(("tf_keras", "h5", "arguments_survive", FAIL, AXIS))
    (other,) = causes_of(("tf_keras", "keras", "outputs_survive", GAP, output(origin=NESTED_AXIS)))

    assert one.id == other.id
    assert len(one.id) == 6
    assert int(one.id, 16)


def test_the_worst_comes_first(figures):
    verdicts = [cause.verdict for cause in figures.causes]

    assert verdicts[:3] == [FAIL] * 3
    assert verdicts[-1] is Verdict.KNOWN


def test_the_shown_case_is_one_that_can_be_run_again_and_was_shrunk(one_cell, a_finding):
    findings = (
        a_finding("none", known="issue", case_id="", drawing=""),
        a_finding("tiny", known="issue", drawing="d"),
        a_finding("big", known="issue", shrunk=True),
        a_finding("small", known="issue", drawing="a dense layer", shrunk=True),
    )

    (cause,) = matrix(one_cell(Verdict.KNOWN, findings=findings)).causes

    assert cause.lead.key == "small"


def test_unstable_findings_are_no_defects(one_cell, a_finding):
    finding = a_finding(defect=AXIS, verdict=Verdict.UNSTABLE)
    figures = matrix(replace(one_cell(Verdict.UNSTABLE, findings=(finding,))))

    assert [cause.verdict for cause in figures.causes] == [Verdict.UNSTABLE]
    assert figures.defects == {}
