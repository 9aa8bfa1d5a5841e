from dataclasses import replace

import pytest

from saveproof.reports.matrix import matrix
from saveproof.reports.records import Repetition, Verdict, Witness, WitnessStatus
from saveproof.reports.summary import headline, verdict
from saveproof.reports.terminal import terminal
from tests.conformance.defects import log, state


def widest(lines):
    """Return the length of the longest line that is no command: a command is never cut."""
    return max(len(line) for line in lines if not line.startswith("  saveproof "))


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_report_fits_its_terminal_and_tears_no_word(figures, width):
    lines = terminal(figures, width=width).splitlines()

    assert widest(lines) <= width
    assert "…" not in "".join(lines)


def test_each_check_has_a_row_with_its_name(figures):
    """Its marks stand below the bars that lead down from the names of the save paths."""
    lines = terminal(figures).splitlines()
    head = lines[lines.index("tf_keras  tf_keras 2.21.0, tensorflow 2.21.1, h5py 3.16.0") :]
    first = next(line for line in head if line.endswith(" h5"))
    row = next(line for line in head if line.startswith("  optimizer_slots_survive"))

    assert row[first.index("h5") :].split() == ["✗", "✓", "✗", *"······", "✓"]


def test_in_a_narrow_terminal_save_paths_are_split_into_several_tables(figures):
    lines = terminal(figures, width=60).splitlines()

    assert sum(line.startswith("  weights_survive  ") for line in lines) == 3 * 3
    assert sum(line.strip(" │") == "savedmodel" for line in lines) == 3


def test_a_finding_has_its_model_its_difference_and_its_commands(figures):
    text = terminal(figures)

    assert "fail on tf_keras: h5 (functional), keras (functional, subclassed); optimizer" in text
    assert "key: slot:missing" in text
    assert "expected 7 entries" in text
    assert 'Dense(units=3, activation="tanh", bias_regularizer=L2(0.02))  <- x' in text
    assert "saveproof replay 9f2c41d07ab3e615 --subject tf_keras --path h5 --run" in text


def test_a_command_is_never_cut(figures):
    text = terminal(figures, width=60)

    assert "--check optimizer_slots_survive --run saveproof-report\n" in text


def test_broken_promises_come_first_and_what_is_known_last(figures):
    text = terminal(figures)
    names = ("Documented promises broken: 3", "No answer: 3", "Undocumented losses: 2", "Known")
    places = [text.index(name) for name in names]

    assert places == sorted(places)


def test_a_known_issue_takes_a_few_lines(two_of_a_kind):
    """Statement, place and how often, and the command that runs the smallest case again."""
    lines = terminal(two_of_a_kind).splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("K No slots come back."))

    assert lines[start + 1] == "  tf_keras: h5 (sequential); weights_survive, 2 findings"
    assert lines[start + 2] == "  1 of 40 judged examples on h5, weights_survive"
    assert lines[start + 3].startswith("  saveproof replay 9f2c41d07ab3e615 --subject tf_keras")
    assert lines[start + 4].startswith("───")
    assert "loss differs" not in "".join(lines)


def test_25_known_findings_and_12_gaps_read_on_a_screen_or_two(one_cell, a_finding):
    """What stands below the tables has six lines a cause at most, however many findings it has."""
    known = [
        a_finding(defect=log(origin=state("optimizer slots", place=f"s{n}")), known=f"{n % 5}")
        for n in range(25)
    ]
    gaps = [a_finding(defect=state("RNG state", place=f"L{n}/")) for n in range(12)]
    figures = matrix(one_cell(Verdict.GAP, findings=(*known, *gaps)))

    text = terminal(figures)

    assert verdict(figures) == "6 distinct defects: 1 undocumented loss, 5 known issues"
    assert "Undocumented losses: 1\n" in text
    assert len(text[text.index("Undocumented losses:") :].splitlines()) <= 50


def test_an_unstable_finding_shows_how_it_was_run_again(one_cell, a_finding):
    again = (Repetition("alone, the same program", "loss 1.1"), Repetition("again", "loss 1.2"))
    finding = a_finding("unstable", verdict=Verdict.UNSTABLE, again=again)

    text = terminal(matrix(one_cell(Verdict.UNSTABLE, findings=(finding,))))

    assert "Unstable results: 1" in text
    assert "alone, the same program: loss 1.1" in text
    assert "again: loss 1.2" in text


def test_a_case_that_was_not_shrunk_to_the_end_is_not_called_the_smallest(one_cell, a_finding):
    cut = terminal(matrix(one_cell(Verdict.FAIL, findings=(a_finding(),))))
    shrunk = terminal(matrix(one_cell(Verdict.FAIL, findings=(a_finding(shrunk=True),))))

    assert "A case that shows it; shrinking was cut short, and saveproof reduce goes on:" in cut
    assert "saveproof reduce 9f2c41d07ab3e615 --subject tf_keras --path h5 --check" in cut
    assert "The smallest case that shows it:" in shrunk
    assert "saveproof reduce" not in shrunk


def test_witnesses_are_counted_and_those_that_changed_are_shown(one_cell):
    witnesses = (
        Witness("keras-1", "keras:torch", "h5", WitnessStatus.STILL_FAILS, "No slots."),
        Witness("keras-2", "keras:torch", "h5", WitnessStatus.MENDED, "No axis.", detail="drop it"),
    )

    text = terminal(matrix(replace(one_cell(), witnesses=witnesses)))

    assert "replayed first: 1 still fails, 1 mended." in text
    assert "keras-2 (keras:torch, h5) mended: No axis.; drop it" in text
    assert "keras-1" not in text


def test_the_last_line_is_the_headline(figures):
    end = terminal(figures).splitlines()[-3:]

    assert " ".join(end).endswith(headline(figures))


def test_colour_is_asked_for(one_cell):
    figures = matrix(one_cell(Verdict.FAIL))

    assert "\x1b[" not in terminal(figures)
    assert "\x1b[" in terminal(figures, color=True)
