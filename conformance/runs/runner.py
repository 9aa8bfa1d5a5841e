"""The runner of every job: a pytest session of the suite, its items handed to workers."""

import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from saveproof.conformance.runs import suite
from saveproof.conformance.runs.exit_codes import FINDINGS, NOT_FINISHED, NOTHING_UNEXPECTED
from saveproof.conformance.runs.job import Job
from saveproof.conformance.runs.session import Conformance


def run(job: Job, workers: str, *arguments: str) -> int:
    """Run the job's campaigns in so many processes; return the exit code."""
    folder = Path(suite.__path__[0])  # by name, pytest would load the conftest.py of where it runs
    settings = ["-c", str(folder / "pytest.ini"), str(folder), "-n", workers]
    os.environ.pop("PYTEST_ADDOPTS", None)  # it is meant for the caller's own tests
    code: int = NOT_FINISHED
    with suppress(KeyboardInterrupt):  # a second one, in the middle of ending
        code = pytest.main([*settings, *(arguments or ("-q",))], plugins=[Conformance(job)])
    return code if code in (NOTHING_UNEXPECTED, FINDINGS) else NOT_FINISHED


def command() -> str:
    """Return the command that this process was started with."""
    return shlex.join(["saveproof", *sys.argv[1:]])
