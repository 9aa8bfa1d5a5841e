"""The collection of the suite's items, which pytest would take for no tests."""

from pathlib import Path

import pytest

from saveproof.conformance.runs.suite import campaigns


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the campaigns of the session's job where pytest comes to the module of items."""
    if file_path.samefile(campaigns.__file__):
        return campaigns.Suite.from_parent(parent, path=file_path)
    return None
