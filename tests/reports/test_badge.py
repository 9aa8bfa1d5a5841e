from xml.etree import ElementTree as ET

import pytest

from saveproof.reports import badge as module
from saveproof.reports.badge import badge
from saveproof.reports.matrix import matrix
from saveproof.reports.records import Verdict


@pytest.mark.parametrize(
    ("verdict", "message", "color"),
    [
        (Verdict.PASS, "passing", module.GREEN),
        (Verdict.FAIL, "1 distinct defect: 1 documented promise broken", module.RED),
        (Verdict.GAP, "1 distinct defect: 1 undocumented loss", module.YELLOW),
        (Verdict.KNOWN, "1 distinct defect: 1 known issue", module.GREEN),
    ],
)
def test_a_badge_says_the_headline_in_words_and_colour(one_cell, verdict, message, color):
    svg = badge(matrix(one_cell(verdict)))

    assert ET.fromstring(svg).get("aria-label") == f"saveproof: {message}"
    assert f'fill="{color}"' in svg


def test_a_run_without_a_judged_model_is_not_passing(one_cell):
    svg = badge(matrix(one_cell(Verdict.VACUOUS)))

    assert "saveproof: nothing was judged" in svg
    assert module.GREY in svg


def test_a_promise_that_was_not_shown_is_named(one_cell):
    svg = badge(matrix(one_cell(Verdict.NOT_SHOWN)))

    assert "1 promise not shown" in svg
    assert "passing" not in svg


def test_a_run_cut_short_is_grey_and_says_so(one_cell, a_run):
    run = one_cell()
    svg = badge(matrix(a_run(header=run.header, results=run.results, cut=True)))

    assert "incomplete: nothing unexpected so far" in svg
    assert module.GREY in svg
