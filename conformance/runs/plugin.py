"""The pytest plugin, which every pytest run loads: adds the suite's options and starts it."""

from typing import Any

import pytest

from saveproof.conformance.runs.options import SuiteOptions, options

XDIST = "workers"
"""The option that pytest-xdist already offers, as `-n`."""


JOB = "saveproof_job"
"""The key under which a pytest-xdist worker receives the job."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the suite; without the suite they have no effect."""
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
    """Load the code that runs a job, in a process that has one."""
    if config.getoption("saveproof_subject") or JOB in getattr(config, "workerinput", {}):
        config.pluginmanager.import_plugin("saveproof.conformance.runs.start")
