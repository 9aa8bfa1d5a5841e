import json
from dataclasses import replace as with_values

import pytest
from msgspec.structs import replace

from saveproof.reports.compare import compare
from saveproof.reports.comparison_text import comparison_markdown
from saveproof.reports.matrix import matrix
from saveproof.reports.renderers import RENDERERS


@pytest.mark.parametrize("name", RENDERERS)
def test_rendering_is_repeatable(name, figures):
    assert RENDERERS[name](figures) == RENDERERS[name](figures)


@pytest.mark.parametrize("name", [name for name in RENDERERS if name != "json"])
def test_a_run_cut_short_is_called_incomplete(name, a_run, run):
    figures = matrix(a_run(results=run.results[:400], cut=True))

    text = RENDERERS[name](figures)

    assert "incomplete" in text
    assert "passing" not in text


@pytest.mark.parametrize("name", RENDERERS)
def test_no_control_character_gets_through(name, hostile):
    text = RENDERERS[name](hostile)

    assert not {"\x1b", "\x00", "\x9b", "\u202e"} & set(text)


@pytest.mark.parametrize("name", ["html", "markdown", "terminal"])
def test_the_files_of_a_subject_stand_beside_its_versions(name, a_run, run):
    subject = replace(run.header.subjects[0], files={"keras": "/somewhere/init.py"})
    header = replace(run.header, subjects=(subject, *run.header.subjects[1:]))

    text = RENDERERS[name](matrix(a_run(header=header, results=run.results)))

    assert text.count("/somewhere/init.py") == 1


def test_no_control_character_gets_through_a_comparison(hostile_run):
    fewer = with_values(hostile_run, results=hostile_run.results[:1])

    text = comparison_markdown(compare(fewer, hostile_run))

    assert not {"\x1b", "\x00", "\x9b", "\u202e"} & set(text)


def test_json_keeps_control_characters_as_escapes(hostile):
    decoded = json.loads(RENDERERS["json"](hostile))

    assert decoded["header"]["command"] == hostile.header.command


def test_json_holds_the_figures(figures):
    decoded = json.loads(RENDERERS["json"](figures))

    assert decoded["defects"]["fail"] == 3
    assert decoded["complete"] is True
    assert [sheet["subject"]["name"] for sheet in decoded["sheets"]] == [
        "reference",
        "tf_keras",
        "keras:jax",
    ]


def test_json_holds_the_distinct_defects_with_code_and_id(figures):
    decoded = json.loads(RENDERERS["json"](figures))

    assert [cause["id"] for cause in decoded["causes"]] == [c.id for c in figures.causes]
    assert {cause["code"] for cause in decoded["causes"]} == {"SP-RECORDED-AS-TEXT"}
