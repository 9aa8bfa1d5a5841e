"""The folders of runs: a later run goes into a numbered folder beside the first."""

import re
from collections.abc import Iterator
from pathlib import Path

from saveproof.reports.store import RUN_FILE

FIRST_BESIDE = 2
"""The number of the folder beside the one without a number."""


def has_run(folder: Path) -> bool:
    """Return whether a run has been written into the folder, or begun."""
    return (folder / RUN_FILE).exists()


def unused(folder: Path) -> Path:
    """Return the folder if it has no run, or else the next numbered one beside it."""
    if not has_run(folder):
        return folder
    last = max((number for number, _ in _beside(folder)), default=FIRST_BESIDE - 1)
    return folder.with_name(f"{folder.name}-{last + 1}")


def newest(folder: Path) -> Path:
    """Return the folder whose run is the newest, of this one and the numbered ones beside it."""
    there = [one for one in (folder, *(one for _, one in _beside(folder))) if has_run(one)]
    return max(there, key=lambda one: (one / RUN_FILE).stat().st_mtime_ns, default=folder)


def _beside(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yield the numbered folders beside this one, with their numbers."""
    name = re.compile(rf"{re.escape(folder.name)}-([1-9]\d*)")
    for one in folder.parent.iterdir() if folder.parent.is_dir() else ():
        found = name.fullmatch(one.name)
        if found and one.is_dir():
            yield int(found[1]), one
