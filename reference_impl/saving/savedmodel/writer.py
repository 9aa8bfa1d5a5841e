"""Writing of a SavedModel: a folder that replaces the target atomically."""

import ctypes
import errno
import hashlib
import os
import re
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from saveproof.reference_impl.plain import json_text
from saveproof.reference_impl.saving.atomic_file import make_like, naming, write_durably
from saveproof.reference_impl.saving.checkpoint.bundle_writer import write_bundle
from saveproof.reference_impl.saving.checkpoint.object_graph import tensors_of
from saveproof.reference_impl.saving.checkpoint.protos import MESSAGES, encoded
from saveproof.reference_impl.saving.savedmodel.keras_metadata import (
    ObjectMetadata,
    encoded_metadata,
)
from saveproof.reference_impl.saving.savedmodel.objects import Objects, object_graph
from saveproof.reference_impl.saving.temporaries import (
    REPLACED,
    abandoned,
    is_mine,
    is_temporary,
    left_beside,
    new_folder,
    put_on_disk,
    remove_left,
    temporary,
)
from saveproof.reference_impl.state import NamedArray

GRAPH_FILE, METADATA_FILE = "saved_model.pb", "keras_metadata.pb"
FINGERPRINT_FILE = "fingerprint.pb"
VARIABLES = "variables/variables"
FOLDERS = ("variables", "assets")
SCHEMA_VERSION = 1

INDEX = ".saveproof/index"
"""The key of the JSON part of the extra state, which other readers ignore."""

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@dataclass(frozen=True, slots=True)
class SavedModelParts:
    """The content of a SavedModel to write.

    Attributes:
        meta_graph: the MetaGraphDef without objects.
        objects: the objects, with the values of the variables.
        metadata: of the Keras objects.
        index: the JSON part of the extra state.
        extras: the arrays of the extra state, by key.
    """

    meta_graph: Any
    objects: Objects
    metadata: Sequence[ObjectMetadata]
    index: Mapping[str, Any]
    extras: Sequence[NamedArray]


