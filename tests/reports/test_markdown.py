import re

import pytest

from saveproof.reports import markdown as module
from saveproof.reports.markdown import escaped, fenced, markdown
from saveproof.reports.matrix import matrix
from saveproof.reports.records import Verdict


def test_a_table_has_a_row_a_check_and_a_column_a_path(figures):
    lines = markdown(figures).splitlines()
    start = lines.index("## tf_keras")
    table = [line for line in lines[start:] if line.startswith("|")][:26]

    assert {line.count("|") for line in table} == {12}
    assert table[0].startswith("| check | h5 | savedmodel | keras |")
    assert "| optimizer_slots_survive | ✗ 12/120 | ✓ 120 | ✗ 24/120 |" in table[18]


def test_a_finding_is_written_out_with_its_commands(figures):
    text = markdown(figures)

    assert "✗ dense_10/kernel's slot 'vhat' is missing: 7 entries became 5 (SP-RECORDED" in text
    assert "<br>tf_keras: h5 (functional), keras (functional, subclassed); optimizer_slots" in text
    assert "expected 7 entries\nfound    5 entries" in text
    assert "saveproof repro 9f2c41d07ab3e615 --subject tf_keras --path h5 --check" in text


def test_the_legend_explains_what_is_shown_and_nothing_else(one_cell):
    text = markdown(matrix(one_cell(Verdict.GAP)))

    assert "△ gap:" in text
    assert "✗ fail:" not in text


def test_a_known_issue_stands_once_with_every_check_that_sees_it(two_of_a_kind):
    text = markdown(two_of_a_kind)

    assert text.count("<details>") == 1
    assert text.count("No slots come back.") == 1
    assert "weights part in step 1; h5 (sequential): 1 of 40 judged on h5" in text
    assert "loss differs in step 1; h5 (sequential): 1 of 40 judged on h5" in text


def test_beyond_the_limit_causes_are_counted(figures, monkeypatch):
    """GitHub drops a job summary of more than 1 MiB altogether."""
    monkeypatch.setattr(module, "LIMIT", 2)

    text = markdown(figures)

    assert text.count("<details>") == 2
    assert "1 more in the HTML report.\n\n## No answer" in text
    assert "2 more in the HTML report.\n\n## Known" in text


def test_hostile_text_breaks_no_table_and_opens_no_tag(hostile):
    text = markdown(hostile)
    outside = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)

    assert "<script" not in outside
    assert set(re.findall(r"</?(\w+)", outside)) == {"br", "details", "summary"}
    assert {line.count("|") for line in outside.splitlines() if line.startswith("|")} == {3}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("json_and_weights_h5", "json_and_weights_h5"),
        ("_private_", "&#95;private&#95;"),
        ("a|b", "a&#124;b"),
        ("two\nlines", "two lines"),
        ("&lt;", "&#38;lt;"),
    ],
)
def test_escaping_leaves_names_readable(text, expected):
    assert escaped(text) == expected


def test_a_fence_is_longer_than_any_inside():
    assert fenced("a\n```\nb").startswith("````text\n")
