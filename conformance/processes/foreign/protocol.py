"""The protocol of foreign subjects: its version, calls and results (docs/foreign-subjects.md)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import numpy as np

from saveproof.conformance.model_state.contract import Contract, Facet, Promise
from saveproof.conformance.model_state.snapshot import LIVE, Snapshot, Value
from saveproof.conformance.model_state.subject import Exchanged, Model, SavePath, Source
from saveproof.conformance.processes.wire import ProtocolError
from saveproof.strategies.capabilities import Capabilities
from saveproof.strategies.case import AnyEvent, Case
from saveproof.strategies.data import Rows

VERSION = 1
"""The version of the protocol that both sides must speak."""


_ARGUMENTS: Mapping[str, Sequence[tuple[str, Any]]] = {
    "describe": (),
    "seed": (("seed", int),),
    "build": (("case", Case), ("built", bool)),
    "compile": (("model", int), ("case", Case)),
    "perform": (("model", int), ("event", AnyEvent), ("rows", Rows | None)),
    "predict": (("model", int), ("inputs", tuple[np.ndarray, ...])),
    "snapshot": (("model", int),),
    "save": (("model", int), ("path", str), ("target", str)),
    "load": (("path", str), ("source", int | str), ("case", Case)),
    "release": (("models", tuple[int, ...]),),
}

CALLS: Mapping[str, type[msgspec.Struct]] = {
    name: msgspec.defstruct(name, arguments, frozen=True, tag_field="call", tag=name)
    for name, arguments in _ARGUMENTS.items()
}
"""The record of each call by its name; models, and sources in memory, go by number."""

CLASSES = "classes"
"""The key in a message's snapshot that is no facet: classes of layers by name."""

Pairs = dict[str, list[tuple[str, Value]] | dict[str, str]]
"""A snapshot in a message: by facet and for `LIVE`, pairs of a name and a value, and `CLASSES`."""


class NotHere(RuntimeError):
    """A described save path was asked to save or load, which only its own process can do."""


class DescribedPath(msgspec.Struct, frozen=True):
    """The description of a save path: name, contract, formats that it exchanges."""

    name: str
    in_memory: bool
    contract: Contract
    writes: str = ""
    reads: dict[str, Promise] = {}

    @classmethod
    def of(cls, path: SavePath) -> "DescribedPath":
        """Return the path's description."""
        writes, reads = (path.writes, path.reads) if isinstance(path, Exchanged) else ("", {})
        return cls(path.name, path.in_memory, path.contract, writes, dict(reads))

    def save(self, model: Model, target: Path) -> Source:
        """Refuse: another process has the path.

        Raises:
            NotHere: always.
        """
        self._refuse("save", model, target)

    def load(self, source: Source, case: Case) -> Model:
        """Refuse: another process has the path.

        Raises:
            NotHere: always.
        """
        self._refuse("load", source, case)

    def _refuse(self, what: str, *_: object) -> NoReturn:
        raise NotHere(f"path {self.name!r} is described here; it can't {what}")


class SubjectDescription(msgspec.Struct, frozen=True):
    """The description of a subject: versions by package, save paths, and files by module.

    `capabilities` is None where the subject does not say what it has.
    """

    protocol: int = 0
    name: str = ""
    environment: dict[str, str] = {}
    paths: tuple[DescribedPath, ...] = ()
    files: dict[str, str] = {}
    capabilities: Capabilities | None = None


def pairs(snapshot: Snapshot) -> Pairs:
    """Return the snapshot in the form of a message."""
    facets: Pairs = {str(f): list(inventory.items()) for f, inventory in snapshot.facets.items()}
    live: Pairs = {LIVE: list(snapshot.live.items())} if snapshot.live else {}
    return facets | live | ({CLASSES: dict(snapshot.classes)} if snapshot.classes else {})


def snapshot_of(pairs: Pairs) -> Snapshot:
    """Return the snapshot of a message.

    Raises:
        ProtocolError: a facet is unknown.
    """
    unknown = sorted(set(pairs) - {CLASSES, LIVE, *Facet})
    if unknown:
        raise ProtocolError(f"facet: expected one of {sorted(Facet)}, found {unknown[0]!r}")
    facets = {Facet(name): dict(pairs[name]) for name in pairs if name not in (CLASSES, LIVE)}
    return Snapshot(facets, dict(pairs.get(CLASSES, {})), dict(pairs.get(LIVE, {})))
