"""The side of saveproof: a subject that is served by another process, line by line."""

import os
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np

from saveproof.conformance.model_state.contract import Contract, Promise
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.conformance.model_state.subject import Logs, Source, Unsupported
from saveproof.conformance.processes.endings import TimedOut, ending
from saveproof.conformance.processes.foreign import protocol
from saveproof.conformance.processes.foreign.environments import Launch
from saveproof.conformance.processes.foreign.protocol import Json, Misspoken
from saveproof.conformance.processes.isolation import exit_code, speaks
from saveproof.strategies.case import AnyEvent, Case
from saveproof.strategies.data import Rows

PATIENCE = 900.0
"""Seconds that one call may take; a campaign ends the whole process earlier."""

_TAIL = 4000


class NotReached(RuntimeError):
    """The server did not start, or does not speak this version of the protocol."""


class RaisedThere(Exception):
    """The subject raised; the message and the class's name are those of its own process."""


class ForeignCrash(SystemExit):
    """The server ended in the middle of a call.

    No `Exception`: whoever drives a subject that crashes goes down with it, as with any other, and
    ends with 128 and the number of the signal that the server was ended by.
    """

    def __init__(self, words: str, code: int = 1) -> None:
        super().__init__(128 - code if code < 0 else code or 1)
        self.words = words

    def __str__(self) -> str:
        return self.words


class Handle:
    """A model, or a source in memory, that lives in the other process."""

    def __init__(self, number: int) -> None:
        self.number = number


class Connection:
    """The server's process: it starts with the first call."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._released: list[int] = []

    def call(self, name: str, **arguments: Json) -> Json:
        """Return the result of a call.

        Raises:
            Unsupported: the server says that the subject can't build or train the case.
            RaisedThere: the subject raised; a class of its own by the name of that exception.
            ForeignCrash: the process ended, or did not answer.
        """
        if self._released:
            released, self._released = self._released, []
            self._exchange("release", {"models": released})
        return self._exchange(name, arguments)

    def held(self, number: int) -> Handle:
        """Return a handle; when it is gone, the other side may forget what it stood for."""
        handle = Handle(number)
        weakref.finalize(handle, self._released.append, number)
        return handle

    def _exchange(self, name: str, arguments: Mapping[str, Json]) -> Json:
        answer = self._asked(msgspec.json.encode({"call": name, **arguments}) + b"\n")
        if "error" in answer:
            raise _raised(answer["error"])
        if "result" not in answer:
            raise Misspoken(f"{name}: expected `result` or `error`, found {sorted(answer)}")
        return answer["result"]

    def _asked(self, line: bytes) -> dict[str, Json]:
        process = self._running()
        requests, answers = process.stdin, process.stdout
        if requests is None or answers is None:
            raise ForeignCrash("the server has no pipes")
        try:
            requests.write(line)
            requests.flush()
        except BrokenPipeError:
            raise self._ended() from None
        answer = _line(process, answers.fileno())
        if b"\n" not in answer:
            raise self._ended()
        try:
            return msgspec.json.decode(answer, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise Misspoken(
                f"expected a line of JSON, found {answer[:80]!r}: standard output is the "
                f"protocol's, what else there is to say belongs on standard error ({error})"
            ) from error

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
            try:
                self._process = subprocess.Popen(
                    self._launch.command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._errors,
                    env={**os.environ, **self._launch.variables},
                )
            except OSError as error:
                raise NotReached(f"{self._launch.command[0]!r} did not start: {error}") from error
        return self._process

    def _ended(self) -> ForeignCrash:
        """Return how the server ended, which is said on standard error, too."""
        code = exit_code(self._process) if self._process is not None else 0
        words = ""
        if self._errors is not None:
            self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - _TAIL))
            words = self._errors.read().decode(errors="replace")
        told = f"the server ended with {ending(code)}\n{words}".rstrip()
        sys.stderr.write(f"{told}\n")
        sys.stderr.flush()
        return ForeignCrash(told, code)


def _line(process: subprocess.Popen[bytes], source: int) -> bytes:
    """Return the line that the process answers with; what there is of it, where it ends."""
    deadline = time.monotonic() + PATIENCE
    parts = [b""]
    try:
        while b"\n" not in parts[-1] and speaks(process, source, deadline):
            parts.append(os.read(source, 1 << 20))
            if not parts[-1]:
                break
    except TimedOut:
        process.kill()
    return b"".join(parts)


def _raised(error: Mapping[str, Json]) -> Exception:
    """Return the exception; its class is named as in the other process, for a trace to tell."""
    message = str(error.get("message", ""))
    if error.get("unsupported"):
        return Unsupported(message)
    module, _, name = str(error.get("kind", "builtins.Exception")).rpartition(".")
    kind: type[RaisedThere] = type(name, (RaisedThere,), {"__module__": module})
    raised = kind(message)
    if error.get("traceback"):
        raised.add_note(str(error["traceback"]))
    return raised


@dataclass(frozen=True, eq=False)
class ForeignPath:
    """A save path of a foreign subject."""

    name: str
    in_memory: bool
    contract: Contract
    writes: str
    reads: Mapping[str, Promise]
    connection: Connection

    def save(self, model: Handle, target: Path) -> Source:
        """Have the model saved at, or beside, the target."""
        source = self.connection.call(
            "save", model=model.number, path=self.name, target=str(target.absolute())
        )
        return self.connection.held(source) if isinstance(source, int) else Path(source)

    def load(self, source: Source, case: Case) -> Handle:
        """Have the source loaded, `case` standing for the model's code."""
        told = source.number if isinstance(source, Handle) else str(Path(source).absolute())
        number = self.connection.call(
            "load", path=self.name, source=told, case=msgspec.to_builtins(case)
        )
        return self.connection.held(number)


