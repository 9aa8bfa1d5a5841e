"""The pytest plugin: the options of the suite, and its start: every pytest run loads it."""

from typing import Any

import pytest

from saveproof.conformance.runs.options import SuiteOptions, options

XDIST = "workers"
"""The option of a run that pytest-xdist has itself, as `-n`."""


JOB = "saveproof_job"
"""Under which name a worker of pytest-xdist is given the job of the run."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the suite; where the suite is not collected, they do nothing."""
    group = parser.getgroup("saveproof", "conformance of saving, loading and resuming")
    for option in options(SuiteOptions):
        if option.name == XDIST:
            continue
        shown: dict[str, Any] = {"action": "append"} if option.many else {}
        default = list(option.default) if option.many else option.default
        known = f" ({default})" if default not in ([], None) else ""
        group.addoption(
            f"--saveproof-{option.name}",
            type=option.type,
            default=default,
            help=f"{option.help}{known}",
            **shown,
        )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Have pytest load what runs a job, in a process that has one."""
    if config.getoption("saveproof_subject") or JOB in getattr(config, "workerinput", {}):
        config.pluginmanager.import_plugin("saveproof.conformance.runs.start")
