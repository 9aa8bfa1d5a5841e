"""Exchanges with the frameworks themselves: a few cases each way."""

import sys
from functools import partial
from pathlib import Path

import pytest

from saveproof.conformance.doctor import doctor, tried
from saveproof.conformance.families.subjects import resolve
from saveproof.conformance.interchange.selection import interchange_job
from saveproof.conformance.runs import runner
from saveproof.conformance.runs.options import InterchangeOptions
from saveproof.reports.interchange import grid
from saveproof.reports.matrix import matrix
from saveproof.reports.records import UNEXPECTED
from saveproof.reports.store import Run, read

pytestmark = pytest.mark.frameworks


@pytest.fixture
def run(tmp_path: Path):
    """Run exchanges of some subjects over one format."""

    def run(*subjects: str, name: str) -> Run:
        options = InterchangeOptions(
            subject=subjects,
            format=(name,),
            kind=("sequential",),
            examples=4,
            shrink=5.0,
            out=tmp_path,
        )
        runner.run(interchange_job(options, "saveproof interchange"), "0")
        return read(tmp_path)

    return run


@pytest.mark.parametrize(
    ("framework", "name"), [("tf_keras", "h5-keras2"), ("keras:torch", "archive-keras3")]
)
def test_files_travel_between_the_reference_and_a_framework(run, framework, name):
    for package in framework.split(":"):
        pytest.importorskip(package)

    found = grid(matrix(run("reference", framework, name=name)))

    assert found is not None
    for writer, reader in (("reference", framework), (framework, "reference")):
        one = found.at(name, writer, reader)
        assert one is not None
        assert one.verdict not in UNEXPECTED, one.lost
        assert one.distance is not None


def test_a_framework_served_from_its_environment_does_all_that_it_does():
    pytest.importorskip("torch")
    pytest.importorskip("keras")

    subject = resolve(f"keras:torch@{sys.prefix}")
    findings = doctor(subject, partial(tried, subject))

    assert [finding for finding in findings if not finding.ok] == []
