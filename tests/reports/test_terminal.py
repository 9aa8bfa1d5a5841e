from saveproof.reports.matrix import matrix
from saveproof.reports.records import Verdict
from saveproof.reports.terminal import terminal
from tests.conformance.defects import log, state


def widest(lines):
    """Return the length of the longest line that is no command: a command is never cut."""
    return max(len(line) for line in lines if not line.startswith("  saveproof "))


def test_24_checks_fit_into_100_columns(figures):
    lines = terminal(figures).splitlines()
    row = next(line for line in lines if line.startswith(" json_and_weights_h5"))

    assert widest(lines) <= 100
    assert row.split()[0] == "json_and_weights_h5"
    assert "…" not in "".join(lines)


def test_in_a_narrow_terminal_groups_stand_below_each_other(figures):
    lines = terminal(figures, width=80).splitlines()

    assert widest(lines) <= 80
    assert sum(line.startswith(" savedmodel") for line in lines) == 3 * 3


def test_numbers_lead_from_columns_to_checks(figures):
    text = terminal(figures)

    assert "17 optimizer_slots_survive" in text
    assert " 1 outputs_survive" in text


def test_a_finding_has_its_model_its_difference_and_its_commands(figures):
    text = terminal(figures)

    assert "fail on tf_keras: h5 (functional), keras (functional, subclassed)" in text
    assert "key: slot:missing" in text
    assert "expected 7 entries" in text
    assert 'Dense(units=3, activation="tanh", bias_regularizer=L2(0.02))  <- x' in text
    assert "saveproof replay 9f2c41d07ab3e615 --subject tf_keras --path h5 --run" in text


def test_a_command_is_never_cut(figures):
    text = terminal(figures, width=60)

    assert "--check optimizer_slots_survive --run saveproof-report\n" in text


def test_what_is_unexpected_comes_first_and_what_is_known_last(figures):
    text = terminal(figures)
    places = [text.index(name) for name in ("Unexpected: 6", "Gaps: 2 from 1", "Known issues: 1")]

    assert places == sorted(places)


def test_a_known_issue_takes_a_few_lines(two_of_a_kind):
    """Statement, place and how often, and the command that runs the smallest case again."""
    lines = terminal(two_of_a_kind).splitlines()
    start = lines.index("K No slots come back.")

    assert lines[start + 1] == "  tf_keras: h5 (sequential); weights_survive, 2 findings"
    assert lines[start + 2].startswith("  saveproof replay 9f2c41d07ab3e615 --subject tf_keras")
    assert lines[start + 3].startswith("───")
    assert "loss differs" not in "".join(lines)


def test_25_known_issues_and_12_gaps_read_on_a_screen_or_two(one_cell, a_finding):
    """What stands below the tables has six lines a cause at most, however many findings it has."""
    known = [
        a_finding(defect=log(origin=state("optimizer slots", place=f"s{n}")), known=f"{n % 5}")
        for n in range(25)
    ]
    gaps = [a_finding(defect=state("RNG state", place=f"L{n}/")) for n in range(12)]
    figures = matrix(one_cell(Verdict.GAP, findings=(*known, *gaps)))

    text = terminal(figures)

    assert figures.headline == "12 gaps, 25 known issues"
    assert "Gaps: 12 from 1 cause  " in text
    assert len(text[text.index("Gaps:") :].splitlines()) <= 40


def test_the_last_line_is_the_headline(figures):
    assert terminal(figures).splitlines()[-1] == figures.headline


def test_colour_is_asked_for(one_cell):
    figures = matrix(one_cell(Verdict.FAIL))

    assert "\x1b[" not in terminal(figures)
    assert "\x1b[" in terminal(figures, color=True)
