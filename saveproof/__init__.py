"""Property-based tests for saving, loading and resuming models.

A public name is imported on first use, which keeps `saveproof --help` fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for type checkers; at run time `__getattr__` imports the names
    from saveproof.conformance.api import NotRun, check, items
    from saveproof.conformance.families.simple import DENSE_CHAIN, simple_subject
    from saveproof.conformance.model_state.contract import Contract, Facet, Promise, promises
    from saveproof.conformance.model_state.snapshot import Snapshot
    from saveproof.conformance.model_state.subject import Exchanged, SavePath, Subject, Unsupported
    from saveproof.reports.store import Run
    from saveproof.strategies.capabilities import Capabilities
    from saveproof.strategies.case import Case

__version__: str

_MODULES = {
    "saveproof.conformance.api": ("NotRun", "check", "items"),
    "saveproof.conformance.families.simple": ("DENSE_CHAIN", "simple_subject"),
    "saveproof.conformance.model_state.contract": ("Contract", "Facet", "Promise", "promises"),
    "saveproof.conformance.model_state.snapshot": ("Snapshot",),
    "saveproof.conformance.model_state.subject": (
        "Exchanged",
        "SavePath",
        "Subject",
        "Unsupported",
    ),
    "saveproof.reports.store": ("Run",),
    "saveproof.strategies.capabilities": ("Capabilities",),
    "saveproof.strategies.case": ("Case",),
}

__all__ = [
    "DENSE_CHAIN",
    "Capabilities",
    "Case",
    "Contract",
    "Exchanged",
    "Facet",
    "NotRun",
    "Promise",
    "Run",
    "SavePath",
    "Snapshot",
    "Subject",
    "Unsupported",
    "check",
    "items",
    "promises",
    "simple_subject",
]


def __getattr__(name: str) -> Any:
    """Import and return a public name; `__version__` is the installed version."""
    if name == "__version__":
        return import_module("importlib.metadata").version(__name__)
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
