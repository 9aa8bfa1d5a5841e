"""The `.keras` archive: a zip file of metadata, configuration and weights; every checksum verified.

Source: https://github.com/keras-team/keras/blob/v3.15.1/keras/src/saving/saving_lib.py
"""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import IO, Any

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
from saveproof.reference_impl.saving.extents import (
    CHUNK,
    Content,
    Piece,
    mapped,
    pieces_of,
    taken_apart,
)
from saveproof.reference_impl.saving.hdf5.memory import composed
from saveproof.reference_impl.saving.hdf5.parts import Hdf5File
from saveproof.reference_impl.saving.hdf5.weights_tree import WeightsTree, read_tree, write_tree
from saveproof.reference_impl.saving.json_text import json_value
from saveproof.reference_impl.saving.sources import open_regular, opened_source
from saveproof.reference_impl.state import Entry

METADATA = "metadata.json"
CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
WEIGHTS_IN_NPZ = "model.weights.npz"

MAGIC = b"PK\x03\x04"
"""How a zip file starts."""

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
"""How an HDF5 file starts."""

LARGEST_DIRECTORY = 1 << 20
"""Bytes of a zip file's directory: each of its members takes ten times as many in memory."""

_TIME = (1980, 1, 1, 0, 0, 0)
_LARGE = 1 << 31
_LOCAL_HEADER = struct.Struct("<4s22x2H")
"""Of a member: its magic, and the lengths of its name and of what follows before its content."""

_EXTRA = struct.Struct("<2H")
"""Of a part of what a zip file says of a member beyond what all do: its kind and its size."""

_PIECES = 0x5053
"""The kind that says how long the pieces of the weights are; others pass over it."""

_MOST_PIECES = 8000
"""As many as there is space for."""


@dataclass(frozen=True, slots=True)
class Archive:
    """What a `.keras` file holds."""

    config: Entry
    weights: WeightsTree
    metadata: Entry


def write_archive(archive: Archive, target: Path, *, mark_bfloat16: bool) -> None:
    """Write the archive beside the target and put it in the target's place."""
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
    """Write the weights as a member, in less time than zipfile would take to sum them."""
    pieces = pieces_of(parts, _crc32)
    info = _info(WEIGHTS)
    info.header_offset = members.start_dir
    info.file_size = info.compress_size = sum(piece.size for piece in pieces)
    info.CRC = _joined(pieces)
    file.seek(info.header_offset)
    file.write(info.FileHeader(zip64=info.file_size >= _LARGE))
    for part in parts:
        file.write(part)
    if 1 < len(pieces) <= _MOST_PIECES:
        sizes = struct.pack(f"<{len(pieces)}Q", *(piece.size for piece in pieces))
        info.extra = _EXTRA.pack(_PIECES, len(sizes)) + sizes
    # What zipfile does when a member is closed, for one that it has not written.
    members.filelist.append(info)
    members.NameToInfo[info.filename] = info
    members.start_dir = file.tell()


def _crc32(checksum: int, content: np.ndarray) -> int:
    return zlib_ng.crc32(content, checksum)


def _joined(pieces: Sequence[Piece]) -> int:
    """Return the CRC-32 of all pieces together."""
    joined = 0
    for piece in pieces:
        joined = zlib_ng.crc32_combine(joined, piece.checksum, piece.size)
    return joined


def is_archive(source: Path) -> bool:
    """Say whether this is to be read as an archive: it starts as a zip file, or is named like one.

    TensorFlow 2.0 took `.keras` for HDF5, and such files are read as what they are.

    Raises:
        UnreadableFile: for a FIFO, a socket or a device.
    """
    if not source.exists() or source.is_dir():
        return False
    with opened_source(source) as stream:
        start = stream.read(len(HDF5_MAGIC))
    return start.startswith(MAGIC) or (source.suffix == ".keras" and start != HDF5_MAGIC)


def read_archive(source: Path) -> Archive:
    """Return what an archive holds, of either dialect; assets are left unread.

    Raises:
        FileNotFoundError: if there is no such file.
        UnreadableFile: if it is no zip file, is cut short, or a member that is read has a wrong
            checksum.
        TooLarge: if such a member expands to far more than the file.
        MissingPart: if the configuration or the weights are not in it.
        WrongPart: if a member is there twice, or is not JSON.
        NotReadHere: for weights in NumPy's format.
    """
    members = _members(source)
    if CONFIG not in members:
        raise MissingPart(f"{source}: no member {CONFIG!r}; it has {sorted(members)[:20]}")
    if WEIGHTS_IN_NPZ in members and WEIGHTS not in members:
        raise NotReadHere(f"{source}: weights in {WEIGHTS_IN_NPZ!r}; those in {WEIGHTS!r} are read")
    if WEIGHTS not in members:
        raise MissingPart(f"{source}: no member {WEIGHTS!r}; it has {sorted(members)[:20]}")
    metadata = _json(members, METADATA, source) if METADATA in members else {}
    with Hdf5File(members[WEIGHTS], source / WEIGHTS) as root:
        return Archive(_json(members, CONFIG, source), read_tree(root), metadata)


