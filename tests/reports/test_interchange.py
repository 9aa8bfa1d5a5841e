"""The page of exchanges: who reads what was written by whom."""

import pytest

from saveproof.reports.html import html
from saveproof.reports.interchange import Lost, grid, measured
from saveproof.reports.markdown import markdown
from saveproof.reports.matrix import matrix
from saveproof.reports.merging import merge
from saveproof.reports.records import (
    CheckInfo,
    Footer,
    Header,
    PathInfo,
    Result,
    SubjectInfo,
    Verdict,
)
from saveproof.reports.store import Run
from saveproof.reports.terminal import terminal
from tests.reports.conftest import a_finding

OUTPUTS = CheckInfo("outputs_survive", "The outputs come back.", ("weights",))
SLOTS = CheckInfo("optimizer_slots_survive", "The slots come back.", ("optimizer slots",))
FACETS = {"weights": "must", "optimizer slots": "must"}


def pair(writer: str, reader: str, *formats: str) -> SubjectInfo:
    paths = tuple(PathInfo(name, "https://keras.io", FACETS) for name in formats)
    return SubjectInfo(f"{writer} → {reader}", {"writer: numpy": "2"}, paths, writer, reader)


def a_result(subject: str, path: str, check: CheckInfo, verdict: Verdict, **fields) -> Result:
    kind = fields.pop("kind", "sequential")
    return Result(subject, path, kind, check.name, "must", verdict, {verdict: 30}, **fields)


@pytest.fixture
def exchanges():
    return matrix(a_run_of_exchanges())


def a_run_of_exchanges() -> Run:
    header = Header(
        *("run", "2026-01-01", "0.1.0", "saveproof interchange a b", 0, 30, {}),
        subjects=(pair("a", "a", "h5", "json"), pair("a", "b", "h5")),
        checks=(OUTPUTS, SLOTS),
    )
    lost = a_finding("optimizer slots: momentum lost")
    results = (
        a_result("a → a", "h5", OUTPUTS, Verdict.PASS, distance=0.0),
        a_result("a → b", "h5", OUTPUTS, Verdict.PASS, distance=2e-7),
        a_result("a → b", "h5", OUTPUTS, Verdict.PASS, distance=4e-7, kind="functional"),
        a_result("a → b", "h5", SLOTS, Verdict.FAIL, findings=(lost,)),
        a_result("a → a", "json", OUTPUTS, Verdict.VACUOUS),
    )
    return Run(header, results, Footer("2026-01-02", 1.0, len(results)))


def a_run_of_one_subject() -> Run:
    path = PathInfo("npz", "https://numpy.org", FACETS)
    header = Header(
        *("run", "2026-01-01", "0.1.0", "saveproof run c", 0, 30, {}),
        subjects=(SubjectInfo("c", {"numpy": "2"}, (path,)),),
        checks=(OUTPUTS, SLOTS),
    )
    results = (a_result("c", "npz", OUTPUTS, Verdict.PASS),)
    return Run(header, results, Footer("2026-01-02", 1.0, len(results)))


def test_a_run_of_one_subject_after_the_other_has_no_grid(figures):
    assert grid(figures) is None
    assert "Who reads" not in html(figures)


def test_an_exchange_is_as_bad_as_its_worst_check(exchanges):
    found = grid(exchanges)

    assert found is not None
    one = found.at("h5", "a", "b")
    assert one is not None
    assert one.verdict is Verdict.FAIL
    assert one.judged == 60
    assert one.distance == 4e-7
    assert one.lost == (Lost(Verdict.FAIL, SLOTS.name, "optimizer slots: momentum lost"),)


def test_what_shows_nothing_does_not_pass(exchanges):
    found = grid(exchanges)

    assert found is not None
    assert found.at("json", "a", "a").verdict is Verdict.VACUOUS
    assert found.at("h5", "a", "a").verdict is Verdict.PASS
    assert found.at("json", "a", "b") is None


def test_a_row_is_a_format_and_its_writer(exchanges):
    found = grid(exchanges)

    assert found is not None
    assert found.rows == [("h5", "a"), ("json", "a")]
    assert found.readers == ("a", "b")


@pytest.mark.parametrize(("distance", "words"), [(None, ""), (0.0, "exact"), (4e-7, "4e-07")])
def test_a_distance_is_told_in_words(distance, words):
    assert measured(distance) == words


@pytest.mark.parametrize("render", [terminal, markdown, html])
def test_every_rendering_shows_verdict_distance_and_loss(exchanges, render):
    text = render(exchanges)

    assert "4e-07" in text
    assert "exact" in text
    assert "optimizer slots: momentum lost" in text


@pytest.mark.parametrize("render", [terminal, markdown, html])
def test_exchanges_and_a_subject_by_itself_are_shown_together(render):
    text = render(matrix(merge([a_run_of_exchanges(), a_run_of_one_subject()])))

    assert "written by" in text
    assert "npz" in text


def test_exchanges_of_one_pair_are_exchanges_when_they_are_merged():
    merged = merge([a_run_of_exchanges(), a_run_of_exchanges()])

    assert grid(matrix(merged)) == grid(matrix(a_run_of_exchanges()))


def test_the_html_page_leads_from_a_cell_to_its_pair(exchanges):
    text = html(exchanges)

    assert 'href="#sheet-1"' in text
    assert 'id="sheet-1"' in text


def test_the_terminal_has_a_column_a_reader(exchanges):
    lines = terminal(exchanges).splitlines()

    assert lines[0].split() == ["format", "written", "by", "a", "b"]
    assert lines[1].split() == ["h5", "a", "✓", "30", "exact", "✗", "60", "4e-07"]
