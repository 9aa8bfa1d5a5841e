"""A subject that another process serves: the client's side."""

import signal
import sys
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from saveproof.conformance.model_state.contract import Contract, Promise
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.conformance.model_state.subject import Logs, Source, Unsupported, UnusableSubject
from saveproof.conformance.processes.endings import Ending, Fault, NoAnswer
from saveproof.conformance.processes.foreign.protocol import (
    CALLS,
    VERSION,
    Pairs,
    SubjectDescription,
    snapshot_of,
)
from saveproof.conformance.processes.isolation import Host, Launch
from saveproof.conformance.processes.wire import ProtocolError
from saveproof.strategies.capabilities import Capabilities
from saveproof.strategies.case import AnyEvent, Case
from saveproof.strategies.data import Rows

CALL_SECONDS = 900.0
"""Seconds that one call may take; a campaign ends the whole process earlier."""

T = TypeVar("T")


class RaisedThere(Exception):
    """The subject raised; the message and the class's name are those of its own process."""


class ForeignCrash(SystemExit):
    """The server ended in the middle of a call.

    It is no `Exception`: the process that calls a crashing subject ends with it, as with any other
    subject, with exit code 128 plus the number of the signal that ended the server.
    """

    def __init__(self, words: str, code: int = 1) -> None:
        super().__init__(128 - code if code < 0 else code or 1)
        self.words = words

    def __str__(self) -> str:
        return self.words


class Handle:
    """A model, or a source in memory, of the other process."""

    def __init__(self, number: int) -> None:
        self.number = number


class Connection:
    """The server's process: it starts with the first call, and is not replaced once it has ended.

    Its models have ended with it.
    """

    def __init__(self, launch: Launch) -> None:
        self._encoding = launch.framing.encoding
        self._host = Host(launch, called="server")
        self._crash: ForeignCrash | None = None
        self._released: list[int] = []

    def call(self, name: str, kind: type[T], **arguments: object) -> T:
        """Return the result of a call.

        Raises:
            Unsupported: the server says that the subject can't build or train the case.
            RaisedThere: the subject raised; a class of its own by the name of that exception.
            ForeignCrash: the process ended, or did not answer.
            ProtocolError: the result is none that the protocol knows.
        """
        if released := tuple(self._released):
            del self._released[: len(released)]  # a finalized handle appends to this list
            self._result("release", {"models": released})
        result = self._result(name, arguments)
        try:
            return self._encoding.decode(result, kind)
        except msgspec.DecodeError as error:
            raise ProtocolError(f"{name}: {error}") from error

    def held(self, number: int) -> Handle:
        """Return a handle; after its end, the other process may release the object."""
        handle = Handle(number)
        weakref.finalize(handle, self._released.append, number)
        return handle

    def _result(self, name: str, arguments: Mapping[str, object]) -> bytes:
        if self._crash is not None:
            raise self._crash
        try:
            request = self._encoding.encode(CALLS[name](**arguments))
            return self._host.call(request, seconds=CALL_SECONDS)
        except NoAnswer as error:
            if not error.ended:
                raise _raised(error.fault) from None
            words, code = str(error), error.code
            if error.ending is Ending.TIMED_OUT:
                words = f"the server gave no answer in {CALL_SECONDS:g} s: it ended with SIGKILL"
                code = -signal.SIGKILL
            self._crash = _crash(words, code)
        raise self._crash


def _crash(words: str, code: int) -> ForeignCrash:
    """Return the exception for the server's end, and write it to standard error."""
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()
    return ForeignCrash(words, code)


def _raised(fault: Fault) -> Exception:
    """Return the exception; its class has the name that it has in the other process."""
    if fault.unsupported:
        return Unsupported(fault.message)
    module, _, name = fault.kind.rpartition(".")
    kind: type[RaisedThere] = type(name, (RaisedThere,), {"__module__": module})
    raised = kind(fault.message)
    if fault.traceback:
        raised.add_note(fault.traceback)
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
        """Save the model at, or next to, the target."""
        source = self.connection.call(
            "save", object, model=model.number, path=self.name, target=str(target.absolute())
        )
        return self.connection.held(source) if isinstance(source, int) else Path(str(source))

    def load(self, source: Source, case: Case) -> Handle:
        """Load the source; `case` takes the place of the model's code."""
        named = source.number if isinstance(source, Handle) else str(Path(source).absolute())
        number = self.connection.call("load", int, path=self.name, source=named, case=case)
        return self.connection.held(number)


@dataclass(eq=False)
class ForeignSubject:
    """A subject that another process serves."""

    name: str
    connection: Connection

    @cached_property
    def description(self) -> SubjectDescription:
        """The server's description of the subject.

        Raises:
            UnusableSubject: it does not start, or does not speak this version of the protocol.
        """
        try:
            found = self.connection.call("describe", SubjectDescription)
        except (ForeignCrash, ProtocolError) as error:
            raise UnusableSubject(f"subject {self.name!r}: {error}") from error
        if found.protocol != VERSION:
            raise UnusableSubject(
                f"subject {self.name!r}: expected protocol {VERSION}, found {found.protocol!r}"
            )
        return found

    def environment(self) -> Mapping[str, str]:
        """Return versions by package name, in the other environment."""
        return self.description.environment

    def files(self) -> Mapping[str, str]:
        """Return files by module name, in the other environment."""
        return self.description.files

    @property
    def capabilities(self) -> Capabilities | None:
        """What the server says that the subject has."""
        return self.description.capabilities

    def paths(self) -> Sequence[ForeignPath]:
        """Return the save paths that the server offers."""
        return [
            ForeignPath(**msgspec.structs.asdict(one), connection=self.connection)
            for one in self.description.paths
        ]

    def seed(self, seed: int) -> None:
        """Seed the process-wide generators."""
        self.connection.call("seed", object, seed=seed)

    def build(self, case: Case, *, built: bool = True) -> Handle:
        """Build a new compiled model."""
        return self.connection.held(self.connection.call("build", int, case=case, built=built))

    def compile(self, model: Handle, case: Case) -> None:
        """Compile the model with the case's final settings."""
        self.connection.call("compile", object, model=model.number, case=case)

    def perform(self, model: Handle, event: AnyEvent, rows: Rows | None) -> Logs:
        """Do one event of a history."""
        kind = list[dict[str, float]]
        return self.connection.call("perform", kind, model=model.number, event=event, rows=rows)

    def predict(self, model: Handle, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Compute the outputs."""
        return self.connection.call(
            "predict", list[np.ndarray], model=model.number, inputs=tuple(inputs)
        )

    def snapshot(self, model: Handle) -> Snapshot:
        """Return all observable state of the model."""
        return snapshot_of(self.connection.call("snapshot", Pairs, model=model.number))


@cache
def foreign_subject(name: str, launch: Launch) -> ForeignSubject:
    """Return the subject; one process serves all that ask for it in this one."""
    return ForeignSubject(name, Connection(launch))
