"""Writes and reads a gigabyte of arrays with programs that have no models."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from safetensors.numpy import load_file, save_file

Arrays = Mapping[str, np.ndarray]


def write_raw(arrays: Arrays, target: Path) -> None:
    """Write the bytes of one array after another."""
    with target.open("wb") as file:
        for array in arrays.values():
            file.write(array.data)


def read_raw(source: Path, arrays: Arrays) -> Arrays:
    """Read the bytes into new arrays of the same shapes, one after another."""
    found = {name: np.empty_like(array) for name, array in arrays.items()}
    with source.open("rb") as file:
        for array in found.values():
            file.readinto(array.data)
    return found


def write_h5py(arrays: Arrays, target: Path) -> None:
    """Write one dataset for each array."""
    with h5py.File(target, "w") as file:
        for name, array in arrays.items():
            file[name] = array


def read_h5py(source: Path, arrays: Arrays) -> Arrays:
    """Read every dataset into memory."""
    with h5py.File(source, "r") as file:
        return {name: file[name][()] for name in arrays}


def write_safetensors(arrays: Arrays, target: Path) -> None:
    """Write one tensor for each array."""
    save_file(dict(arrays), target)


def read_safetensors(source: Path, arrays: Arrays) -> Arrays:  # noqa: ARG001 (as the others)
    """Read every tensor."""
    found: Arrays = load_file(source)
    return found


class Program(NamedTuple):
    """How a program writes arrays, and reads all of them into memory."""

    write: Callable[[Arrays, Path], None]
    read: Callable[[Path, Arrays], Arrays]


PROGRAMS: Mapping[str, Program] = {
    "raw": Program(write_raw, read_raw),
    "h5py": Program(write_h5py, read_h5py),
    "safetensors": Program(write_safetensors, read_safetensors),
}
"""The programs that formats are compared with."""
