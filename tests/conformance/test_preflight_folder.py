"""The folder of a run, refused or chosen before the run."""

import errno
import os
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from saveproof.conformance.cli import app
from saveproof.conformance.runs import preflight
from saveproof.conformance.runs.options import DEFAULTS
from saveproof.conformance.runs.preflight import HasRun, NotAFolder, run_folder
from saveproof.reports import store

LINEAR = "examples.linear_class:Linear"
SMALL = ("--kind", "sequential", "--check", "weights_survive", "--examples", "1", "-n", "0")


def with_run(folder):
    folder.mkdir()
    (folder / store.RUN_FILE).write_text("an earlier run")
    return folder


def test_a_run_without_a_folder_goes_beside_the_earlier_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_folder(DEFAULTS) == Path("saveproof-report")
    with_run(Path("saveproof-report"))
    assert run_folder(DEFAULTS) == Path("saveproof-report-2")
    assert run_folder(replace(DEFAULTS, force=True)) == Path("saveproof-report")


def test_a_named_folder_with_a_run_is_refused_with_both_ways_out(tmp_path):
    options = replace(DEFAULTS, out=with_run(tmp_path / "mine"))

    with pytest.raises(HasRun, match=r"replace it with --force, or name another folder with --out"):
        run_folder(options)
    assert run_folder(replace(options, force=True)) == tmp_path / "mine"


@pytest.mark.parametrize("command", ["run", "interchange", "merge"])
def test_a_folder_that_cannot_be_written_is_one_line_and_exit_code_2(
    command, tmp_path, monkeypatch
):
    """The system refuses it: a read-only disk, or a folder without permission."""

    def refused(**_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(preflight, "TemporaryFile", refused)
    subject = tmp_path if command == "merge" else LINEAR

    done = CliRunner().invoke(app, [command, str(subject), "--out", str(tmp_path / "out")])

    assert done.exit_code == 2
    (line,) = done.output.splitlines()
    assert line.startswith("saveproof: out: expected a folder that can be written or made")
    assert "Read-only file system" in line
    assert not (tmp_path / "out").exists()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(NotAFolder, match=r"found '.*file' \(a file\)"):
        run_folder(replace(DEFAULTS, out=tmp_path / "file" / "run"))


def test_commands_without_a_run_take_the_newest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    faulty = "tests.conformance.faulty:ShiftsWeights"
    for subject in (LINEAR, faulty):
        CliRunner().invoke(app, ["run", subject, *SMALL])
    (finding,) = store.read(tmp_path / "saveproof-report-2").results[0].findings

    done = CliRunner().invoke(app, ["replay", finding.case_id, "--subject", faulty])

    assert done.exit_code == 1, done.output
    assert "weights" in done.output
