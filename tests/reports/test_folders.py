"""The folders of runs beside each other."""

import os

from saveproof.reports.folders import has_run, newest, unused


def run_in(folder, *, at):
    folder.mkdir()
    (folder / "run.jsonl").write_text("")
    os.utime(folder / "run.jsonl", (at, at))


def test_the_first_run_has_the_folder_and_later_ones_a_number(tmp_path):
    report = tmp_path / "report"

    assert unused(report) == report
    run_in(report, at=1)
    assert unused(report) == tmp_path / "report-2"
    run_in(tmp_path / "report-7", at=2)
    (tmp_path / "report-old").mkdir()
    assert unused(report) == tmp_path / "report-8"


def test_the_newest_run_counts_whatever_its_number(tmp_path):
    report = tmp_path / "report"
    run_in(report, at=5)
    run_in(tmp_path / "report-2", at=9)
    run_in(tmp_path / "report-3", at=7)
    (tmp_path / "report-4").mkdir()

    assert newest(report) == tmp_path / "report-2"


def test_without_a_run_the_newest_is_the_folder_itself(tmp_path):
    assert newest(tmp_path / "report") == tmp_path / "report"
    assert not has_run(tmp_path / "report")