def _members(source: Path) -> dict[str, Content]:
    """Return the content of each member that is read, found to have its checksum; empty others."""
    whole = mapped(source)
    found: dict[str, Content] = {}
    try:
        with _Directory(source, opener=open_regular) as file, zipfile.ZipFile(file) as members:
            for info in members.infolist():
                if info.filename in found:
                    raise WrongPart(f"{source}: {info.filename!r} is in it twice")
                if info.filename in (METADATA, CONFIG, WEIGHTS):
                    found[info.filename] = _content(members, info, source, whole)
                elif not info.is_dir():
                    found[info.filename] = Content([whole[:0]])
    except (TooLarge, NotReadHere):
        raise
    except (
        *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError),
        *(NotImplementedError, OverflowError, UnicodeError, struct.error),
    ) as error:
        raise UnreadableFile(f"{source}: not a whole zip file: {error}") from error
    return found


class _Directory(FileIO):
    """A zip file of which no more is read at a time than a directory may have."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return that many bytes, or what is left."""
        if size is not None and size > LARGEST_DIRECTORY:
            raise zipfile.BadZipFile(
                f"a directory of {size} bytes; expected up to {LARGEST_DIRECTORY}"
            )
        return super().read(-1 if size is None else size)


def _content(
    members: zipfile.ZipFile, info: zipfile.ZipInfo, source: Path, whole: np.ndarray
) -> Content:
    """Return a member's bytes: those of the file itself if they are as they were."""
    with members.open(info) as member:
        if info.compress_type != zipfile.ZIP_STORED:
            return Content([_expanded(member, info, source, whole.size)])
    header = whole[info.header_offset : info.header_offset + _LOCAL_HEADER.size]
    _, name, extra = _LOCAL_HEADER.unpack(header.tobytes())
    start = info.header_offset + _LOCAL_HEADER.size + name + extra
    if start + info.file_size > whole.size:
        raise zipfile.BadZipFile(
            f"member {info.filename!r}: expected {info.file_size} bytes from {start} on, the file "
            f"has {whole.size}"
        )
    found = taken_apart(source, whole, _sizes(info), _crc32, start=start)
    size = sum(part.size for part, _ in found)
    checksum = _joined([Piece(part.size, checksum) for part, checksum in found])
    if size != info.file_size or checksum != info.CRC:
        raise zipfile.BadZipFile(
            f"member {info.filename!r}: expected {info.file_size} bytes with CRC-32 "
            f"{info.CRC:#010x}, found {size} with {checksum:#010x}"
        )
    return Content([part for part, _ in found])


def _expanded(member: IO[bytes], info: zipfile.ZipInfo, source: Path, stored: int) -> np.ndarray:
    """Return the bytes of a compressed member, which are not more than it says."""
    where = f"{source}: member {info.filename!r}"
    if info.compress_type != zipfile.ZIP_DEFLATED:
        raise NotReadHere(
            f"{where}: expected it stored, as Keras does, or deflated, found method "
            f"{info.compress_type} of zip; write the archive anew"
        )
    check_expansion(info.file_size, stored, where=where)
    found = np.empty(info.file_size, np.uint8)
    done = 0
    while done < found.size and (part := member.read(CHUNK)):
        found[done : done + len(part)] = np.frombuffer(part, np.uint8)
        done += len(part)
    if done != found.size:
        raise zipfile.BadZipFile(
            f"member {info.filename!r}: expected {info.file_size} bytes, found {done}"
        )
    return found


def _sizes(info: zipfile.ZipInfo) -> tuple[int, ...]:
    """Return the sizes of a member's pieces, as it was written; of one if nothing tells."""
    extra = info.extra
    while len(extra) >= _EXTRA.size:
        kind, length = _EXTRA.unpack_from(extra)
        told, extra = extra[_EXTRA.size :][:length], extra[_EXTRA.size + length :]
        sizes = struct.unpack(f"<{len(told) // 8}Q", told[: len(told) // 8 * 8])
        if kind == _PIECES and sum(sizes) == info.file_size:
            return sizes
    return (info.file_size,)


def _json(members: Mapping[str, Content], name: str, source: Path) -> dict[str, Any]:
    content = members[name]
    value = json_value(content.part(0, content.size).tobytes(), where=f"{source}: {name}")
    if not isinstance(value, dict):
        raise WrongPart(f"{source}: {name}: expected a JSON object")
    return value
