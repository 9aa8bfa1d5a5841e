"""The verdict of a run in words."""

from dataclasses import replace

import msgspec
import pytest

from saveproof.reports.matrix import matrix
from saveproof.reports.records import Verdict, Witness, WitnessStatus
from saveproof.reports.renderers import RENDERERS
from saveproof.reports.summary import headline, replayed, sections, verdict, why


def test_the_headline_counts_distinct_defects_and_judged_models(figures):
    """A harness error is no defect of the subject, and stands apart."""
    assert headline(figures) == (
        "8 distinct defects: 3 documented promises broken, 1 crash, 1 timeout, "
        "2 undocumented losses, 1 known issue; 1 harness error; 1 cell unstable; "
        "3600 of 3600 generated models judged"
    )


def test_sections_have_every_distinct_defect_once(figures):
    causes = [cause for section in sections(figures) for cause in section.causes]

    assert [section.title for section in sections(figures)] == [
        "Documented promises broken: 3",
        "No answer: 3",
        "Undocumented losses: 2",
        "Known issues: 1",
    ]
    assert sorted(map(id, causes)) == sorted(map(id, figures.causes))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Verdict.PASS, "nothing unexpected; 40 of 40 generated models judged"),
        (Verdict.VACUOUS, "nothing was judged; 0 of 40 generated models judged"),
        (
            Verdict.NOT_SHOWN,
            "nothing was judged; 1 promise not shown; 0 of 40 generated models judged",
        ),
        (Verdict.HARNESS_ERROR, "1 harness error; 40 of 40 generated models judged"),
        (
            Verdict.FAIL,
            "1 distinct defect: 1 documented promise broken; 40 of 40 generated models judged",
        ),
    ],
)
def test_a_run_of_one_check_has_its_words(one_cell, found, words):
    assert headline(matrix(one_cell(found))) == words


def test_known_failures_stay_counted(one_cell, a_finding):
    findings = (a_finding("old", known="issue 1"), a_finding("new"))

    assert verdict(matrix(one_cell(Verdict.FAIL, findings=findings))) == (
        "2 distinct defects: 1 documented promise broken, 1 known issue"
    )


def test_a_run_cut_short_is_incomplete(a_run, one_cell):
    run = one_cell()
    figures = matrix(a_run(header=run.header, results=run.results, cut=True))

    assert verdict(figures) == "incomplete: nothing unexpected so far"


@pytest.mark.parametrize("name", [name for name in RENDERERS if name != "json"])
def test_every_report_has_the_same_number_of_distinct_defects(figures, name):
    assert "8 distinct defects: 3 documented promises" in " ".join(RENDERERS[name](figures).split())


def test_the_first_page_says_what_was_tested_then_the_broken_promises(figures):
    for name in ("html", "markdown"):
        text = RENDERERS[name](figures)
        parts = ("8 distinct", "tf_keras 2.21.0, tensorflow", "Documented promises", "Undocumented")
        places = [text.index(part) for part in (*parts, "Known issues", "outputs_survive")]

        assert places == sorted(places)


@pytest.mark.parametrize("name", ["html", "markdown", "terminal"])
def test_a_witness_that_no_longer_fails_is_on_the_first_page(one_cell, name):
    witness = Witness(
        *("keras-9", "keras:torch", "h5", WitnessStatus.MENDED, "No axis."),
        link="https://github.com/keras-team/keras/issues/9",
        detail="Set its releases to <3.16.",
    )

    text = RENDERERS[name](matrix(replace(one_cell(), witnesses=(witness,))))

    assert "1 mended" in text
    assert "keras-9" in text
    assert "Set its releases to" in text
    assert "https://github.com/keras-team/keras/issues/9" in text


@pytest.mark.parametrize("name", ["html", "markdown", "terminal"])
def test_a_known_issue_leads_to_its_page(one_cell, a_finding, name):
    page = "https://github.com/keras-team/keras/issues/9"
    finding = a_finding(known="No axis.", link=page)

    text = RENDERERS[name](matrix(one_cell(Verdict.KNOWN, findings=(finding,))))

    links = {"html": f'<a href="{page}"', "markdown": f"](<{page}>)", "terminal": page}
    assert links[name] in text


@pytest.mark.parametrize("name", ["html", "markdown"])
def test_a_cell_shows_what_was_found_of_what_could_have_failed(a_run, a_result, a_finding, name):
    """Nine examples were not applicable: the figure is 16 of 16, and not 16 of 25."""
    reasons = {Verdict.NOT_APPLICABLE: {"no such layer": 9}}
    result = a_result("tf_keras", "h5", "functional", "rng_state_survives", Verdict.GAP,
                      findings=(a_finding(examples=16),), reasons=reasons)  # fmt: skip
    result = msgspec.structs.replace(result, tally={Verdict.GAP: 16, Verdict.NOT_APPLICABLE: 9})

    text = RENDERERS[name](matrix(a_run(results=(result,))))

    assert "△ 16/16" in text
    assert "16/25" not in text
    assert "16 of 16" in text
    assert "9 × no such layer" in text


def test_one_judged_example_of_thirty_is_not_called_thirty(a_run, a_result):
    reasons = {Verdict.VACUOUS: {"training left the weights as they were": 29}}
    result = a_result("tf_keras", "h5", "functional", "weights_survive", reasons=reasons)
    result = msgspec.structs.replace(result, tally={Verdict.PASS: 1, Verdict.VACUOUS: 29})
    figures = matrix(a_run(results=(result,)))

    assert headline(figures) == "nothing unexpected; 1 of 30 generated models judged"
    assert "| weights_survive | ✓ 1 |" in RENDERERS["markdown"](figures)
    assert "29 × training left the weights as they were" in RENDERERS["terminal"](figures)


def test_junit_says_how_many_were_judged_and_why_others_were_not(a_run, a_result):
    reasons = {Verdict.VACUOUS: {"nothing is frozen": 40}}
    result = a_result(
        "tf_keras", "h5", "functional", "names_survive", Verdict.VACUOUS, reasons=reasons
    )

    text = RENDERERS["junit"](matrix(a_run(results=(result,))))

    assert 'message="0 of 40 examples judged: 40 × nothing is frozen"' in text


def test_reasons_are_counted_and_the_rest_is_counted_too():
    reasons = {"a": 5, "b": 3, "c": 1}

    assert why(reasons) == "5 × a; 3 × b; 1 × c"
    assert why(reasons, most=1) == "5 × a; and 2 more"


def test_witnesses_are_counted_by_what_they_showed():
    witnesses = [
        Witness("i", "s", "p", status, "r")
        for status in (WitnessStatus.MENDED, WitnessStatus.STILL_FAILS, WitnessStatus.STILL_FAILS)
    ]

    assert replayed(witnesses).endswith("2 still fails, 1 mended.")
