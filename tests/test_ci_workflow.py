"""The workflow of docs/ci.md and the action: every `run:` step is executed, as GitHub would."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parents[1]
MUTANT = "saveproof.conformance.mutants.faults.weights:lost_weights"
OPTIONS = "--examples 2 --path h5 --kind sequential --kind functional"
MAIN = "from saveproof.conformance.cli import main; main()"
STUBS = {
    "python": f'[ "$1 $2" = "-m pip" ] && echo "$@" >> installed || exec {sys.executable} "$@"',
    "gh": 'echo "$@" >> comments; [ "$4" != --edit-last ]',
    "saveproof": f"exec {sys.executable} -c '{MAIN}' \"$@\"",
}
"""Programs of the runner: pip and gh note what they are asked for; no comment is there to edit."""


class Job(NamedTuple):
    """A job: its steps, its variables, and the values of a matrix."""

    steps: Sequence[Mapping[str, Any]]
    env: Mapping[str, str]
    matrix: Sequence[int]


class Runner:
    """Executes the steps of jobs in a workspace, where artifacts and caches stay."""

    def __init__(self, folder: Path, event: str, **env: str) -> None:
        self.workspace = folder
        self.summary = folder / "summary.md"
        self.context = {
            "github.workspace": str(folder),
            "github.run_id": "7",
            "github.token": "token",
            "github.repository": "owner/repo",
            "github.action_path": str(ROOT),
            "github.event.pull_request.number": "12",
            "github.event_name": event,
        }
        stubs = folder / "stubs"
        stubs.mkdir(exist_ok=True)
        for name, text in STUBS.items():
            (stubs / name).write_text(f"#!/bin/bash\n{text}\n")
            (stubs / name).chmod(0o755)
        self.env = {
            **os.environ,
            "PATH": f"{stubs}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "GITHUB_ACTIONS": "true",
            "GITHUB_STEP_SUMMARY": str(self.summary),
            **env,
        }
        self.printed: dict[str, str] = {}

    def run(self, job: Job, **env: str) -> list[int]:
        """Execute the job for each value of its matrix; return the last exit code of each."""
        return [self._job(job, {**job.env, **env}, value) for value in job.matrix]

    def _job(self, job: Job, env: Mapping[str, str], value: int) -> int:
        context = {**self.context, "matrix.shard": str(value)}
        code = 0
        for step in job.steps:
            if not self._wanted(step.get("if", ""), failed=code != 0):
                continue
            if "run" in step:
                code = code or self._step(step, env, context)
            else:
                self._action(step, context)
        return code

    def _wanted(self, condition: str, *, failed: bool) -> bool:
        event = re.fullmatch(r"github\.event_name == '(\w+)'", condition)
        assert event or condition in ("", "always()"), condition
        if event and event[1] != self.context["github.event_name"]:
            return False
        return condition == "always()" or not failed

    def _step(self, step: Mapping[str, Any], env: Mapping[str, str], context: Any) -> int:
        given = {**env, **step.get("env", {})}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.workspace,
            env={**self.env, **{name: filled(text, context) for name, text in given.items()}},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.printed[step["name"]] = done.stdout
        return done.returncode

    def _action(self, step: Mapping[str, Any], context: Mapping[str, str]) -> None:
        """Do what an action does with the files of the workspace."""
        given = {name: filled(str(text), context) for name, text in step.get("with", {}).items()}
        match step["uses"].partition("@")[0]:
            case "actions/upload-artifact":
                source = self.workspace / given["path"]
                assert source.is_dir(), self.printed
                target = self.workspace / "artifacts" / given["name"]
                shutil.copytree(source, target, dirs_exist_ok=True)
            case "actions/download-artifact":
                for artifact in (self.workspace / "artifacts").glob(given["pattern"]):
                    target = self.workspace / given["path"] / artifact.name
                    shutil.copytree(artifact, target, dirs_exist_ok=True)
            case other:
                assert other in ("actions/checkout", "actions/setup-python", "actions/cache")


def filled(text: str, context: Mapping[str, str]) -> str:
    """Return the text with its expressions replaced."""
    return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: context[found[1]], text)


def documented() -> str:
    text = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
    return re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)[0]


def job(name: str) -> Job:
    one = yaml.safe_load(documented())["jobs"][name]
    matrix = one.get("strategy", {}).get("matrix", {}).get("shard", [1])
    return Job(one["steps"], one.get("env", {}), matrix)


@pytest.fixture(scope="module")
def pushed(tmp_path_factory):
    """The workflow on a push to the main branch, with the reference."""
    folder = tmp_path_factory.mktemp("push")
    runner = Runner(folder, "push", SUBJECT="reference", OPTIONS=OPTIONS, PACKAGES="saveproof")
    codes = [*runner.run(job("test")), *runner.run(job("report"))]
    return runner, codes


@pytest.fixture(scope="module")
def requested(pushed, tmp_path_factory):
    """The workflow on a pull request that makes the reference lose weights."""
    folder = tmp_path_factory.mktemp("request")
    shutil.copytree(pushed[0].workspace / "history", folder / "history")
    runner = Runner(folder, "pull_request", SUBJECT=MUTANT, OPTIONS=OPTIONS, PACKAGES="saveproof")
    codes = [*runner.run(job("test")), *runner.run(job("report"))]
    return runner, codes


def test_every_step_of_a_push_passes(pushed):
    runner, codes = pushed

    assert codes == [0, 0, 0], runner.printed
    assert (runner.workspace / "installed").read_text().count("-m pip install saveproof") == 3


def test_every_run_step_is_executed(pushed, requested):
    named = {
        step["name"] for name in ("test", "report") for step in job(name).steps if "run" in step
    }

    assert pushed[0].printed.keys() | requested[0].printed.keys() == named
    assert (
        len(re.findall(r"^ +run: ", documented(), re.MULTILINE)) == len(named) + 1
    )  # two Installs


def test_the_shards_are_one_complete_run(pushed):
    runner, _ = pushed
    report = (runner.workspace / "artifacts/report/report.md").read_text()

    assert "incomplete" not in report
    assert "sequential" in (runner.workspace / "merged/run.jsonl").read_text()


def test_a_push_keeps_the_trend(pushed):
    runner, _ = pushed
    (kept,) = (runner.workspace / "history").iterdir()

    assert (kept / "run.jsonl").is_file()
    assert "saveproof: trend" in (runner.workspace / "artifacts/report/trend.html").read_text()
    assert "# saveproof: trend" in runner.summary.read_text()


def test_a_pull_request_fails_on_a_new_failure(requested):
    runner, codes = requested

    assert codes == [0, 0, 1], runner.printed


def test_a_pull_request_gets_one_short_comment(requested):
    runner, _ = requested
    comment = (runner.workspace / "comment.md").read_text()

    assert "**New failures: " in comment
    assert f"reference → {MUTANT}" in comment.replace("&#95;", "_")
    assert len(comment) < 8000
    assert (runner.workspace / "comments").read_text().splitlines() == [
        "pr comment 12 --edit-last --body-file comment.md",
        "pr comment 12 --body-file comment.md",
    ]


def test_failures_are_annotations(requested):
    """GitHub shows lines that begin with ::error beside the change."""
    runner, _ = requested

    assert any(
        line.startswith("::error")
        for name in ("Test, and leave findings to the report", "Merge")
        for line in runner.printed[name].splitlines()
    )


def test_the_summary_is_the_markdown_report(requested):
    runner, _ = requested

    assert runner.summary.read_text().startswith("# saveproof: ")


@pytest.fixture
def act(tmp_path):
    """Execute the steps of the action with the given inputs."""

    def act(**inputs: str) -> tuple[Runner, list[int]]:
        action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
        defaults = {name: one.get("default", "") for name, one in action["inputs"].items()}
        assert inputs.keys() <= defaults.keys()
        runner = Runner(tmp_path, "push")
        given = {f"inputs.{name}": text for name, text in {**defaults, **inputs}.items()}
        runner.context |= given
        return runner, runner.run(Job(action["runs"]["steps"], {}, [1]))

    return act


def test_the_action_fails_on_new_failures_of_a_baseline_only(act, pushed, requested):
    """With the run of the reference as its baseline, and then with that of the mutant itself."""
    inputs = {"subject": MUTANT, "options": OPTIONS}
    good, bad = (runner.workspace / "merged/run.jsonl" for runner, _ in (pushed, requested))

    runner, codes = act(**inputs, baseline=str(good))
    assert codes == [1]
    assert "New failures" in runner.summary.read_text()
    shutil.rmtree(runner.workspace / "saveproof-report")
    assert act(**inputs, baseline=str(bad))[1] == [0]
