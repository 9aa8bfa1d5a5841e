"""References to other files in a saved source: links of the file system and of HDF5."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import h5py

from saveproof.conformance.model_state.trace import Link


def outward(source: Path) -> Iterator[tuple[str, Link]]:
    """Yield the places in a file or folder that refer to another file, with the link."""
    for file in (source, *sorted(source.rglob("*"))):
        place = file.relative_to(source.parent).as_posix()
        if file.is_symlink():
            yield place, _link("a symbolic link", f"to {file.readlink()}")
        elif file.is_file():
            if file.stat().st_nlink > 1:
                yield place, _link("a file", f"of {file.stat().st_nlink} names")
            yield from _inside(place, file)


def _inside(place: str, file: Path) -> Iterator[tuple[str, Link]]:
    if h5py.is_hdf5(file):
        with file.open("rb") as opened:
            yield from _hdf5(place, opened)
    elif zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                if name.endswith(".h5"):
                    yield from _hdf5(f"{place}/{name}", io.BytesIO(archive.read(name)))


def _hdf5(place: str, opened: IO[bytes]) -> Iterator[tuple[str, Link]]:
    with h5py.File(opened, "r") as file:
        yield from _in_group(place, file)


def _in_group(place: str, group: h5py.Group) -> Iterator[tuple[str, Link]]:
    for name in group:
        link, inner = group.get(name, getlink=True), f"{place}/{name}"
        if isinstance(link, h5py.ExternalLink):
            yield inner, _link("an external link", f"to {link.filename}")
        elif isinstance(link, h5py.HardLink):
            yield from _in_object(inner, group[name])


def _in_object(place: str, held: h5py.Group | h5py.Dataset) -> Iterator[tuple[str, Link]]:
    if isinstance(held, h5py.Group):
        yield from _in_group(place, held)
    elif isinstance(held, h5py.Dataset):
        if held.external:
            yield place, _link("data", f"in {held.external[0][0]}")
        elif held.is_virtual:
            yield place, _link("data", f"of {held.virtual_sources()[0].file_name}")


def _link(sort: str, target: str) -> Link:
    return Link(sort, f"{sort} {target}")
