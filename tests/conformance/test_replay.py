"""Replay: what the command prints of a case that it runs again, and its exit code."""

import os

import pytest
from hypothesis import find
from typer.testing import CliRunner

from examples.linear_class import Linear, Npz
from saveproof.conformance.cli import app
from saveproof.conformance.replay import replay_in_order
from saveproof.conformance.runs.options import Limits
from saveproof.reports.findings import DefectKind
from saveproof.reports.records import Finding, Verdict
from saveproof.strategies.case import to_json
from tests.conformance.conftest import LINEAR_CASES
from tests.conformance.defects import of_kind, state


class _Stops(Npz):
    def save(self, model, target):
        breakpoint()
        return super().save(model, target)


class StopsInSave(Linear):
    """It stops in each save."""

    path = _Stops()


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
        ("examples.linear_class:Linear", 0),
        (f"{FAULTY}:LosesMomentum", 1),
        (f"{FAULTY}:DiesOnLoad", 1),
        (f"{FAULTY}:CannotBeLookedAt", 2),
    ],
)
def test_replay_ends_as_a_run_does(case, subject, code):
    """With 1 for a finding, a crash among others, and with 2 for an error of the harness."""
    done = CliRunner().invoke(app, ["replay", case, "--subject", subject])

    assert done.exit_code == code


def test_debug_runs_the_case_in_this_process(case, monkeypatch):
    """A breakpoint in the subject is reached, and the command's own input is its input."""
    reached = []
    monkeypatch.setattr("sys.breakpointhook", lambda *_: reached.append(os.getpid()))
    asked = ["replay", case, "--subject", f"{__name__}:StopsInSave", "--debug"]

    done = CliRunner().invoke(app, asked)

    assert done.exit_code == 0
    assert os.getpid() in reached
    assert "pass           optimizer_slots_survive" in done.stdout
    assert "another_process_loads_the_same" not in done.stdout


def test_debug_shows_the_traceback_of_what_the_subject_raised(case):
    asked = ["replay", case, "--subject", f"{FAULTY}:RaisesOnSave"]

    plain = CliRunner().invoke(app, asked)
    debugged = CliRunner().invoke(app, [*asked, "--debug"])

    assert "in save" not in plain.stdout
    assert "in save" in debugged.stdout


def test_a_pair_has_no_process_to_debug(case):
    pair = "reference → reference"

    done = CliRunner().invoke(app, ["replay", case, "--subject", pair, "--debug"])

    assert done.exit_code == 2
    assert "debug one of its subjects" in done.output


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
