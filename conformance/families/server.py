"""The server: serves a subject of its own environment to another process.

`python -m saveproof.conformance.families.server SUBJECT` speaks JSON lines, and with `frames` after
it the framing of processes of ours.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Union

import msgspec
import numpy as np

from saveproof.conformance.execution.adapter import Adapter
from saveproof.conformance.families import subjects
from saveproof.conformance.families.description import description_of
from saveproof.conformance.model_state.subject import Logs, Subject
from saveproof.conformance.processes import serving
from saveproof.conformance.processes.foreign.protocol import (
    CALLS,
    Pairs,
    SubjectDescription,
    pairs,
)
from saveproof.conformance.processes.framing import FRAMES, LINES, Framing
from saveproof.conformance.processes.wire import Encoding
from saveproof.strategies.case import AnyEvent, Case
from saveproof.strategies.data import Rows

ANY_CALL: Any = Union[*CALLS.values()]
"""The record of any call."""

FRAMINGS: Mapping[str, Framing] = {"frames": FRAMES, "lines": LINES}
"""The framings of a server, by name."""


class Server:
    """Answers the calls of the protocol for one subject; models and sources go by number."""

    def __init__(self, subject: Subject, encoding: Encoding) -> None:
        self._described = subject
        self._subject = Adapter(subject)
        self._encoding = encoding
        self._held: dict[int, Any] = {}
        self._numbers = count(1)
        self._paths = {path.name: path for path in subject.paths()}

    def answer(self, message: bytes) -> bytes:
        """Return the result of a call.

        Raises:
            ValueError: it is no call.
        """
        call = self._encoding.decode(message, ANY_CALL)
        arguments = msgspec.structs.asdict(call)
        return self._encoding.encode(RESULTS[type(call).__name__](self, **arguments))

    def describe(self) -> SubjectDescription:
        """Return name, versions and save paths."""
        return description_of(self._described)

    def seed(self, seed: int) -> None:
        """Seed the process-wide generators."""
        self._subject.seed(seed)

    def build(self, case: Case, *, built: bool) -> int:
        """Build a model and return its number."""
        return self._new(self._subject.build(case, built=built))

    def compile(self, model: int, case: Case) -> None:
        """Compile a model that came back uncompiled."""
        self._subject.compile(self._held[model], case)

    def perform(self, model: int, event: AnyEvent, rows: Rows | None) -> Logs:
        """Do one event of a history and return its logs."""
        return self._subject.perform(self._held[model], event, rows)

    def predict(self, model: int, inputs: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        """Return a model's outputs."""
        return self._subject.predict(self._held[model], inputs)

    def snapshot(self, model: int) -> Pairs:
        """Return all observable state of a model."""
        return pairs(self._subject.snapshot(self._held[model]))

    def save(self, model: int, path: str, target: str) -> int | str:
        """Save a model and return its source: a file's name, or the number of what is in memory."""
        source = self._paths[path].save(self._held[model], Path(target))
        return self._new(source) if self._paths[path].in_memory else str(source)

    def load(self, path: str, source: int | str, case: Case) -> int:
        """Load a source and return the model's number."""
        found = self._held[source] if isinstance(source, int) else Path(source)
        return self._new(self._paths[path].load(found, case))

    def release(self, models: Sequence[int]) -> None:
        """Release models and sources that the client no longer needs."""
        for number in models:
            self._held.pop(number, None)

    def _new(self, held: object) -> int:
        number = next(self._numbers)
        self._held[number] = held
        return number


RESULTS: Mapping[str, Callable[..., object]] = {
    "describe": Server.describe,
    "seed": Server.seed,
    "build": Server.build,
    "compile": Server.compile,
    "perform": Server.perform,
    "predict": Server.predict,
    "snapshot": Server.snapshot,
    "save": Server.save,
    "load": Server.load,
    "release": Server.release,
}
"""The method for each call, by its name."""


def main(spec: str, framing: str = "lines") -> None:
    """Serve the subject on standard input and output."""
    spoken = FRAMINGS[framing]
    serving.run(
        lambda: Server(subjects.resolve(spec), spoken.encoding).answer, spoken, parent=os.getppid()
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
