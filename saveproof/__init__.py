"""Property-based tests for saving, loading and resuming models."""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Return the version as installed; it is looked up only when it is asked for."""
    if name == "__version__":
        return import_module("importlib.metadata").version(__name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
