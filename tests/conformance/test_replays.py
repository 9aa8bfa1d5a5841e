"""Replay of a run: what is said of each finding, the exit code, and what ends it early."""

import json

import pytest
from hypothesis import find
from msgspec.structs import replace
from typer.testing import CliRunner

from saveproof.conformance import replays
from saveproof.conformance.campaigns.worker import Report
from saveproof.conformance.checks import ALL_CHECKS, Judgement
from saveproof.conformance.cli import app
from saveproof.conformance.families.description import described
from saveproof.conformance.model_state.contract import Promise
from saveproof.conformance.replay import replay
from saveproof.conformance.replays import OutcomeCounts, Replayed, ReplayResult, line, replayed
from saveproof.conformance.runs.header import header
from saveproof.conformance.runs.options import Limits
from saveproof.conformance.runs.preflight import info
from saveproof.reports import store
from saveproof.reports.findings import Change, Defect, DefectKind, Difference
from saveproof.reports.records import Finding, Result, Verdict
from saveproof.strategies.case import to_json
from tests.conformance.conftest import LINEAR_CASES

FAULTY = "tests.conformance.faulty"
LINEAR = "examples.linear_class:Linear"
CASE = find(LINEAR_CASES, lambda _: True)
LOST = Defect(
    DefectKind.STATE,
    Difference("kernel/momentum", "1", "0", Change.VALUE),
    facet="optimizer slots",
    name="momentum",
    lost=True,
)
CHECK = "optimizer_slots_survive"


def a_finding(defect=LOST, **fields):
    return Finding(defect, CASE.id, json.loads(to_json(CASE)), "drawing", **fields)


def a_result(finding, subject=LINEAR, path="npz"):
    verdict = finding.verdict or Verdict.FAIL
    return Result(subject, path, "sequential", CHECK, "must", verdict, {verdict: 1}, (finding,))


def judged(verdict, *defects, check=CHECK, reason="why"):
    return Report((Judgement(check, Promise.MUST, verdict, defects, reason),))


OTHER = replace(LOST, name="velocity")
ENDED = Defect(DefectKind.ENDED, Difference("process", "an answer", "exit 7"), name="crash")


@pytest.mark.parametrize(
    ("report", "outcome", "expected"),
    [
        (judged(Verdict.PASS), ReplayResult.FIXED, True),
        (judged(Verdict.FAIL, LOST), ReplayResult.STILL_FAILS, False),
        (judged(Verdict.GAP, LOST), ReplayResult.STILL_FAILS, True),
        (judged(Verdict.FAIL, OTHER), ReplayResult.DIFFERENT, False),
        (judged(Verdict.UNSTABLE), ReplayResult.DIFFERENT, False),
        (judged(Verdict.CRASH, ENDED, check="round_trip_completes"), ReplayResult.DIFFERENT, False),
        (judged(Verdict.VACUOUS), ReplayResult.ERROR, False),
        (judged(Verdict.NOT_APPLICABLE), ReplayResult.ERROR, False),
        (
            judged(Verdict.HARNESS_ERROR, ENDED, check="round_trip_completes"),
            ReplayResult.ERROR,
            False,
        ),
        (judged(Verdict.PASS, check="weights_survive"), ReplayResult.ERROR, False),
        (Report((), "no such layer"), ReplayResult.ERROR, False),
        ("no save path", ReplayResult.ERROR, False),
    ],
)
def test_a_finding_is_fixed_only_if_its_check_was_judged_and_found_nothing(
    report, outcome, expected
):
    finding = a_finding(verdict=Verdict.FAIL)
    one = replayed(a_result(finding), finding, report)

    assert (one.outcome, one.expected) == (outcome, expected)


def test_a_known_issue_that_still_fails_is_expected():
    finding = a_finding(known="issue 1")
    one = replayed(a_result(finding), finding, judged(Verdict.FAIL, LOST))

    assert (one.outcome, one.expected) == (ReplayResult.STILL_FAILS, True)
    assert "known: issue 1" in line(one)


def test_a_crash_is_the_same_crash_on_whichever_check_the_run_reported_it():
    finding = a_finding(ENDED, verdict=Verdict.CRASH)
    report = judged(Verdict.CRASH, ENDED, check="round_trip_completes")

    assert replayed(a_result(finding), finding, report).outcome is ReplayResult.STILL_FAILS