@dataclass(eq=False)
class ForeignSubject:
    """A subject that another process serves."""

    name: str
    connection: Connection

    @cached_property
    def description(self) -> Mapping[str, Json]:
        """What the server says of itself.

        Raises:
            NotReached: it does not start, or does not speak this version of the protocol.
        """
        try:
            told: dict[str, Json] = self.connection.call("describe")
        except (ForeignCrash, Misspoken) as error:
            raise NotReached(f"subject {self.name!r}: {error}") from error
        if told.get("protocol") != protocol.VERSION:
            raise NotReached(
                f"subject {self.name!r}: expected protocol {protocol.VERSION}, found "
                f"{told.get('protocol')!r}"
            )
        return told

    def environment(self) -> Mapping[str, str]:
        """Return versions by package name, in the other environment."""
        versions: Mapping[str, str] = self.description["environment"]
        return versions

    def paths(self) -> Sequence[ForeignPath]:
        """Return the save paths that the server offers."""
        return [self._path(told) for told in self.description["paths"]]

    def seed(self, seed: int) -> None:
        """Have the process-wide generators seeded."""
        self.connection.call("seed", seed=seed)

    def build(self, case: Case, *, built: bool = True) -> Handle:
        """Have a new compiled model built."""
        number = self.connection.call("build", case=msgspec.to_builtins(case), built=built)
        return self.connection.held(number)

    def compile(self, model: Handle, case: Case) -> None:
        """Have the model compiled with the case's final settings."""
        self.connection.call("compile", model=model.number, case=msgspec.to_builtins(case))

    def perform(self, model: Handle, event: AnyEvent, rows: Rows | None) -> Logs:
        """Have one event of a history done."""
        told = self.connection.call(
            "perform",
            model=model.number,
            event=msgspec.to_builtins(event),
            rows=protocol.rows_to_json(rows),
        )
        logs: Logs = protocol.from_json(told)
        return logs

    def predict(self, model: Handle, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Have the outputs computed."""
        told = self.connection.call("predict", model=model.number, inputs=protocol.to_json(inputs))
        outputs: list[np.ndarray] = protocol.from_json(told)
        return outputs

    def snapshot(self, model: Handle) -> Snapshot:
        """Have everything told of the model."""
        return protocol.snapshot_from_json(self.connection.call("snapshot", model=model.number))

    def _path(self, told: Mapping[str, Json]) -> ForeignPath:
        return ForeignPath(
            told["name"],
            told["in_memory"],
            protocol.contract_from_json(told["contract"]),
            told.get("writes", ""),
            {name: Promise(promise) for name, promise in told.get("reads", {}).items()},
            self.connection,
        )


@cache
def foreign_subject(name: str, launch: Launch) -> ForeignSubject:
    """Return the subject; one process serves all that ask for it in this one."""
    return ForeignSubject(name, Connection(launch))