def write_saved_model(parts: SavedModelParts, target: Path) -> None:
    """Write a SavedModel that replaces the target atomically.

    Other files in an existing target folder are kept.

    Raises:
        NotADirectoryError: if the target is a file.
        OSError: naming the target, which is unchanged.
    """
    target = target.resolve()
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(
            f"{target}: expected a folder or an unused name for a SavedModel, found a file; "
            "choose another name or remove it"
        )
    with naming(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _finish_others(target)
        remove_left(target)
        partial = temporary(target)
        replaced: list[Path] = []
        with new_folder(partial) as descriptor:
            try:
                _write(parts, partial, target)
                _put_in_place(partial, descriptor, target, replaced)
                put_on_disk(target.parent)
            finally:
                # This is the new folder or, after the swap, the old one; remove only our members.
                for folder in (partial, *replaced):
                    _keep_the_rest(folder, target)


def _write(parts: SavedModelParts, partial: Path, target: Path) -> None:
    """Write all members into the temporary folder."""
    for folder in FOLDERS:
        (partial / folder).mkdir()
    files = _files(parts)
    for name, data in files.items():
        write_durably(partial / name, data)
    index = {**parts.index, "members": {name: digest(data) for name, data in files.items()}}
    tensors = [*tensors_of(parts.objects.root), *parts.extras, _text(index)]
    write_bundle(partial / VARIABLES, tensors)
    _make_members_like(partial, target)


def _make_members_like(partial: Path, target: Path) -> None:
    """Set each member's permissions to those of the file that it replaces, before the swap."""
    variables = target / VARIABLES
    data = [name for name in _names_in(variables.parent) if name.startswith("variables.data-")]
    for member in partial.rglob("*"):
        old = target / member.relative_to(partial)
        if data and old.name.startswith("variables.data-"):
            old = old.with_name(data[0])
        descriptor = os.open(member, os.O_RDONLY)
        try:
            with suppress(FileNotFoundError, NotADirectoryError):
                make_like(descriptor, old.stat())
        finally:
            os.close(descriptor)


def _names_in(folder: Path) -> list[str]:
    """Return the sorted names in a folder; none if it does not exist."""
    try:
        return sorted(file.name for file in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def digest(data: bytes) -> str:
    """Return the digest of a file's bytes."""
    return hashlib.sha256(data).hexdigest()


def _files(parts: SavedModelParts) -> dict[str, bytes]:
    saved = MESSAGES["SavedModel"](saved_model_schema_version=SCHEMA_VERSION)
    meta = saved.meta_graphs.add()
    meta.CopyFrom(parts.meta_graph)
    meta.object_graph_def.CopyFrom(object_graph(parts.objects))
    graph = encoded(saved)
    fingerprint = MESSAGES["FingerprintDef"]()
    fingerprint.saved_model_checksum = int(digest(graph)[:16], 16)
    return {
        GRAPH_FILE: graph,
        METADATA_FILE: encoded_metadata(parts.metadata),
        FINGERPRINT_FILE: encoded(fingerprint),
    }


def _text(index: Mapping[str, Any]) -> NamedArray:
    text = np.empty((), object)
    text[()] = json_text(index).encode()
    return NamedArray(INDEX, text)


def _put_in_place(partial: Path, descriptor: int, target: Path, replaced: list[Path]) -> None:
    """Replace the target by the folder, atomically if the system can swap two names.

    On other systems the old folder is renamed first, and renamed back if the replacement fails.

    Args:
        partial: the new folder; after a swap, the path of the old one.
        descriptor: of the new folder.
        target: to replace.
        replaced: receives the paths of renamed old folders.
    """
    while True:
        try:
            make_like(descriptor, target.stat())
        except FileNotFoundError:
            make_like(descriptor, (partial / FOLDERS[0]).stat())
        else:
            if _exchanged(partial, target):
                return
            aside = temporary(target, REPLACED)
            with suppress(FileNotFoundError):  # another writer replaced it first
                target.rename(aside)
                replaced.append(aside)
        try:
            partial.rename(target)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                continue  # another writer replaced it again
            if replaced:
                replaced.pop().rename(target)
            raise
        return


def _finish_others(target: Path) -> None:
    """Complete replacements of ended writers: restore old folders, or keep their other files."""
    for left, its in left_beside(target):
        with suppress(OSError), abandoned(left) as status:
            if status is None or not stat.S_ISDIR(status.st_mode) or not is_mine(status):
                continue
            if left.suffix != REPLACED or (its is not None and its.exists()):
                _keep_the_rest(left, its)
            elif its is not None:
                left.rename(its)


def _keep_the_rest(old: Path, new: Path | None) -> None:
    """Remove a SavedModel's members from an old folder and move its other files to the new one.

    Files that can't be moved stay, so that repeated or concurrent calls lose nothing.
    """
    for file in _members_in(old):
        with suppress(OSError):
            file.unlink()
    for folder in (old / name for name in FOLDERS):
        with suppress(OSError):
            folder.unlink() if folder.is_symlink() else folder.rmdir()
    if new is not None and new.is_dir():
        _move_into(old, new)
    else:
        with suppress(OSError):
            old.rmdir()


def _members_in(folder: Path) -> list[Path]:
    """Return the members of a SavedModel in a folder, including temporaries."""
    variables = folder / VARIABLES
    beside = [] if variables.parent.is_symlink() else _names_in(variables.parent)
    own = re.compile(re.escape(variables.name) + r"\.(index|data-[0-9]{5}-of-[0-9]{5})")
    return [
        *(folder / name for name in (GRAPH_FILE, METADATA_FILE, FINGERPRINT_FILE)),
        *(
            variables.with_name(name)
            for name in beside
            if own.fullmatch(name) or is_temporary(name)
        ),
    ]


def _move_into(old: Path, new: Path) -> None:
    """Move files that only the old folder has into the new one; safe with concurrent calls."""
    for member in (old / name for name in _names_in(old)):
        place = new / member.name
        if not os.path.lexists(place):
            with suppress(FileNotFoundError):
                member.rename(place)
        elif not any(folder.is_symlink() or not folder.is_dir() for folder in (member, place)):
            _move_into(member, place)
    with suppress(OSError):
        old.rmdir()


def _exchanged(one: Path, other: Path) -> bool:
    """Swap two names atomically, on Linux only; return whether that succeeded."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None) if os.name == "posix" else None
    if rename is None:
        return False
    names = os.fsencode(one), os.fsencode(other)
    done: int = rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE)
    return done == 0
