"""Starts the suite in a pytest process that was not started by `saveproof`."""

import shlex
import sys
from pathlib import Path

import msgspec
import pytest

from saveproof.conformance.runs.configuration import configured
from saveproof.conformance.runs.job import Job
from saveproof.conformance.runs.options import SuiteOptions, options, validated
from saveproof.conformance.runs.plugin import JOB, XDIST
from saveproof.conformance.runs.selection import suite_job
from saveproof.conformance.runs.session import Conformance


def pytest_configure(config: pytest.Config) -> None:
    """Register the job that a worker received, or that the options select.

    Raises:
        pytest.UsageError: the preflight refused the options; nothing has run.
    """
    given = getattr(config, "workerinput", {})
    job = msgspec.json.decode(given[JOB], type=Job) if JOB in given else _job(config)
    config.pluginmanager.register(Conformance(job))


def _job(config: pytest.Config) -> Job:
    names = (option.name for option in options(SuiteOptions) if option.name != XDIST)
    given = {name: config.getoption(f"saveproof_{name}") for name in names}
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        asked = validated(SuiteOptions, {**configured(SuiteOptions, Path()), **chosen})
        return suite_job(asked, shlex.join(["pytest", *sys.argv[1:]]))
    except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise pytest.UsageError(f"saveproof: {error}") from error
