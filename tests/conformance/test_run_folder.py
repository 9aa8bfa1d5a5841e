"""The folder of a run that goes on: one run's alone, whichever command makes it."""

import pytest
from typer.testing import CliRunner

from saveproof.conformance.checks import ALL_CHECKS
from saveproof.conformance.cli import app
from saveproof.conformance.runs.header import header
from saveproof.conformance.runs.run_folder import RunFolder
from saveproof.reports import store
from saveproof.reports.files import Claim, NotWritten
from tests.conformance.travelling import HERE
from tests.reports.test_files import room_for

EXACT = f"{HERE}:exact"
HEADER = header([], ALL_CHECKS, command="saveproof", seed=0, examples=1)


def test_exchanges_are_refused_in_the_folder_of_another_run(tmp_path):
    claim = Claim(tmp_path)

    done = CliRunner().invoke(app, ["interchange", EXACT, "--out", str(tmp_path)])

    claim.release()
    assert done.exit_code == 2
    assert "in use by another run" in done.output
    assert [file.name for file in tmp_path.iterdir()] == ["lock"]


def test_exchanges_that_cannot_be_written_end_with_a_line(tmp_path):
    with room_for(1000):
        done = CliRunner().invoke(app, ["interchange", EXACT, "--out", str(tmp_path)])

    assert done.exit_code == 2
    assert "run.jsonl: can't be written: File too large" in done.output


def test_a_folder_is_let_go_of_where_its_run_could_not_begin(tmp_path):
    folder = RunFolder(tmp_path, {})

    with room_for(10), pytest.raises(NotWritten):
        folder.begin(HEADER)

    Claim(tmp_path).release()


def test_a_run_that_was_begun_and_not_finished_is_incomplete(tmp_path):
    folder = RunFolder(tmp_path, {"markdown": "report.md"})

    folder.begin(HEADER)
    assert not store.read(tmp_path).complete

    assert folder.finish(HEADER, interrupted=False).complete
    folder.release()
    assert (tmp_path / "report.md").read_text().startswith("# saveproof")
