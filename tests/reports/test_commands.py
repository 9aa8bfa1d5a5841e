import pytest

from saveproof.reports.commands import commands, reduction
from saveproof.reports.records import Verdict

PLACE = ("keras:torch", "b path ü", "weights_survive")


def test_commands_name_where_it_was_found_and_survive_the_shell(a_finding):
    again, script = commands(a_finding(), PLACE, ["my run"])

    at = "--subject keras:torch --path 'b path ü'"
    assert again == f"saveproof replay 9f2c41d07ab3e615 {at} --run 'my run'"
    assert script == (
        f"saveproof repro 9f2c41d07ab3e615 {at} --check weights_survive --run 'my run'"
    )


def test_commands_name_every_run_that_was_merged(a_finding):
    for command in commands(a_finding(), PLACE, ["one", "another.jsonl"]):
        assert command.endswith(" --run one --run another.jsonl")


def test_no_script_is_offered_that_would_be_refused(a_finding):
    of_mine = ("my_package:MySubject", "npz", "weights_survive")
    crash = a_finding(verdict=Verdict.CRASH)

    (again,) = commands(a_finding(), of_mine, ["out"])
    (crashing,) = commands(crash, PLACE, ["out"])

    assert again.startswith("saveproof replay ")
    assert crashing.startswith("saveproof replay ")


@pytest.mark.parametrize("case_id", ["", "--subject=exec:rm", "-h", "../case.json"])
def test_without_the_hash_of_a_case_there_is_no_command(case_id, a_finding):
    """What a run calls a case might be an option of the command."""
    assert commands(a_finding(case_id=case_id), PLACE, ["out"]) == ()


def test_findings_that_share_a_case_have_commands_of_their_own(figures):
    found = [places for sheet in figures.sheets for same in sheet.defects for places in same]

    of_case = [d for d in found if d.finding.case_id == "9f2c41d07ab3e615"]

    scripts = {commands(d.finding, d.place, figures.sources)[1] for d in of_case}
    assert len(scripts) == len(of_case) > 1


def test_only_a_case_that_was_not_shrunk_to_the_end_can_be_shrunk_further(a_finding):
    more = reduction(a_finding(), PLACE, ["my run"])

    assert more == (
        "saveproof reduce 9f2c41d07ab3e615 --subject keras:torch --path 'b path ü' "
        "--check weights_survive --run 'my run'"
    )
    assert reduction(a_finding(shrunk=True), PLACE, ["my run"]) == ""
    assert reduction(a_finding(case_id="-h"), PLACE, ["my run"]) == ""