def test_a_gap_that_is_a_failure_now_says_so():
    finding = a_finding(verdict=Verdict.GAP)

    assert "now fail" in line(replayed(a_result(finding), finding, judged(Verdict.FAIL, LOST)))


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([(ReplayResult.FIXED, True), (ReplayResult.STILL_FAILS, True)], 0),
        ([(ReplayResult.FIXED, True), (ReplayResult.STILL_FAILS, False)], 1),
        ([(ReplayResult.DIFFERENT, False)], 1),
        ([(ReplayResult.STILL_FAILS, False), (ReplayResult.ERROR, False)], 2),
    ],
)
def test_the_exit_code_is_of_the_worst_outcome(outcomes, code):
    tally = OutcomeCounts()
    for outcome, expected in outcomes:
        tally.add(Replayed(a_result(a_finding()), a_finding(), outcome, expected=expected))

    assert tally.exit_code == code


@pytest.fixture
def run(tmp_path):
    """A run's folder, with the findings on a subject that loses its momentum."""

    def run(*findings, subject=f"{FAULTY}:LosesMomentum"):
        infos = [info(described(subject))]
        head = header(infos, ALL_CHECKS, command="", seed=0, examples=1)
        folder = tmp_path / "run"
        store.begin(folder, head)
        for number, finding in enumerate(findings):
            result = replace(a_result(finding, subject), kind=f"kind {number}")
            store.append(store.shard(folder, "main"), result)
        store.write_run(folder, header=head, finished="", seconds=1.0)
        return str(folder)

    return run


def invoked(*arguments):
    return CliRunner().invoke(app, ["replay", *arguments])


def test_all_findings_of_a_run_are_replayed_with_a_line_each(run):
    """A defect that the subject has still fails, and one of another key is another defect."""
    faulty = f"{FAULTY}:LosesMomentum"
    ((_, report),) = replay(CASE, faulty, ["npz"], Limits(timeout=60.0))
    (seen,) = (one for one in report.judgements if one.check == CHECK)
    findings = (a_finding(seen.defects[0]), a_finding(OTHER, verdict=Verdict.FAIL))
    done = invoked("--run", run(*findings), "--subject", faulty)

    assert done.exit_code == 1
    assert f"{faulty}: 2 findings" in done.stdout
    assert "1/2 STILL FAILS npz optimizer_slots_survive: " in done.stdout
    assert "2/2 DIFFERENT   npz optimizer_slots_survive: " in done.stdout
    assert "0 FIXED, 1 STILL FAILS, 1 DIFFERENT, 0 ERROR" in done.stdout


def test_another_subject_shows_what_it_has_fixed(run):
    """As another release would: it has the packages of the run's subject."""
    done = invoked("--run", run(a_finding(verdict=Verdict.FAIL)), "--subject", LINEAR)

    assert done.exit_code == 0
    assert "1/1 FIXED" in done.stdout
    assert "1 FIXED, 0 STILL FAILS, 0 DIFFERENT, 0 ERROR" in done.stdout


def test_a_run_does_not_choose_the_code_of_a_replay(run):
    done = invoked("--run", run(a_finding()))

    assert done.exit_code == 2
    assert "pass --subject" in done.output


def test_a_run_without_findings_has_nothing_to_replay(run):
    done = invoked("--run", run(a_finding()), "--subject", LINEAR, "--path", "h5")

    assert done.exit_code == 2
    assert "expected findings to replay, found none" in done.output


def test_an_interrupted_replay_says_what_is_left(run, monkeypatch):
    def interrupted(group, _):
        yield replayed(*group.findings[0], judged(Verdict.PASS))
        raise KeyboardInterrupt

    monkeypatch.setattr(replays, "replays", interrupted)
    folder = run(a_finding(), a_finding(OTHER))
    done = invoked("--run", folder, "--subject", f"{FAULTY}:LosesMomentum")

    assert done.exit_code == 2
    assert "interrupted: 1 of 2 were not replayed" in done.stdout
    assert "1 FIXED" in done.stdout
