import os
import re
import resource
import subprocess
import sys
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from saveproof.conformance.campaigns.campaign import Campaign
from saveproof.conformance.campaigns.plan import Plan
from saveproof.conformance.runs.item_failures import failure
from saveproof.conformance.runs.session import Conformance
from saveproof.conformance.runs.suite.campaigns import outcome
from saveproof.reports import store
from saveproof.reports.files import Claim, NotWritten
from saveproof.reports.policy import Policy
from saveproof.reports.records import SHOWN_NOTHING, Finding, Result, Verdict
from tests.conformance.conftest import LINEAR_CASES
from tests.conformance.defects import state
from tests.conformance.test_reduction import Noting


def test_the_suite_can_be_a_plugin_beside_conftest_files():
    """Pytest keeps plugins in sets once a conftest file is not in force for what it collects."""
    plugin = Conformance.__new__(Conformance)

    assert {plugin} == {plugin}


def test_progress_is_told_where_pytest_captures_nothing(capsys):
    """A run may be started with `-p no:capture`: there is no capture to go past then."""

    class Config:
        class pluginmanager:
            @staticmethod
            def getplugin(_):
                return None

    plugin = Conformance.__new__(Conformance)
    plugin.config = Config()
    plugin._tell("12 of 30")

    assert capsys.readouterr().err == "12 of 30\n"


def test_a_failed_test_says_how_to_run_its_case_again(tmp_path):
    finding = Finding(state("weights", "kernel"), "9f2c", {}, "a dense layer")
    place = ("tf_keras", "h5", "sequential", "weights_survive")
    result = Result(*place, "must", Verdict.FAIL, {Verdict.FAIL: 1}, (finding,))

    told = failure(result, tmp_path / "my run", Policy())

    assert f"saveproof replay 9f2c --subject tf_keras --path h5 --run '{tmp_path}/my run'" in told


@pytest.mark.parametrize("verdict", sorted(SHOWN_NOTHING))
def test_a_campaign_whose_sentences_no_case_could_break_is_skipped_and_never_passes(verdict):
    place = ("tf_keras", "h5", "sequential", "weights_survive")

    with pytest.raises(pytest.skip.Exception, match=f"no check could have failed: {verdict}"):
        outcome([Result(*place, "must", verdict, {verdict: 3})], "my run", Policy())


def test_a_failed_campaign_lists_the_findings_of_each_check_by_its_name():
    finding = Finding(state("weights", "kernel"), "9f2c", {}, "a dense layer")
    checks = {"weights_survive": Verdict.FAIL, "names_survive": Verdict.FAIL, "ok": Verdict.PASS}
    results = [
        Result(*("tf_keras", "h5", "sequential", check), "must", verdict, {verdict: 1}, (finding,))
        for check, verdict in checks.items()
    ]

    with pytest.raises(pytest.fail.Exception) as failed:
        outcome(results, "my run", Policy())

    headings = [text for text in str(failed.value).splitlines() if text in checks]
    assert headings == ["weights_survive", "names_survive"]


def test_campaigns_that_share_their_cases_stay_on_one_worker(tmp_path):
    command = ["-m", "pytest", "--pyargs", "saveproof.conformance.runs.suite", "-v"]
    asked = ["subject=reference", "path=json", "path=h5", "examples=1"]
    out = ["--saveproof-out", str(tmp_path / "run"), "-n", "2", "-p", "no:cacheprovider"]

    done = subprocess.run(
        [sys.executable, *command, *(f"--saveproof-{one}" for one in asked), *out],
        capture_output=True,
        text=True,
        check=True,
    )

    seen = re.findall(r"\[(gw\d)\].*campaign\[reference (?:json|h5) (\w+)\]", done.stdout)
    workers = {kind: {worker for worker, of in seen if of == kind} for _, kind in seen}
    assert len(seen) == 6
    assert [len(each) for each in workers.values()] == [1, 1, 1]
    assert len(set().union(*workers.values())) == 2


def test_a_path_of_any_name_is_run_on_a_worker(tmp_path):
    umlaut = "--saveproof-subject=tests.conformance.faulty:Umlaut"

    suite("-n", "1", umlaut, "--saveproof-out", str(tmp_path), folder=tmp_path)

    run = store.read(tmp_path)
    assert run.complete
    assert "n\u00e4he" in {result.path for result in run.results}


def test_a_campaign_that_is_deselected_is_not_run(tmp_path):
    asked = ["--saveproof-subject=reference", "--saveproof-path=json", "--saveproof-path=config"]

    suite("-k", "json", *asked, "--saveproof-out", str(tmp_path), folder=tmp_path)

    run = store.read(tmp_path)
    assert run.complete
    assert {result.path for result in run.results} == {"json"}


def test_a_run_of_so_many_seconds_says_how_many_cases_it_came_to(tmp_path):
    suite("--saveproof-seconds", "2", "--saveproof-out", str(tmp_path), folder=tmp_path)

    run = store.read(tmp_path)
    most = max(sum(result.tally.values()) for result in run.results)
    assert run.header.examples == most
    assert most > 0


DYING_WORKER = """
import os


def pytest_runtest_setup(item):
    if "PYTEST_XDIST_WORKER" in os.environ and "campaign" in item.name:
        os._exit(9)
"""


