"""`python -m benchmarks.hostile_files` measures loads of files that claim more than they hold.

It loads each file in a separate process, and prints the process's memory and time.
"""

import json
import os
import resource
import socket
import sys
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.hostile_configs import (
    LARGE,
    blanks,
    entry,
    in_reverse,
    json_file,
    lying_directory,
    many_members,
    same_output,
    stack,
    with_config,
)
from benchmarks.hostile_hdf5 import (
    WIDE,
    Make,
    declared,
    huge_chunk,
    linked_twice,
    small_model,
    wide_model,
    with_chunk,
)
from saveproof import reference_impl as keras
from saveproof.reference_impl.limits import SLACK
from saveproof.reference_impl.saving.checkpoint import bundle_table
from saveproof.reference_impl.saving.checkpoint.bundle_reader import open_bundle
from saveproof.reference_impl.saving.checkpoint.bundle_writer import (
    HEADER_KEY,
    index_file,
    write_bundle,
)
from saveproof.reference_impl.saving.checkpoint.protos import MESSAGES, encoded
from saveproof.reference_impl.saving.savedmodel.writer import INDEX, VARIABLES
from saveproof.reference_impl.state import NamedArray

ADDRESS_SPACE = 6 << 30
"""Protects the machine from a load that uses too much."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of loading a file: its size, the outcome, the peak memory and the seconds."""

    name: str
    size: int
    said: str
    peak: int
    seconds: float

    @property
    def most(self) -> int:
        """The allowed memory in bytes: a constant, and three times the file size."""
        return 3 * self.size + 4 * SLACK


def _index(blocks: Iterator[bytes], *, repeat: int = 1) -> Make:
    """Return a function that writes a checkpoint's index, with each block listed repeatedly."""

    def make(folder: Path) -> Path:
        prefix = folder / "ckpt"
        file, listed = bytearray(), []
        for block in blocks:
            handle = bundle_table._append(file, block)
            listed += [(b"\xff" * 4, handle.encoded())] * repeat
        meta = bundle_table._append(file, bundle_table._block([], 16))
        index = bundle_table._append(file, bundle_table._block(listed, 1))
        footer = (meta.encoded() + index.encoded()).ljust(40, b"\0") + bundle_table.MAGIC
        index_file(prefix).write_bytes(bytes(file) + footer)
        return prefix

    return make


def _begun_alike() -> Iterator[bytes]:
    """Yield a block whose keys share a prefix of one megabyte, which is stored once."""
    key = b"k" * (1 << 20)
    varint = bundle_table.varint
    entries = [varint(0) + varint(len(key)) + varint(0) + key]
    entries += [varint(len(key) + n) + varint(1) + varint(0) + b"k" for n in range(20_000)]
    yield b"".join(entries) + (0).to_bytes(4, "little") + (1).to_bytes(4, "little")


def _records() -> Iterator[bytes]:
    header = encoded(MESSAGES["BundleHeaderProto"](num_shards=1))
    keys = [(f"{n:08}".encode(), b"") for n in range(2000)]
    yield bundle_table._block([(HEADER_KEY, header), *keys], 16)


def _larger_tensor(folder: Path) -> Path:
    prefix = folder / "ckpt"
    small_model(1 << 20).save_weights(prefix)
    return prefix


def _fifo(folder: Path) -> Path:
    os.mkfifo(folder / "m.h5")
    return folder / "m.h5"


def _device(folder: Path) -> Path:
    (folder / "m.keras").symlink_to("/dev/zero")
    return folder / "m.keras"


def _socket(folder: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(folder / "m.h5"))
    return folder / "m.h5"


def _graph_of_nothing(folder: Path) -> Path:
    """Write a SavedModel without digests, with a function of empty nodes in its graph."""
    source = folder / "sm"
    small_model().save(source)
    variables = source / VARIABLES
    bundle = open_bundle(variables)
    kept = [NamedArray(key, bundle.read(key)) for key in bundle.entries if key != INDEX]
    write_bundle(variables, kept)
    nodes = b"\x1a\x00" * (1 << 21)
    function = b"\x0a" + bundle_table.varint(len(nodes)) + nodes
    library = b"\x12" + bundle_table.varint(len(function)) + function
    graph = b"\x12" + bundle_table.varint(len(library)) + library
    meta = b"\x12" + bundle_table.varint(len(graph)) + graph
    (source / "saved_model.pb").write_bytes(b"\x08\x01" + meta)
    return source


