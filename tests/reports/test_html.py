import re
from html.parser import HTMLParser

import pytest

from saveproof.reports.html import html
from saveproof.reports.matrix import matrix
from saveproof.reports.records import Repetition, Verdict
from tests.conformance.defects import log, state

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """A page's elements, ids and links; an element closed out of order is an error."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.ids, self.links, self.attributes = [], [], [], []
        self.text = []
        self._open = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += [name for name, _ in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name in ("href", "src")]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def text(figures):
    return html(figures)


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_every_cell_leads_to_its_own_details(page, figures):
    inner = [link[1:] for link in page.links if link.startswith("#cell-")]
    cells = sum(len(row.cells) for sheet in figures.sheets for row in sheet.rows)

    assert len(set(page.ids)) == len(page.ids)
    assert set(inner) <= set(page.ids)
    assert len(set(inner)) == cells == 720


def test_the_page_fetches_nothing(page, text):
    assert not {"link", "img", "iframe", "object", "video"} & set(page.elements)
    assert "src" not in page.attributes
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_behind_a_failing_cell_stands_what_a_maintainer_needs(text):
    start = text.index('id="cell-1-0-16"')
    details = text[start : text.index('id="cell-1-0-17"')]

    assert "Every optimizer slot comes back." in details
    assert "must come back: documented" in details
    assert 'href="https://www.tensorflow.org/guide/keras/save_and_serialize"' in details
    assert "120 judged: 12 fail, 68 pass, 40 refused" in details
    assert "BatchNormalization(momentum=0.7, epsilon=0.01)" in details
    assert "Adam/vhat/dense_10/kernel" in details
    assert re.search("expected.*7 entries.*found.*5 entries", details, re.DOTALL)
    assert "saveproof replay 9f2c41d07ab3e615 --subject tf_keras --path h5 --run" in details
    assert "saveproof repro 9f2c41d07ab3e615 --subject tf_keras --path h5 --check" in details


def test_every_verdict_is_shown_by_a_symbol_and_a_word_beside_its_colour(text):
    assert 'class="tile v-fail" title=' in text
    assert 'aria-label="h5, optimizer_slots_survive: fail, 120 judged: 12 fail, 68 pass' in text
    assert ">✗ 12/120</a>" in text


def test_an_unpromised_cell_says_so(text):
    assert "not promised: weights" in text


def test_the_head_names_versions_and_environment(text):
    head, run = text[: text.index("<main>")], text[text.index('id="run-title"') :]

    assert "tf_keras 2.21.0, tensorflow 2.21.1" in head
    assert "3600 of 3600 generated models judged" in head
    assert "python 3.11.9" in run
    assert "seed 7" in run
    assert "saveproof run reference tf_keras keras:jax --examples 40 --seed 7" in run


def test_hostile_text_stays_text(hostile):
    page = Page(html(hostile))

    assert page.elements.count("script") == 1
    assert not [link for link in page.links if link.startswith("javascript:")]
    assert not [name for name in page.attributes if name.startswith("on")]
    assert any("<script>alert('x')</script> & \"größe\"" in data for data in page.text)


def test_a_run_cut_short_has_a_banner(a_run):
    assert 'role="alert"' in html(matrix(a_run(cut=True)))
    assert 'role="alert"' not in html(matrix(a_run()))


def test_a_known_issue_is_linked(text):
    assert '<a href="https://github.com/keras-team/keras/issues/1" rel="noreferrer">' in text


def overview(text):
    return text[text.index('id="defects"') : text.index('id="matrix-title"')]


def test_a_known_issue_stands_once_with_its_smallest_case(two_of_a_kind):
    """The statement, a line for each finding, and one minimal case: that of the smaller drawing."""
    text = overview(html(two_of_a_kind))

    assert text.count("<strong>No slots come back.</strong>") == 1
    assert text.count("tf_keras: h5 (sequential); weights_survive, 2 findings") == 1
    assert text.count('<article class="finding">') == 1
    assert "a dense layer" in text
    assert text.count('href="#cell-0-0-0"') == 2


def test_behind_the_cell_every_finding_of_a_known_issue_stays(two_of_a_kind):
    text = html(two_of_a_kind)
    cells = text[text.index('id="cells"') :]

    assert cells.count('<article class="finding">') == 2
    assert cells.count("No slots come back.") == 2


def test_findings_of_one_message_are_told_apart_by_their_causes(one_cell, a_finding):
    """Three gaps whose message is the same: three rows, each with what the load had lost."""
    lost = [
        state("RNG state", place="Dropout/"),
        state("metric state"),
        state("recurrent state", place="GRU/"),
    ]
    findings = [a_finding(defect=log(origin=one)) for one in lost]

    text = overview(html(matrix(one_cell(Verdict.GAP, findings=tuple(findings)))))

    assert re.findall("<p><strong>(.*?)</strong></p>\n    <p", text) == [
        "loss at step 1: another value, after the load lost RNG state (Dropout)",
        "loss at step 1: another value, after the load lost metric state",
        "loss at step 1: another value, after the load lost recurrent state (GRU)",
    ]


def test_a_clean_run_says_that_nothing_was_found(one_cell):
    assert "<p>None.</p>" in html(matrix(one_cell(Verdict.PASS)))


def test_an_unstable_cell_shows_how_its_example_was_run_again(one_cell, a_finding):
    again = (Repetition("alone, in the same order", "loss 1.1"), Repetition("again", "loss 1.2"))
    finding = a_finding("unstable", verdict=Verdict.UNSTABLE, again=again)

    text = html(matrix(one_cell(Verdict.UNSTABLE, findings=(finding,))))

    cells = text[text.index('id="cells"') :]
    assert "<dt>alone, in the same order</dt><dd>loss 1.1</dd>" in cells
    assert 'class="tile v-unstable"' in text
    assert ">U 40/40</a>" in text


def test_only_a_case_that_was_shrunk_to_the_end_is_called_the_smallest(one_cell, a_finding):
    cut = html(matrix(one_cell(Verdict.FAIL, findings=(a_finding(),))))
    shrunk = html(matrix(one_cell(Verdict.FAIL, findings=(a_finding(shrunk=True),))))

    assert "shrinking was cut short" in cut
    assert "saveproof reduce 9f2c41d07ab3e615" in cut
    assert "smallest" not in cut.lower().replace("smallest cases", "")
    assert "The smallest case that shows it" in shrunk
    assert "saveproof reduce" not in shrunk


def test_a_printed_page_leaves_out_what_is_folded_and_keeps_its_colours(text):
    printed = text[text.index("@media print") :]

    assert ".shown:not([open])" in printed
    assert "print-color-adjust: exact" in printed
    assert "@media screen and (prefers-color-scheme: dark)" in text
