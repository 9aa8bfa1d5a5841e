"""What a run ran on: the machine, Python and the packages that it rests on."""

import os
import platform
from collections.abc import Mapping
from importlib import metadata

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
