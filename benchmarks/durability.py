"""What makes times of files comparable: a machine at rest before, bytes on the disk after."""

import os
from pathlib import Path

import numpy as np


def settle(size: int) -> None:
    """Have the disk idle, and at hand twice as many bytes of memory as a side needs.

    In a virtual machine the first use of memory that was not used lately can cost ten times as
    much as reading a file into it.
    """
    os.sync()
    np.ones(2 * size, np.uint8)


def make_durable(target: Path) -> None:
    """Flush the files of the target, a file or a folder, to the disk."""
    files = [file for file in target.rglob("*") if file.is_file()] if target.is_dir() else [target]
    for file in files:
        with file.open("rb") as written:
            os.fsync(written.fileno())
