"""Makes file timings comparable: an idle disk before, and all bytes on the disk after."""

import os
from pathlib import Path

import numpy as np


def settle(size: int) -> None:
    """Flush the disk, and touch twice as much memory as a measurement needs.

    In a virtual machine, the first use of memory that was not used recently can take ten times as
    long as reading a file into it.
    """
    os.sync()
    np.ones(2 * size, np.uint8)


def make_durable(target: Path) -> None:
    """Flush the files of the target, a file or a folder, to the disk."""
    files = [file for file in target.rglob("*") if file.is_file()] if target.is_dir() else [target]
    for file in files:
        with file.open("rb") as written:
            os.fsync(written.fileno())
