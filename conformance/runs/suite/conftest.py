"""Collects the suite's items, which pytest would not recognize as tests."""

from pathlib import Path

import pytest

from saveproof.conformance.runs.suite import campaigns


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the job's campaigns when pytest reaches the module of items."""
    if file_path.samefile(campaigns.__file__):
        return campaigns.Suite.from_parent(parent, path=file_path)
    return None
