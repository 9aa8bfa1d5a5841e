"""What a run tells GitHub Actions."""

import pytest
from typer.testing import CliRunner

from saveproof.conformance.cli import app

ASKED = ("--kind", "sequential", "--check", "optimizer_slots_survive", "--examples", "1", "-n", "0")


@pytest.fixture
def run(tmp_path):
    def run(**environment):
        asked = ("run", "tests.conformance.faulty:LosesMomentum", *ASKED)
        out = ("--force", "--out", str(tmp_path / "run"))
        return CliRunner().invoke(app, [*asked, *out], env=environment)

    return run


def test_a_run_annotates_its_defects_and_appends_its_report_to_the_summary(run, tmp_path):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")

    done = run(GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary))

    assert done.exit_code == 1
    assert sum(line.startswith("::error title=") for line in done.stdout.splitlines()) == 1
    assert summary.read_text().startswith(
        "before\n# saveproof: 1 distinct defect: 1 documented promise broken"
    )


def test_a_summary_that_cannot_be_written_is_told_and_changes_nothing(run, tmp_path):
    done = run(GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(tmp_path))

    assert done.exit_code == 1
    assert "the summary can't be written: Is a directory" in done.stdout


def test_elsewhere_a_run_prints_no_annotation(run, tmp_path):
    summary = tmp_path / "summary.md"

    done = run(GITHUB_ACTIONS="", GITHUB_STEP_SUMMARY=str(summary))

    assert "::error" not in done.stdout
    assert not summary.exists()
