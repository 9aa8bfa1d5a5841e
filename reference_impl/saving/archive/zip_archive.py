"""The `.keras` archive: a zip file of metadata, configuration and weights.

Source: https://github.com/keras-team/keras/blob/v3.15.1/keras/src/saving/saving_lib.py
"""

import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO, FileIO
from pathlib import Path
from typing import Any

import numpy as np
from zlib_ng import zlib_ng

from saveproof.reference_impl.limits import TooLarge, check_expansion
from saveproof.reference_impl.plain import json_text
from saveproof.reference_impl.saving.atomic_file import DurableFile, replacing
from saveproof.reference_impl.saving.errors import (
    MissingPart,
    NotReadHere,
    UnreadableFile,
    WrongPart,
)
from saveproof.reference_impl.saving.extents import Extent, compare
from saveproof.reference_impl.saving.hdf5.memory import composed
from saveproof.reference_impl.saving.hdf5.parts import Content, root_of
from saveproof.reference_impl.saving.hdf5.weights_tree import WeightsTree, read_tree, write_tree
from saveproof.reference_impl.saving.json_text import json_value
from saveproof.reference_impl.saving.sources import Section, open_regular, opened_source
from saveproof.reference_impl.state import Entry

METADATA = "metadata.json"
CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
WEIGHTS_IN_NPZ = "model.weights.npz"

MAGIC = b"PK\x03\x04"
"""The first bytes of a zip file."""

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
"""The first bytes of an HDF5 file."""

LARGEST_DIRECTORY = 1 << 20
"""The largest zip directory in bytes, since a member takes ten times its size in memory."""

_TIME = (1980, 1, 1, 0, 0, 0)
_LARGE = 1 << 31
_LOCAL_HEADER = struct.Struct("<4s22x2H")
"""Local header of a member: its magic, and the lengths of its name and of its extra field."""


@dataclass(frozen=True, slots=True)
class Archive:
    """The content of a `.keras` file."""

    config: Entry
    weights: WeightsTree
    metadata: Entry


def write_archive(archive: Archive, target: Path, *, mark_bfloat16: bool) -> None:
    """Write the archive and replace the target atomically."""
    weights = composed(lambda root: write_tree(root, archive.weights, mark_bfloat16=mark_bfloat16))
    with replacing(target) as file, zipfile.ZipFile(file, "w") as members:
        for name, content in ((METADATA, archive.metadata), (CONFIG, archive.config)):
            members.writestr(_info(name), json_text(content))
        _write_weights(members, file, weights)


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _TIME)
    info.external_attr = 0o600 << 16
    return info


def _write_weights(
    members: zipfile.ZipFile, file: DurableFile, parts: Sequence[np.ndarray]
) -> None:
    """Write the weights as a member, computing the checksum faster than zipfile does."""
    info = _info(WEIGHTS)
    info.header_offset = members.start_dir
    info.CRC = 0
    for part in parts:
        info.CRC = zlib_ng.crc32(part, info.CRC)
        info.file_size += part.size
    info.compress_size = info.file_size
    file.seek(info.header_offset)
    file.write(info.FileHeader(zip64=info.file_size >= _LARGE))
    for part in parts:
        file.write(part)
    # These are the steps of zipfile when it closes a member.
    members.filelist.append(info)
    members.NameToInfo[info.filename] = info
    members.start_dir = file.tell()


def is_archive(source: Path) -> bool:
    """Return whether a file starts like a zip file, or is named `.keras` and is not HDF5.

    TensorFlow 2.0 wrote HDF5 under the extension `.keras`.

    Raises:
        UnreadableFile: for a FIFO, a socket or a device.
    """
    if not source.exists() or source.is_dir():
        return False
    with opened_source(source) as stream:
        start = stream.read(len(HDF5_MAGIC))
    return start.startswith(MAGIC) or (source.suffix == ".keras" and start != HDF5_MAGIC)


