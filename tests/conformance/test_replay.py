"""Replay: what the command prints of a case that it runs again, and its exit code."""

import pytest
from hypothesis import find
from typer.testing import CliRunner

from saveproof.conformance.cli import app
from saveproof.conformance.replay import replay_in_order
from saveproof.conformance.runs.options import Limits
from saveproof.reports.findings import DefectKind
from saveproof.reports.records import Finding, Verdict
from saveproof.strategies.case import to_json
from tests.conformance.conftest import LINEAR_CASES
from tests.conformance.defects import of_kind, state

FAULTY = "tests.conformance.faulty"


@pytest.fixture
def case(tmp_path):
    """The file of the smallest case that the linear subjects take."""
    file = tmp_path / "case.json"
    file.write_bytes(to_json(find(LINEAR_CASES, lambda _: True)))
    return str(file)


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        ("examples.linear_subject:Linear", 0),
        (f"{FAULTY}:LosesMomentum", 1),
        (f"{FAULTY}:DiesOnLoad", 1),
        (f"{FAULTY}:CannotBeLookedAt", 2),
    ],
)
def test_replay_ends_as_a_run_does(case, subject, code):
    """With 1 for a finding, a crash among others, and with 2 for an error of the harness."""
    done = CliRunner().invoke(app, ["replay", case, "--subject", subject])

    assert done.exit_code == code


def test_a_crash_is_told_as_a_finding(case):
    done = CliRunner().invoke(app, ["replay", case, "--subject", f"{FAULTY}:DiesOnLoad"])

    assert "crash          round_trip_completes" in done.stdout
    assert "exit code 7" in done.stdout


def test_a_save_that_spoils_a_later_one_is_replayed_in_its_order():
    case = find(LINEAR_CASES, lambda case: case.trained_since_compile)
    origin = state("optimizer slots", "momentum", "missing", place="momentum")
    check = "optimizer_slots_survive"
    order = ("marks", "minds")
    spoiled = of_kind(DefectKind.SPOILED, name="minds", order=order, origin=origin, check=check)
    finding = Finding(spoiled, case_id=case.id, case={}, drawing="")

    sequence, report = replay_in_order(
        case, "tests.conformance.faulty:Entangled", "marks", finding, Limits()
    )

    (judgement,) = report.judgements
    assert sequence == "marks, then minds"
    assert judgement.check == "saving_changes_nothing"
    assert judgement.verdict is Verdict.FAIL
    assert judgement.defects[0].title.startswith("marks, then minds: optimizer slots")
