from dataclasses import replace

import msgspec
import pytest

from saveproof.reports.merging import DifferentRuns, merge
from saveproof.reports.records import Verdict, Witness, WitnessStatus


@pytest.fixture
def halves(a_run, run):
    """The run as two jobs would have it: the first subject, and the other two."""
    subjects = run.header.subjects

    def part(name, chosen):
        names = {subject.name for subject in chosen}
        header = msgspec.structs.replace(run.header, run=name, subjects=chosen)
        return a_run(header=header, results=[r for r in run.results if r.subject in names])

    return [part("one", subjects[:1]), part("two", subjects[1:])]


def test_one_run_is_itself(run):
    assert merge([run]) is run


def test_runs_of_different_subjects_stand_side_by_side(halves, run):
    merged = merge(halves)

    assert merged.header.subjects == run.header.subjects
    assert merged.header.checks == run.header.checks
    assert merged.header.run == "one+two"
    assert merged.results == run.results
    assert merged.footer.results == len(run.results)
    assert merged.complete


def test_a_merged_run_is_of_the_sources_of_all(halves):
    one, two = (replace(half, sources=(half.header.run,)) for half in halves)

    assert merge([one, two]).sources == ("one", "two")


def test_a_merged_run_is_complete_only_where_all_are(halves, a_run):
    cut = a_run(header=halves[1].header, results=halves[1].results, cut=True)

    assert not merge([halves[0], cut]).complete


def test_the_last_run_s_result_of_a_slot_counts(one_cell):
    merged = merge([one_cell(), one_cell(Verdict.FAIL)])

    assert [result.verdict for result in merged.results] == [Verdict.FAIL]


def test_versions_that_differ_stand_side_by_side(halves, a_run):
    header = msgspec.structs.replace(halves[1].header, environment={"python": "3.13.1"})

    merged = merge([halves[0], a_run(header=header, results=halves[1].results)])

    assert merged.header.environment["python"] == "3.11.9 / 3.13.1"


def test_a_subject_with_two_versions_is_not_merged(one_cell, a_run):
    run = one_cell()
    subject = msgspec.structs.replace(run.header.subjects[0], environment={"tf_keras": "2.15.0"})
    other = msgspec.structs.replace(run.header, subjects=(subject,))

    with pytest.raises(DifferentRuns, match=r"2\.21\.0.*2\.15\.0.*compare these runs"):
        merge([run, a_run(header=other, results=run.results)])


def test_files_that_differ_are_left_out(one_cell, a_run):
    """Runs of one subject may be of two machines."""
    run = one_cell()
    one, other = (
        msgspec.structs.replace(run.header.subjects[0], files={"keras": file, "numpy": "/n"})
        for file in ("/a", "/b")
    )
    runs = (
        a_run(header=msgspec.structs.replace(run.header, subjects=(subject,)), results=run.results)
        for subject in (one, other)
    )

    merged = merge(list(runs))

    assert merged.header.subjects[0].files == {"numpy": "/n"}


def test_a_check_with_two_sentences_is_not_merged(one_cell, a_run):
    run = one_cell()
    check = msgspec.structs.replace(run.header.checks[0], statement="Something else.")
    other = msgspec.structs.replace(run.header, checks=(check,))

    with pytest.raises(DifferentRuns, match="two runs describe 'weights_survive' differently"):
        merge([run, a_run(header=other, results=run.results)])


def test_the_witnesses_of_all_runs_are_kept_and_the_last_result_counts(a_run):
    def showed(status, issue="keras-1"):
        return Witness(issue, "keras:torch", "h5", status, "No slots.")

    fails, mended = WitnessStatus.STILL_FAILS, WitnessStatus.MENDED
    first = replace(a_run(), witnesses=(showed(fails), showed(fails, "keras-2")))
    second = replace(a_run(), witnesses=(showed(mended),))

    assert merge([first, second]).witnesses == (showed(mended), showed(fails, "keras-2"))
