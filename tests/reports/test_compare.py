import msgspec
import pytest

from saveproof.reports.compare import ChangedCell, compare, comparison_markdown
from saveproof.reports.records import Verdict

PLACE = ("tf_keras", "h5", "weights_survive")


@pytest.fixture
def failing(one_cell, a_finding):
    return one_cell(Verdict.FAIL, findings=(a_finding(),))


def test_a_run_is_the_same_as_itself(run):
    comparison = compare(run, run)

    assert comparison.same
    assert "no differences" in comparison_markdown(comparison)


def test_a_new_defect_is_new_and_changes_its_cell(one_cell, failing):
    comparison = compare(one_cell(), failing)

    assert [defect.key for defect in comparison.added] == ["slot:missing"]
    assert comparison.gone == ()
    assert comparison.changed == (ChangedCell(PLACE, Verdict.PASS, Verdict.FAIL),)
    assert "## New defects\n\n- ✗ fail: tf_keras · h5" in comparison_markdown(comparison)


def test_a_mended_defect_is_gone(one_cell, failing):
    comparison = compare(failing, one_cell())

    assert comparison.added == ()
    assert [defect.key for defect in comparison.gone] == ["slot:missing"]
    assert "## Defects that are gone" in comparison_markdown(comparison)


def test_another_minimal_case_is_the_same_defect(one_cell, a_finding, failing):
    again = one_cell(Verdict.FAIL, findings=(a_finding(case_id="0" * 16, message="again"),))

    assert compare(failing, again).same


def test_a_second_defect_in_a_failing_cell_is_new(one_cell, a_finding, failing):
    both = one_cell(Verdict.FAIL, findings=(a_finding(), a_finding("slot:value")))

    assert [d.key for d in compare(failing, both).added] == ["slot:value"]


def test_a_defect_that_was_not_looked_for_is_not_gone(failing, a_run):
    comparison = compare(failing, a_run(header=failing.header, results=()))

    assert comparison.gone == ()
    assert comparison.dropped == (("tf_keras", "h5", "sequential"),)
    assert not comparison.same
    assert "## Tested only by the old run" in comparison_markdown(comparison)


def test_a_kind_that_was_not_run_any_more_takes_no_defect_with_it(failing, a_run):
    (result,) = failing.results
    functional = msgspec.structs.replace(result, kind="functional")
    passed = msgspec.structs.replace(
        result, verdict=Verdict.PASS, tally={Verdict.PASS: 40}, findings=()
    )
    old = a_run(header=failing.header, results=(passed, functional))
    new = a_run(header=failing.header, results=(passed,))

    comparison = compare(old, new)

    assert (comparison.gone, comparison.changed) == ((), ())
    assert comparison.dropped == (("tf_keras", "h5", "functional"),)
    assert compare(new, old).added == ()
    assert "## Tested only by the new run" in comparison_markdown(compare(new, old))


def test_a_failure_that_became_a_known_issue_shows(failing, one_cell, a_finding):
    known = one_cell(Verdict.KNOWN, findings=(a_finding(known="issue 1"),))

    comparison = compare(failing, known)

    assert [d.verdict for d in comparison.added] == [Verdict.KNOWN]
    assert [d.verdict for d in comparison.gone] == [Verdict.FAIL]


def test_versions_that_changed_are_named(one_cell, a_run):
    run = one_cell()
    subject = msgspec.structs.replace(run.header.subjects[0], environment={"tf_keras": "2.22.0"})
    header = msgspec.structs.replace(run.header, subjects=(subject,))

    comparison = compare(run, a_run(header=header, results=run.results))

    assert comparison.versions == (("tf_keras", "tf_keras", "2.21.0", "2.22.0"),)
    assert "tf_keras: tf_keras 2.21.0 → 2.22.0" in comparison_markdown(comparison)


def test_a_run_cut_short_is_never_the_same(one_cell, a_run):
    run = one_cell()
    cut = a_run(header=run.header, results=run.results, cut=True)

    assert not compare(run, cut).same
    assert "is incomplete" in comparison_markdown(compare(run, cut))