def suite(*options, folder, room=resource.RLIM_INFINITY):
    """Run the suite over a linear subject, with what plugins there are in the folder.

    No file becomes longer than there is `room`.
    """

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    asked = ["subject=examples.linear_class:Linear", "kind=sequential", "examples=1"]
    command = ["-m", "pytest", "--pyargs", "saveproof.conformance.runs.suite"]
    command += [f"--saveproof-{one}" for one in asked]
    return subprocess.run(
        [sys.executable, *command, "-p", "no:cacheprovider", *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])},
        preexec_fn=limit,
    )


def test_a_run_whose_worker_died_is_incomplete(tmp_path):
    (tmp_path / "dying_worker.py").write_text(DYING_WORKER)
    out = tmp_path / "run"

    done = suite(
        *("-p", "dying_worker", "-n", "1", "--max-worker-restart", "0"),
        *("--saveproof-out", str(out)),
        folder=tmp_path,
    )

    assert done.returncode == 2
    assert not store.read(out).complete


def test_a_run_that_lacks_a_result_that_was_kept_is_incomplete():
    plugin = Conformance.__new__(Conformance)
    plugin._recorded = {"one campaign": 1, "another": 1}
    one = Result("s", "p", "sequential", "weights_survive", "must", Verdict.PASS, {Verdict.PASS: 1})
    other = replace(one, path="q")

    assert plugin._lacks_any(SimpleNamespace(results=(one,), witnesses=()))
    assert not plugin._lacks_any(SimpleNamespace(results=(one, other), witnesses=()))


@pytest.mark.parametrize("option", ["--collect-only", "-m=nothing"])
def test_an_earlier_run_stays_where_nothing_runs(option, tmp_path):
    earlier = tmp_path / "run.jsonl"
    earlier.write_text("an earlier run\n")

    suite(option, "--saveproof-out", str(tmp_path), folder=tmp_path)

    assert earlier.read_text() == "an earlier run\n"
    assert list(tmp_path.iterdir()) == [earlier]


INTERRUPTED_TWICE = """
import pytest
from saveproof.conformance.campaigns.campaign import Campaign

book = Campaign.book


def interrupted(self, *arguments, **options):
    book(self, *arguments, **options)
    if self.examined > 2:
        raise KeyboardInterrupt


Campaign.book = interrupted


@pytest.hookimpl(tryfirst=True)
def pytest_keyboard_interrupt(excinfo):
    raise KeyboardInterrupt
"""


def test_a_run_that_is_interrupted_twice_is_incomplete(tmp_path):
    """The second interrupt comes before the first was noted; every check has a result by then."""
    (tmp_path / "interrupted_twice.py").write_text(INTERRUPTED_TWICE)
    out = tmp_path / "run"

    done = suite(
        *("-p", "interrupted_twice", "-n", "0"),
        *("--saveproof-examples", "30", "--saveproof-out", str(out)),
        folder=tmp_path,
    )

    run = store.read(out)
    assert done.returncode != 0
    assert len(run.results) > 10
    assert max(sum(result.tally.values()) for result in run.results) == 3
    assert not run.complete


def report_of(*properties):
    return SimpleNamespace(nodeid="an item", when="call", user_properties=properties)


def test_a_campaign_that_was_not_run_to_its_end_makes_the_run_incomplete():
    """Whatever results of it there are."""
    plugin = Conformance(SimpleNamespace(out="my run", campaigns=(), witnesses=()))
    plugin.config = SimpleNamespace()
    plugin._unfinished = {"an item"}
    plugin._tell = lambda _: None

    plugin.pytest_runtest_logreport(report_of())
    assert plugin._unfinished == {"an item"}

    plugin.pytest_runtest_logreport(report_of(["saveproof results", 30]))
    assert not plugin._unfinished


def test_a_folder_of_another_run_is_refused_and_left_alone(tmp_path):
    claim = Claim(tmp_path / "run")

    done = suite("-n", "1", "--saveproof-out", str(tmp_path / "run"), folder=tmp_path)

    claim.release()
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "in use by another run" in done.stderr
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["lock"]


def test_a_folder_without_room_is_told_in_a_line_and_is_no_finding(tmp_path):
    out = tmp_path / "run"

    done = suite("-n", "0", "--saveproof-out", str(out), folder=tmp_path, room=24000)

    (told,) = re.findall(r"saveproof: .*", done.stdout + done.stderr)
    assert "report.html: can't be written: File too large; free some space" in told
    assert done.returncode == pytest.ExitCode.INTERRUPTED
    assert not (out / "report.html").exists()


def test_a_result_that_cannot_be_kept_ends_the_session():
    plugin = Conformance(SimpleNamespace(out="my run", campaigns=(), witnesses=()))
    plugin.config = SimpleNamespace()
    told = []
    plugin._tell = told.append

    def results(*_):
        raise NotWritten("no room")

    plugin._campaigns.results = results
    with pytest.raises(pytest.exit.Exception, match="saveproof: no room"):
        plugin.results("a set", "a campaign")

    assert told == ["saveproof: no room"]


def test_what_cannot_be_written_comes_out_of_a_campaign_as_it_is():
    """A new defect is written at once."""
    plan = Plan("tests.conformance.faulty:LosesMomentum", "npz", "sequential", LINEAR_CASES)

    def unwritten(_):
        raise NotWritten("no room")

    campaign = Campaign(plan, Noting(), unwritten)
    with pytest.raises(NotWritten, match="no room"):
        campaign.run()

    assert campaign.examined == 1
