from reports.matrix import matrix
from reports.records import Verdict
from reports.terminal import terminal


def test_24_checks_fit_into_100_columns(figures):
    lines = terminal(figures).splitlines()
    row = next(line for line in lines if line.startswith(" json_and_weights_h5"))

    assert max(len(line) for line in lines) <= 100
    assert row.split()[0] == "json_and_weights_h5"
    assert "…" not in "".join(lines)


def test_in_a_narrow_terminal_groups_stand_below_each_other(figures):
    lines = terminal(figures, width=80).splitlines()

    assert max(len(line) for line in lines) <= 80
    assert sum(line.startswith(" savedmodel") for line in lines) == 3 * 3


def test_numbers_lead_from_columns_to_checks(figures):
    text = terminal(figures)

    assert "17 optimizer_slots_survive" in text
    assert " 1 outputs_survive" in text


def test_a_finding_has_its_model_its_difference_and_its_commands(figures):
    text = terminal(figures)

    assert "✗ fail  tf_keras  h5 (functional), keras (functional, subclassed)" in text
    assert "expected 7 entries" in text
    assert 'Dense(units=3, activation="tanh", bias_regularizer=L2(0.02))  <- x' in text
    assert "saveproof replay 9f2c41d07ab3e615 --run saveproof-report" in text


def test_the_last_line_is_the_headline(figures):
    assert terminal(figures).splitlines()[-1] == figures.headline


def test_colour_is_asked_for(one_cell):
    figures = matrix(one_cell(Verdict.FAIL))

    assert "\x1b[" not in terminal(figures)
    assert "\x1b[" in terminal(figures, color=True)
