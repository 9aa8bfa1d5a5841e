"""The suite's worker processes: what they are told of the subjects, and which items each runs."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pytest

from saveproof.conformance.families import description
from saveproof.conformance.families.description import Described
from saveproof.conformance.runs.selection import Selection, in_brackets

DESCRIBED = "saveproof_described"
"""Under which name a worker is given what subjects have said of themselves."""


@dataclass(eq=False)
class Workers:
    """The hooks of pytest-xdist's controller."""

    config: pytest.Config
    selection: Selection

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Keep on one worker what runs side by side, unless another distribution was asked for.

        pytest-xdist's `loadgroup` would, but its 3.8 can't rename an item of pytest 9.2.
        """
        if config.getoption("dist") not in ("load", "loadgroup"):
            return None
        scheduler = import_module("xdist.scheduler").LoadScopeScheduling(config, log)
        asked = self.selection.by_id
        scheduler._split_scope = lambda item: asked.get(in_brackets(item), (None, item))[1]
        return scheduler

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker what the subjects have said of themselves: it need not ask them again."""
        names = self.config.getoption("saveproof_subject")
        node.workerinput[DESCRIBED] = {name: description.answer(name) for name in names}


def worker_subjects(worker: pytest.Config) -> Callable[[str], Described]:
    """Return what a worker was told of the subjects, by their names."""
    told = worker.workerinput[DESCRIBED]  # type: ignore[attr-defined]  # xdist's
    known = {name: description.from_json(name, text) for name, text in told.items()}
    return known.__getitem__
