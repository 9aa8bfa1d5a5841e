"""The environment of a run: the machine, Python and the packages."""

import os
import platform
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import metadata
from importlib.util import find_spec

NOT_INSTALLED = "not installed"
"""Stands for the version of a package that is not there."""

_PACKAGES = ("h5py", "hypothesis", "numpy", "pytest")


def described() -> Mapping[str, str]:
    """Return Python, platform, number of processors, and versions by package name."""
    machine = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": str(os.cpu_count()),
    }
    return machine | {package: version(package) for package in _PACKAGES}


def version(package: str) -> str:
    """Return the installed package's version, or `NOT_INSTALLED`."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return NOT_INSTALLED


def files(modules: Iterable[str]) -> Mapping[str, str]:
    """Return by name the files of those modules that are there, without importing any."""
    found: dict[str, str] = {}
    for name in modules:
        with suppress(ModuleNotFoundError, ValueError):  # a package that it is in is not there
            spec = find_spec(name)
            if spec is not None and spec.origin is not None:
                found[name] = spec.origin
    return found
