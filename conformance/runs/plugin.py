"""The pytest plugin: its options, and the suite's session where a subject is asked for."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

OUT = Path("saveproof-report")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the suite; without `--saveproof-subject`, the plugin does nothing."""
    group = parser.getgroup("saveproof", "conformance of saving, loading and resuming")

    def add(name: str, **described: Any) -> None:
        group.addoption(f"--saveproof-{name}", **described)  # none is the caller's own

    add("subject", action="append", default=[], metavar="S", help="subject under test")
    add("path", action="append", default=[], metavar="P", help="only this save path")
    add("check", action="append", default=[], metavar="C", help="only this check")
    add("kind", action="append", default=[], help="only this kind of model")
    add("examples", type=int, default=30, metavar="N", help="cases a path and kind (30)")
    add("seconds", type=float, metavar="T", help="run each path and kind this long instead")
    add("timeout", type=float, default=120.0, metavar="T", help="seconds a case (120)")
    add("memory", type=float, default=8.0, metavar="M", help="GiB a process (8)")
    add("seed", type=int, default=0, metavar="N", help="seed of the cases (0)")
    add("out", type=Path, default=OUT, metavar="DIR", help=f"where the run goes ({OUT})")
    add("command", default="", help="the command that the report names")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start the suite's session.

    The session is imported only here: other people's pytest runs load this module too.
    """
    if not config.getoption("saveproof_subject"):
        return
    session = import_module("saveproof.conformance.runs.session").Conformance(config)
    config.pluginmanager.register(session, "saveproof-conformance")
    workers = import_module("saveproof.conformance.runs.xdist_workers").Workers(
        config, session.selection
    )
    config.pluginmanager.register(workers, "saveproof-workers")
