"""The pytest plugin, which every pytest run loads: adds the suite's options and starts it."""

from typing import Any

import pytest

from saveproof.conformance.runs.options import Option, SuiteOptions, options

XDIST = "workers"
"""The option that pytest-xdist already offers, as `-n`."""


JOB = "saveproof_job"
"""The key under which a pytest-xdist worker receives the job."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the suite; without the suite they have no effect.

    An option that is not given is None: its value may stand in `pyproject.toml`.
    """
    group = parser.getgroup("saveproof", "conformance of saving, loading and resuming")
    for option in options(SuiteOptions):
        if option.name == XDIST:
            continue
        known = "" if option.default in ((), None, False) else f" ({option.default})"
        group.addoption(
            f"--saveproof-{option.flag}",
            dest=f"saveproof_{option.name}",
            default=None,
            help=f"{option.help}{known}",
            **_taken(option),
        )


def _taken(option: Option) -> dict[str, Any]:
    if option.type is bool:
        return {"action": "store_true"}
    return {"type": option.type} | ({"action": "append"} if option.many else {})


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Load the code that runs a job, in a process that has one."""
    if config.getoption("saveproof_subject") or JOB in getattr(config, "workerinput", {}):
        config.pluginmanager.import_plugin("saveproof.conformance.runs.start")
