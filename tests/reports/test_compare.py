import msgspec
import pytest

from saveproof.reports.compare import NothingToCompare, compare
from saveproof.reports.comparison import (
    ChangedCell,
    ChangedDistance,
    ChangedPromise,
    ChangedState,
)
from saveproof.reports.comparison_text import comparison_markdown, comparison_terminal
from saveproof.reports.records import Verdict

PLACE = ("tf_keras", "h5", "weights_survive")


def keys(changes):
    return [defect.key for change in changes for defect in change.defects]


def changed_header(run, *, subject=None, path=None):
    """Return the run's header with fields of its subject, or of the subject's path, replaced."""
    (info,) = run.header.subjects
    paths = tuple(msgspec.structs.replace(one, **(path or {})) for one in info.paths)
    info = msgspec.structs.replace(info, paths=paths, **(subject or {}))
    return msgspec.structs.replace(run.header, subjects=(info,))


def in_release(run, a_run, version, name):
    """Return the run as one of a release of its framework, under that name."""
    header = changed_header(run, subject={"name": name, "environment": {"tf_keras": version}})
    results = [msgspec.structs.replace(result, subject=name) for result in run.results]
    return a_run(header=header, results=results)


@pytest.fixture
def failing(one_cell, a_finding):
    return one_cell(Verdict.FAIL, findings=(a_finding(),))


def test_a_run_is_the_same_as_itself(run):
    comparison = compare(run, run)

    assert comparison.same
    assert "no differences" in comparison_markdown(comparison)


def test_a_new_failure_is_a_new_defect(one_cell, failing):
    comparison = compare(one_cell(), failing)

    assert keys(comparison.added) == keys(comparison.failures) == ["slot:missing"]
    assert (comparison.gone, comparison.cells) == ((), ())
    assert "**New failures: 1**\n\n- fail: tf_keras · h5" in comparison_markdown(comparison)


def test_a_mended_defect_is_gone(one_cell, failing):
    comparison = compare(failing, one_cell())

    assert comparison.added == ()
    assert comparison.failures == ()
    assert keys(comparison.gone) == ["slot:missing"]
    assert "<details><summary>Gone: 1</summary>" in comparison_markdown(comparison)


def test_another_minimal_case_is_the_same_defect(one_cell, a_finding, failing):
    again = one_cell(Verdict.FAIL, findings=(a_finding(case_id="0" * 16, message="again"),))

    assert compare(failing, again).same


def test_a_second_defect_in_a_failing_cell_is_new(one_cell, a_finding, failing):
    both = one_cell(Verdict.FAIL, findings=(a_finding(), a_finding("slot:value")))

    assert keys(compare(failing, both).added) == ["slot:value"]


def test_a_defect_that_was_not_looked_for_is_not_gone(failing, a_run):
    comparison = compare(failing, a_run(header=failing.header, results=()))

    assert comparison.gone == ()
    assert comparison.dropped == (("tf_keras", "h5", "sequential"),)
    assert not comparison.same
    assert "Tested only by the old run" in comparison_markdown(comparison)


def test_a_kind_that_was_not_run_any_more_takes_no_defect_with_it(failing, a_run):
    (result,) = failing.results
    functional = msgspec.structs.replace(result, kind="functional")
    passed = msgspec.structs.replace(
        result, verdict=Verdict.PASS, tally={Verdict.PASS: 40}, findings=()
    )
    old = a_run(header=failing.header, results=(passed, functional))
    new = a_run(header=failing.header, results=(passed,))

    comparison = compare(old, new)

    assert (comparison.gone, comparison.cells) == ((), ())
    assert comparison.dropped == (("tf_keras", "h5", "functional"),)
    assert compare(new, old).added == ()
    assert "Tested only by the new run" in comparison_markdown(compare(new, old))


def test_a_failure_that_became_a_known_issue_shows(failing, one_cell, a_finding):
    known = one_cell(Verdict.KNOWN, findings=(a_finding(known="issue 1"),))

    comparison = compare(failing, known)

    (change,) = comparison.changed
    assert (change.old, change.new) == (Verdict.FAIL, Verdict.KNOWN)
    assert comparison.failures == ()
    assert "fail → known" in comparison_markdown(comparison)


@pytest.mark.parametrize("before", [Verdict.KNOWN, Verdict.GAP])
def test_a_listed_defect_or_a_gap_that_fails_now_is_a_new_failure(
    before, failing, one_cell, a_finding
):
    known = "issue 1" if before is Verdict.KNOWN else ""
    earlier = one_cell(before, findings=(a_finding(known=known),))

    (change,) = compare(earlier, failing).failures
    assert (change.old, change.new) == (before, Verdict.FAIL)
    assert f"{before} → fail" in comparison_terminal(compare(earlier, failing))


def test_a_failure_without_a_finding_is_a_new_failure(one_cell):
    """A run may record no more than the verdict."""
    assert compare(one_cell(), one_cell(Verdict.TIMEOUT)).failures


