import re

import msgspec
import pytest

from saveproof.reports.records import Verdict
from saveproof.reports.trend import trend, trend_html, trend_markdown


@pytest.fixture
def weekly(one_cell, a_run, a_finding):
    """Three runs of one cell: a pass, a failure, and a pass of another release."""

    def on(day, verdict, version="2.21.0", name="tf_keras", **fields):
        run = one_cell(verdict, **fields)
        (info,) = run.header.subjects
        info = msgspec.structs.replace(info, name=name, environment={"tf_keras": version})
        header = msgspec.structs.replace(
            run.header, run=f"run {day}", started=f"2026-10-0{day}T12:00:00", subjects=(info,)
        )
        results = [msgspec.structs.replace(one, subject=name) for one in run.results]
        return a_run(header=header, results=results)

    return [
        on(3, Verdict.PASS, "2.22.0"),
        on(1, Verdict.PASS, "2.20.0", "tf_keras==2.20.0"),
        on(2, Verdict.FAIL, seen=10, findings=(a_finding(),)),
    ]


def test_runs_are_columns_by_date(weekly):
    seen = trend(weekly)

    assert [run.date for run in seen.runs] == ["2026-10-01", "2026-10-02", "2026-10-03"]
    assert [run.versions for run in seen.runs] == [
        ("tf_keras 2.20.0",),
        ("tf_keras 2.21.0",),
        ("tf_keras 2.22.0",),
    ]


def test_a_subject_has_one_row_in_all_its_releases(weekly):
    (row,) = trend(weekly).cells

    assert row.verdicts == (Verdict.PASS, Verdict.FAIL, Verdict.PASS)
    assert row.found == ("", "10/40", "")


def test_a_defect_is_a_row_that_says_where_it_was_not_found(weekly):
    (row,) = trend(weekly).defects

    assert row.verdicts == (None, Verdict.FAIL, None)
    assert row.absent == (True, False, True)
    assert "| - | ✗ fail | - |" in trend_markdown(trend(weekly))


def test_figures_count_distinct_defects_and_judged_examples(weekly):
    assert [run.defects for run in trend(weekly).runs] == [{}, {Verdict.FAIL: 1}, {}]
    assert {run.judged for run in trend(weekly).runs} == {40}


def test_what_was_not_tested_is_not_absent(weekly, a_run):
    first = weekly[1]
    untested = a_run(header=first.header, results=())
    (row,) = trend([untested, weekly[2]]).defects

    assert row.absent == (False, False)
    assert "| ? | ✗ fail |" in trend_markdown(trend([untested, weekly[2]]))


def test_cells_without_a_defect_in_any_run_are_counted_and_left_out(one_cell):
    seen = trend([one_cell(), one_cell()])

    assert (seen.cells, seen.plain) == ((), 1)
    assert "1 cells had the same verdict and no defect" in trend_markdown(seen)


def test_an_incomplete_run_says_so(weekly, a_run):
    cut = a_run(header=weekly[0].header, results=weekly[0].results, cut=True)

    assert "the run is incomplete" in trend_html(trend([cut]))
    assert "the run is incomplete" in trend_markdown(trend([cut]))


def test_the_page_is_one_file_that_needs_no_network(run, a_run):
    page = trend_html(trend([run, a_run()]))

    assert not re.findall(r"(?:src|href)=", page)
    assert "Distinct defects" in page


@pytest.mark.parametrize("render", [trend_html, trend_markdown])
def test_hostile_texts_are_escaped_in_a_trend(render, hostile_run):
    text = render(trend([hostile_run]))

    assert "<script>" not in text
    assert "\x1b" not in text
