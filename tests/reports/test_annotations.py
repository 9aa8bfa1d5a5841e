"""GitHub annotations: one a distinct defect, escaped, and no more than ten."""

import re

import msgspec

from saveproof.reports.annotations import MOST, annotations
from saveproof.reports.matrix import matrix
from saveproof.reports.policy import FailOn, Policy, Requirement
from saveproof.reports.records import Verdict
from saveproof.reports.summary import sections

COMMAND = re.compile(r"::(error|warning) title=([^:,]*)::(.*)")


def parsed(figures):
    return [COMMAND.fullmatch(line).groups() for line in annotations(figures)]


def with_policy(run, *fail_on, require=()):
    header = msgspec.structs.replace(run.header, policy=Policy(fail_on, require))
    return matrix(type(run)(header, run.results, run.footer, run.sources))


def test_a_failure_is_an_error_with_its_places_values_and_command(one_cell, a_finding):
    run = one_cell(Verdict.FAIL, findings=(a_finding(),))

    ((level, title, message),) = parsed(matrix(run))

    assert level == "error"
    assert title.startswith("saveproof%3A fail%3A SP-RECORDED-AS-TEXT%3A dense_10")
    lines = message.split("%0A")
    assert lines[0].startswith("tf_keras: h5")
    assert lines[1] == "expected 7 entries, found 5 entries"
    assert lines[2].startswith("saveproof replay 9f2c41d07ab3e615")


def test_a_gap_is_a_warning_unless_the_run_fails_on_gaps(one_cell, a_finding):
    run = one_cell(Verdict.GAP, findings=(a_finding(),))

    assert [level for level, *_ in parsed(matrix(run))] == ["warning"]
    assert [level for level, *_ in parsed(with_policy(run, FailOn.GAP))] == ["error", "error"]


def test_an_unmet_requirement_and_an_incomplete_run_are_errors(one_cell, a_run):
    run = one_cell()
    required = Requirement("weights_survive", "keras")

    ((level, _, message),) = parsed(with_policy(run, require=(required,)))
    ((_, title, _), *_) = parsed(matrix(a_run(cut=True)))

    assert (level, message) == ("error", "required weights_survive:keras is not met: no result")
    assert title == "saveproof%3A incomplete"


def test_there_are_at_most_ten_with_errors_first(figures, one_cell, a_finding):
    findings = tuple(a_finding(f"key {n}") for n in range(30))

    levels = [level for level, *_ in parsed(figures)]

    assert levels == sorted(levels)
    assert len(annotations(matrix(one_cell(Verdict.FAIL, findings=findings)))) == MOST


def test_each_distinct_defect_has_one(figures):
    distinct = sum(len(section.causes) for section in sections(figures))

    assert len(annotations(figures)) == min(distinct, MOST)


def test_hostile_text_stays_in_its_command(hostile):
    lines = annotations(hostile)

    assert lines
    assert all(COMMAND.fullmatch(line) for line in lines)


def test_a_percent_sign_is_escaped_before_what_escaping_adds(one_cell, a_finding):
    finding = a_finding(message="100%, or: all\nof it")

    ((_, title, _),) = parsed(matrix(one_cell(Verdict.FAIL, findings=(finding,))))

    assert title == "saveproof%3A fail%3A SP-RECORDED-AS-TEXT%3A 100%25%2C or%3A all%0Aof it"


def test_a_run_without_defects_has_none(one_cell):
    assert annotations(matrix(one_cell())) == []