def test_one_defect_on_two_paths_is_one_change(run, a_run):
    """The slots that tf_keras loses in h5 and keras are one distinct defect."""
    mended = [
        msgspec.structs.replace(one, verdict=Verdict.PASS, tally={Verdict.PASS: 40}, findings=())
        if one.subject == "tf_keras" and one.check == "optimizer_slots_survive"
        else one
        for one in run.results
    ]
    (change,) = compare(run, a_run(results=mended)).gone

    assert change.paths == ("h5", "keras")
    both = zip(mended, run.results, strict=True)
    in_part = a_run(results=[new if new.path == "h5" else old for new, old in both])
    (half,) = compare(run, in_part).gone
    assert (half.paths, half.elsewhere) == (("h5",), ("keras",))


def test_a_verdict_that_changes_without_a_defect_is_listed(one_cell):
    comparison = compare(one_cell(), one_cell(Verdict.VACUOUS))

    assert comparison.cells == (ChangedCell(PLACE, Verdict.PASS, Verdict.VACUOUS),)
    assert comparison.failures == ()
    assert not comparison.same


def test_the_same_subject_in_two_releases_is_compared(one_cell, a_run, failing):
    old = in_release(failing, a_run, "2.20.0", "tf_keras==2.20.0")
    comparison = compare(old, one_cell())

    assert keys(comparison.gone) == ["slot:missing"]
    assert (comparison.dropped, comparison.begun) == ((), ())
    text = comparison_terminal(comparison)
    assert "tf_keras==2.20.0 → tf_keras: tf_keras 2.20.0 → 2.21.0" in text


def test_another_backend_is_another_subject(one_cell, a_run):
    run = one_cell()
    header = changed_header(run, subject={"name": "keras:jax", "environment": {"jax": "1"}})
    results = [msgspec.structs.replace(result, subject="keras:jax") for result in run.results]

    with pytest.raises(NothingToCompare, match=r"found tf_keras in .* and keras:jax"):
        compare(run, a_run(header=header, results=results))


def test_state_without_a_promise_that_no_longer_comes_back_is_listed(one_cell, a_run):
    run = one_cell()
    old, new = (
        a_run(
            header=run.header,
            results=[msgspec.structs.replace(run.results[0], kept={"RNG state": counts})],
        )
        for counts in ((9, 10), (0, 10))
    )
    comparison = compare(old, new)

    assert comparison.kept == (ChangedState("tf_keras", "h5", "RNG state", (9, 10), (0, 10)),)
    assert comparison.failures == ()
    assert "RNG state came back in 9 of 10 examples, now in 0 of 10" in comparison_markdown(
        comparison
    )


def test_a_promise_that_changes_is_listed(one_cell, a_run):
    run = one_cell()
    header = changed_header(run, path={"facets": {"weights": "should"}, "document": "https://new"})
    listed = compare(run, a_run(header=header, results=run.results)).promises

    assert ChangedPromise("tf_keras", "h5", "weights", "must", "should") in listed
    assert [one.new for one in listed if one.facet == "document"] == ["https://new"]


def test_a_distance_that_grows_tenfold_is_listed(one_cell):
    near, far = (one_cell(distance=distance) for distance in (1e-7, 2e-6))

    assert compare(near, far).distances == (ChangedDistance(PLACE, 1e-7, 2e-6),)
    assert compare(near, near).distances == ()


def test_the_terminal_text_fits_80_columns(run, a_run):
    passing = [
        msgspec.structs.replace(one, verdict=Verdict.PASS, tally={Verdict.PASS: 40}, findings=())
        for one in run.results
    ]
    text = comparison_terminal(compare(run, a_run(results=passing)))

    assert max(map(len, text.splitlines())) <= 80
    assert "Gone: " in text


def test_a_comment_lists_at_most_twenty_lines_of_a_section(run, a_run):
    comparison = compare(run, a_run(results=run.results[:3]))

    assert "more: `saveproof compare` lists them" in comparison_markdown(comparison)


def test_hostile_texts_are_escaped_in_a_comparison(hostile_run, a_run):
    clean = [
        msgspec.structs.replace(one, verdict=Verdict.PASS, tally={Verdict.PASS: 1}, findings=())
        for one in hostile_run.results
    ]
    text = comparison_markdown(
        compare(a_run(header=hostile_run.header, results=clean), hostile_run)
    )

    assert "<script>" not in text
    assert "\x1b" not in text


def test_versions_that_changed_are_named(one_cell, a_run):
    run = one_cell()
    header = changed_header(run, subject={"environment": {"tf_keras": "2.22.0"}})
    comparison = compare(run, a_run(header=header, results=run.results))

    assert comparison.same
    assert "tf_keras: tf_keras 2.21.0 → 2.22.0" in comparison_terminal(comparison)


def test_a_run_cut_short_is_never_the_same(one_cell, a_run):
    run = one_cell()
    cut = a_run(header=run.header, results=run.results, cut=True)

    assert not compare(run, cut).same
    assert "is incomplete" in comparison_markdown(compare(run, cut))