BOMBS: Mapping[str, Make] = {
    "HDF5 weights, 64 GiB declared": declared("w.h5", "d/d/kernel:0"),
    "`.weights.h5`, 64 GiB declared, gzip": declared(
        "w.weights.h5", "layers/dense/vars/0", compression="gzip"
    ),
    "HDF5 model, 64 GiB declared": declared("m.h5", "model_weights/d/d/kernel:0"),
    "HDF5, a gzip chunk of 256 MiB": with_chunk(
        lambda: zlib.compress(bytes(LARGE)), compression="gzip"
    ),
    "HDF5, an LZF chunk of 66 MiB": with_chunk(
        lambda: b"\0\0" + b"\xe0\xff\0" * (LARGE >> 10), compression="lzf"
    ),
    "HDF5, 48 bytes in a chunk of 3 GiB": huge_chunk,
    "`.weights.h5`, 60 groups each linked twice": linked_twice,
    "`.keras`, 256 MiB of configuration": blanks("config.json"),
    "`.keras`, 256 MiB of weights": blanks("model.weights.h5"),
    "`.keras`, 256 MiB of an asset": blanks("assets/words.txt"),
    "`.keras`, 40,000 members": many_members,
    "`.keras`, a directory that lies": lying_directory,
    "`.keras`, 5 million empty lists": with_config(b'{"a": [' + b"[]," * (5 << 20) + b"0]}"),
    "`.keras`, a layer larger than its weights": with_config(
        json.dumps(stack([None, 4], entry("Dense", "d", units=10**8))).encode()
    ),
    "JSON, 100,000 lists in each other": json_file("[" * 100_000),
    "JSON, a number of a million digits": json_file('{"a": ' + "9" * 10**6 + "}"),
    "JSON, a Dense layer of a billion units": json_file(
        stack([None, 4], entry("Dense", "d", units=10**9))
    ),
    "JSON, a state for 100 million samples": json_file(
        stack([10**8, 3, 4], entry("LSTM", "l", units=300, stateful=True))
    ),
    "JSON, 4,000 layers in reverse order": json_file(in_reverse(4000)),
    "JSON, an output 4,000 times": json_file(same_output(4000)),
    "checkpoint, keys that begin alike": _index(_begun_alike()),
    "checkpoint, a block listed 5,000 times": _index(_records(), repeat=5000),
    "checkpoint, a larger tensor": _larger_tensor,
    "SavedModel, 2 million empty nodes": _graph_of_nothing,
    "a FIFO": _fifo,
    "a device": _device,
    "a socket": _socket,
}
"""Functions that write the files, by a description of what is hostile in them."""


def loaded(source: Path) -> None:
    """Load a file in the format of its name."""
    if source.suffix == ".json":
        keras.models.model_from_json(source.read_text())
    elif source.name == WIDE:
        wide_model().load_weights(source)
    elif source.name.startswith(("w.", "ckpt")):
        small_model().load_weights(source)
    else:
        keras.models.load_model(source)


def outcome(name: str, folder: Path) -> Outcome:
    """Write a file into an empty folder, and load it in a separate process."""
    source = BOMBS[name](folder)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            said, peak, seconds = _measured(source)
            os.write(writing, json.dumps([name, size, said, peak, seconds]).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        answer = stream.read()
    os.waitpid(child, 0)
    return Outcome(*json.loads(answer or json.dumps([name, size, "ended", ADDRESS_SPACE, 0.0])))


def _measured(source: Path) -> tuple[str, int, float]:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        loaded(source)
        said = "loaded"
    except Exception as error:  # noqa: BLE001 (which one is what is asked)
        said = type(error).__name__
    seconds = time.process_time() - start
    return said, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10, seconds


def outcomes(names: Iterable[str] = ()) -> Iterator[Outcome]:
    """Yield the outcome of each named file, or of all files."""
    for name in names or BOMBS:
        with tempfile.TemporaryDirectory() as folder:
            yield outcome(name, Path(folder))


def main(arguments: Sequence[str]) -> None:
    """Print a table of the named files, or of all; with `--json`, one line for each."""
    if arguments == ["--json"]:
        for one in outcomes():
            print(json.dumps(asdict(one)), flush=True)
        return
    print("| file | KiB | outcome | peak, MiB | seconds |\n|:--|--:|:--|--:|--:|")
    for one in outcomes(arguments):
        print(
            f"| {one.name} | {one.size >> 10:,} | {one.said} | {one.peak >> 20} "
            f"| {one.seconds:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
