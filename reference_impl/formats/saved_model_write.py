"""Writing a SavedModel: a folder that is put in its place at once."""

import ctypes
import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reference_impl.formats.bundle_write import write_bundle
from reference_impl.formats.durable import write_durably
from reference_impl.formats.keras_metadata import ObjectMetadata, encoded_metadata
from reference_impl.formats.object_graph import tensors_of
from reference_impl.formats.protos import MESSAGES, encoded
from reference_impl.formats.saved_model_objects import Objects, object_graph
from reference_impl.plain import json_text
from reference_impl.state import NamedArray

GRAPH_FILE, METADATA_FILE = "saved_model.pb", "keras_metadata.pb"
FINGERPRINT_FILE = "fingerprint.pb"
VARIABLES = "variables/variables"
FOLDERS = ("variables", "assets")
SCHEMA_VERSION = 1

INDEX = ".saveproof/index"
"""The key of the extra state that is JSON; every other reader passes over it."""

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@dataclass(frozen=True, slots=True)
class SavedModelParts:
    """What a SavedModel holds.

    Attributes:
        meta_graph: the MetaGraphDef without objects.
        objects: the objects, with the values of the variables.
        metadata: of the Keras objects.
        index: of the extra state: what JSON can hold.
        extras: the rest of it, under keys of its own.
    """

    meta_graph: Any
    objects: Objects
    metadata: Sequence[ObjectMetadata]
    index: Mapping[str, Any]
    extras: Sequence[NamedArray]


def write_saved_model(parts: SavedModelParts, target: Path) -> None:
    """Write a SavedModel beside the target and put it in the target's place.

    What else lies in a folder of that name stays in it.

    Raises:
        NotADirectoryError: if the target is a file.
    """
    target = target.resolve()
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(
            f"{target}: expected a folder or nothing where a SavedModel is to be, found a file; "
            "choose another name or remove it"
        )
    files = _files(parts)
    digests = {name: digest(data) for name, data in files.items()}
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for folder in FOLDERS:
            (partial / folder).mkdir(parents=True)
        for name, data in files.items():
            write_durably(partial / name, data)
        index = {**parts.index, "members": digests}
        tensors = [*tensors_of(parts.objects.root), *parts.extras, _text(index)]
        write_bundle(partial / VARIABLES, tensors)
        old = _replaced(partial, target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    if old is not None:
        _keep_the_rest(old, target)


def digest(data: bytes) -> str:
    """Return what tells a file's bytes from others."""
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


def _replaced(partial: Path, target: Path) -> Path | None:
    """Put the folder in the target's place: at once where the system can swap two names.

    Elsewhere the old folder is put aside first, and back if the new one can't take its place.
    Returned is where the old one is now, None if there was none.
    """
    if not target.exists():
        partial.rename(target)
        return None
    if _exchanged(partial, target):
        return partial
    aside = target.with_name(f".{target.name}.{os.getpid()}.replaced")
    target.rename(aside)
    try:
        partial.rename(target)
    except OSError:
        aside.rename(target)
        raise
    return aside


def _keep_the_rest(old: Path, new: Path) -> None:
    """Move what only the old folder has into the new one, and remove the old one."""
    for member in list(old.iterdir()):
        place = new / member.name
        if not place.exists():
            member.rename(place)
        elif member.is_dir() and not member.is_symlink():
            _keep_the_rest(member, place)
    shutil.rmtree(old)


def _exchanged(one: Path, other: Path) -> bool:
    """Swap two names at once and say whether that could be done: Linux has a call for it."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None) if os.name == "posix" else None
    if rename is None:
        return False
    names = os.fsencode(one), os.fsencode(other)
    done: int = rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE)
    return done == 0
