"""The tables of docs/exit-codes.md: each row is run."""

import re
import shlex

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from saveproof.conformance.campaigns.campaign import Campaign
from saveproof.conformance.cli import app
from saveproof.conformance.runs.progress import Reporter
from saveproof.reports.records import Verdict
from tests.test_architecture import ROOT

FAULTY, SOUND = "tests.conformance.faulty", "examples.linear_class:Linear"
GATED = "tests.conformance.gated:ForgetsWithoutPromise"
SUBJECTS = {
    "": SOUND,
    "every promise is kept": SOUND,
    "a documented promise is broken": f"{FAULTY}:LosesMomentum",
    "the subject's process dies": f"{FAULTY}:DiesOnLoad",
    "a load never ends": f"{FAULTY}:HangsOnLoad",
    "a gap": GATED,
    "a known issue": SOUND,
    "an unstable result": f"{FAULTY}:Restless",
    "a promise that no example shows": SOUND,
    "the subject's adapter is broken": f"{FAULTY}:CannotBuild",
    "an interrupt": SOUND,
}
CHECKS = ("weights_survive", "optimizer_slots_survive", "resume_trajectory_is_identical")
SMALL = ["--kind", "sequential", "--examples", "2", "-n", "0"]
RUN = [*SMALL, *(word for check in CHECKS for word in ("--check", check))]
ROW = re.compile(r"^\| `(saveproof .*)` \| (.*?) ?\| (\d) \|$", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs/exit-codes.md").read_text(encoding="utf-8"))


def invoke(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def met(monkeypatch):
    """Bring about what no small subject can: a listed issue, a promise not shown, an interrupt."""

    def met(what):
        seen = {
            "a known issue": Verdict.KNOWN,
            "a promise that no example shows": Verdict.NOT_SHOWN,
        }
        if what in seen:
            verdict, results = seen[what], Campaign.results
            monkeypatch.setattr(
                Campaign,
                "results",
                lambda campaign: tuple(
                    replace(one, verdict=verdict, tally={verdict: 2}) for one in results(campaign)
                ),
            )
        if what == "an interrupt":

            def interrupt(_, *, last=False):
                if not last:
                    raise KeyboardInterrupt

            monkeypatch.setattr(Reporter, "examined", interrupt)

    return met


@pytest.mark.parametrize(("command", "what", "code"), ROWS)
def test_a_command_ends_with_the_exit_code_of_its_row(command, what, code, met, tmp_path):
    subject = SUBJECTS[what]
    met(what)
    (tmp_path / "file").write_text("no folder")
    there = tmp_path / "there"
    if "FOLDER_WITH_A_RUN" in command:
        assert invoke("run", subject, *RUN, "--out", there).exit_code == 0
    for number in re.findall(r"SHARD_(\d)", command):
        out = ("--out", tmp_path / f"shard-{number}")
        invoke("run", subject, *RUN, "--shard", f"{number}/2", *out)
    places = {
        "NO_SUCH_SUBJECT": "no_such_subject",
        "FOLDER_WITH_A_RUN": str(there),
        "A_FILE": str(tmp_path / "file"),
        "MERGED": str(tmp_path / "merged"),
        "SHARD_1": str(tmp_path / "shard-1"),
        "SHARD_2": str(tmp_path / "shard-2"),
        "SUBJECT": subject,
    }
    text = re.sub("|".join(places), lambda found: places[found[0]], command)
    name, *arguments = shlex.split(text)[1:]
    small = {"run": RUN, "interchange": SMALL, "merge": []}[name]
    out = [] if "--out" in arguments else ["--out", tmp_path / "out"]

    done = invoke(name, *arguments, *small, *out)

    assert done.exit_code == int(code), done.output


def test_the_tables_have_every_choice_of_fail_on():
    named = {choice for command, _, _ in ROWS for choice in re.findall(r"--fail-on (\S+)", command)}

    assert named == {"fail", "gap", "known", "unstable", "not-shown"}
    assert len(ROWS) > 35
