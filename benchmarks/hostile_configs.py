"""Archives and configurations that claim more data than they hold."""

import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.hostile_hdf5 import Make, saved

LARGE = 1 << 28
"""Size in bytes of compressed data after decompression."""


def _members(source: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(source) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _archive(folder: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Write an archive whose members `change` has edited."""
    source = saved(folder, "m.keras")
    members = _members(source)
    change(members)
    with zipfile.ZipFile(source, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return source


def blanks(member: str) -> Make:
    """Return a function that writes an archive with a compressed member of many blanks."""

    def make(folder: Path) -> Path:
        source = saved(folder, "m.keras")
        members = _members(source)
        start = members.pop(member, b"")
        with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
            with archive.open(member, "w", force_zip64=True) as stream:
                stream.write(start)
                for _ in range(64):
                    stream.write(b" " * (LARGE >> 6))
        return source

    return make


def many_members(folder: Path) -> Path:
    """Write an archive with very many empty assets."""
    return _archive(
        folder, lambda members: members.update({f"assets/{n}": b"" for n in range(40_000)})
    )


def lying_directory(folder: Path) -> Path:
    """Write an archive whose directory says that a member has 256 MiB."""
    source = saved(folder, "m.keras")
    content = bytearray(source.read_bytes())
    at = content.index(b"PK\1\2")
    for field in (20, 24):
        content[at + field : at + field + 4] = LARGE.to_bytes(4, "little")
    source.write_bytes(content)
    return source


def with_config(text: bytes) -> Make:
    """Return a function that writes an archive with this text as its configuration."""
    return lambda folder: _archive(folder, lambda members: members.update({"config.json": text}))


def json_file(value: Any) -> Make:
    """Return a function that writes a JSON file."""

    def make(folder: Path) -> Path:
        source = folder / "config.json"
        source.write_text(value if isinstance(value, str) else json.dumps(value))
        return source

    return make


def entry(kind: str, name: str, **config: Any) -> dict[str, Any]:
    """Return the config entry of a layer or model."""
    return {"class_name": kind, "name": name, "config": {"name": name, **config}}


def stack(shape: Sequence[int | None], *entries: Any) -> dict[str, Any]:
    """Return the config entry of a Sequential model."""
    inputs = entry("InputLayer", "i", batch_input_shape=shape)
    return entry("Sequential", "s", layers=[inputs, *entries])


def _graph(entries: Sequence[dict[str, Any]], outputs: Sequence[Any]) -> dict[str, Any]:
    inputs = {**entry("InputLayer", "i", batch_input_shape=[None, 4]), "inbound_nodes": []}
    return entry(
        "Functional",
        "g",
        layers=[inputs, *entries],
        input_layers=[["i", 0, 0]],
        output_layers=outputs,
    )


def in_reverse(count: int) -> dict[str, Any]:
    """Return a model that is a chain of layers, listed in reverse order."""
    return _graph(
        [
            {
                **entry("Activation", f"l{n}", activation="relu"),
                "inbound_nodes": [[[f"l{n + 1}" if n + 1 < count else "i", 0, 0, {}]]],
            }
            for n in range(count)
        ],
        [["l0", 0, 0]],
    )


def same_output(count: int) -> dict[str, Any]:
    """Return a model that lists one output many times."""
    only = entry("Activation", "l", activation="relu")
    return _graph([{**only, "inbound_nodes": [[["i", 0, 0, {}]]]}], [["l", 0, 0]] * count)
