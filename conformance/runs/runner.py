"""Runs a job as a pytest session of the suite, with its items distributed to workers."""

import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from saveproof.conformance.runs import suite
from saveproof.conformance.runs.job import Job
from saveproof.conformance.runs.session import Conformance
from saveproof.reports.exit_codes import FINDINGS, NOT_FINISHED, NOTHING_UNEXPECTED


def run(job: Job, workers: str, *arguments: str) -> int:
    """Run the job's campaigns in that number of workers; return the exit code."""
    folder = Path(suite.__path__[0])  # given by name, pytest would load the caller's conftest.py
    settings = ["-c", str(folder / "pytest.ini"), str(folder), "-n", workers]
    os.environ.pop("PYTEST_ADDOPTS", None)  # the caller sets it for their own tests
    code: int = NOT_FINISHED
    with suppress(KeyboardInterrupt):  # a second interrupt, while pytest is ending
        code = pytest.main([*settings, *(arguments or ("-q",))], plugins=[Conformance(job)])
    return code if code in (NOTHING_UNEXPECTED, FINDINGS) else NOT_FINISHED


def command() -> str:
    """Return the command line of this process."""
    return shlex.join(["saveproof", *sys.argv[1:]])