def read_archive(source: Path) -> Archive:
    """Return the content of an archive in either dialect; assets are not read.

    Raises:
        FileNotFoundError: if the file does not exist.
        UnreadableFile: if it is not a zip file, is truncated, or a checksum is wrong.
        TooLarge: if a member expands to far more than the size of the file.
        MissingPart: if the configuration or the weights are missing.
        WrongPart: if a member occurs twice, or is not JSON.
        NotReadHere: for weights in NumPy's format.
    """
    texts, weights = _members(source)
    listed = f"it has {sorted(texts)[:20]}"
    if CONFIG not in texts:
        raise MissingPart(f"{source}: no member {CONFIG!r}; {listed}")
    if weights is None and WEIGHTS_IN_NPZ in texts:
        raise NotReadHere(f"{source}: expected weights in {WEIGHTS!r}, found {WEIGHTS_IN_NPZ!r}")
    if weights is None:
        raise MissingPart(f"{source}: no member {WEIGHTS!r}; {listed}")
    metadata = _json(texts, METADATA, source) if METADATA in texts else {}
    with root_of(weights, source / WEIGHTS) as root:
        return Archive(_json(texts, CONFIG, source), read_tree(root), metadata)


def _members(source: Path) -> tuple[dict[str, bytes], Content | None]:
    """Return the members (empty if not read) without the weights, and the weights."""
    texts: dict[str, bytes] = {}
    weights = None
    try:
        with _Directory(source, opener=open_regular) as file, zipfile.ZipFile(file) as members:
            for info in members.infolist():
                if info.filename in texts or (info.filename == WEIGHTS and weights is not None):
                    raise WrongPart(
                        f"{source}: expected unique members, found {info.filename!r} twice"
                    )
                if info.filename == WEIGHTS:
                    weights = _weights(members, info, file, source)
                elif info.filename in (METADATA, CONFIG):
                    texts[info.filename] = _content(members, info, file, source)
                elif not info.is_dir():
                    texts[info.filename] = b""
    except (TooLarge, NotReadHere):
        raise
    except (
        *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError),
        *(NotImplementedError, OverflowError, UnicodeError, struct.error),
    ) as error:
        raise UnreadableFile(f"{source}: not a complete zip file: {error}") from error
    return texts, weights


class _Directory(FileIO):
    """A zip file that limits each read to the largest directory size."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to that many bytes."""
        if size is not None and size > LARGEST_DIRECTORY:
            raise zipfile.BadZipFile(
                f"expected a directory of up to {LARGEST_DIRECTORY} bytes, found {size}"
            )
        return super().read(-1 if size is None else size)


def _weights(
    members: zipfile.ZipFile, info: zipfile.ZipInfo, file: FileIO, source: Path
) -> Content:
    """Return the weights after verifying their checksum; uncompressed ones stay in the file."""
    if info.compress_type != zipfile.ZIP_STORED:
        return BytesIO(_content(members, info, file, source))
    members.open(info).close()  # checks the local header
    file.seek(info.header_offset)
    _, name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    start = info.header_offset + _LOCAL_HEADER.size + name + extra
    content = Section(source, start=start, size=info.file_size)
    expected = [(start, Extent(info.file_size, info.CRC))]
    compare(content.fileno(), expected, _crc32, source=source / WEIGHTS)
    return content


def _crc32(checksum: int, content: np.ndarray) -> int:
    return zlib_ng.crc32(content, checksum)


def _content(members: zipfile.ZipFile, info: zipfile.ZipInfo, file: FileIO, source: Path) -> bytes:
    """Return a member's bytes after checking their number and checksum."""
    where = f"{source}: member {info.filename!r}"
    with members.open(info) as member:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NotReadHere(
                f"{where}: expected an uncompressed or deflated member, found compression method "
                f"{info.compress_type}; save the archive again with Keras"
            )
        check_expansion(info.file_size, os.fstat(file.fileno()).st_size, where=where)
        found = member.read(info.file_size)
    if len(found) != info.file_size:
        raise zipfile.BadZipFile(
            f"member {info.filename!r}: expected {info.file_size} bytes, found {len(found)}"
        )
    return found


def _json(texts: Mapping[str, bytes], name: str, source: Path) -> dict[str, Any]:
    value = json_value(texts[name], where=f"{source}: {name}")
    if not isinstance(value, dict):
        raise WrongPart(f"{source}: {name}: expected a JSON object, found {value!r:.80}")
    return value
