"""The other side: serves a subject of its own environment, line by line."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import IO, Any

import msgspec

from saveproof.conformance.families import subjects
from saveproof.conformance.model_state.subject import Subject, Unsupported
from saveproof.conformance.processes.foreign import protocol
from saveproof.conformance.processes.foreign.protocol import Json
from saveproof.conformance.processes.isolation import end_with, own_pipes
from saveproof.strategies.case import AnyEvent, Case

Arguments = Mapping[str, Json]


class Server:
    """Answers the calls of the protocol for one subject; models and sources go by number."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._held: dict[int, Any] = {}
        self._numbers = count(1)
        self._paths = {path.name: path for path in subject.paths()}

    def answer(self, line: bytes) -> bytes:
        """Return the answer to a line: a result, or what the subject raised."""
        try:
            request = msgspec.json.decode(line, type=dict[str, Any])
            return msgspec.json.encode({"result": CALLS[request.pop("call")](self, request)})
        except MemoryError:  # this process can't be relied on any more: it ends
            raise
        except Exception as error:  # noqa: BLE001 - whatever was raised is the caller's answer
            return msgspec.json.encode({"error": _told(error)})

    def describe(self, _: Arguments) -> Json:
        """Return name, versions and save paths."""
        return {
            "protocol": protocol.VERSION,
            "name": self._subject.name,
            "environment": dict(self._subject.environment()),
            "paths": [protocol.path_to_json(path) for path in self._paths.values()],
        }

    def seed(self, given: Arguments) -> Json:
        """Seed the process-wide generators."""
        self._subject.seed(given["seed"])

    def build(self, given: Arguments) -> Json:
        """Build a model and return its number."""
        return self._new(self._subject.build(_case(given), built=given["built"]))

    def compile(self, given: Arguments) -> Json:
        """Compile a model that came back uncompiled."""
        self._subject.compile(self._held[given["model"]], _case(given))

    def perform(self, given: Arguments) -> Json:
        """Do one event of a history and return its logs."""
        event = msgspec.convert(given["event"], type=AnyEvent)
        rows = protocol.rows_from_json(given["rows"])
        logs = self._subject.perform(self._held[given["model"]], event, rows)
        return protocol.to_json([dict(log) for log in logs])

    def predict(self, given: Arguments) -> Json:
        """Return a model's outputs."""
        inputs = protocol.from_json(given["inputs"])
        return protocol.to_json(self._subject.predict(self._held[given["model"]], inputs))

    def snapshot(self, given: Arguments) -> Json:
        """Return everything that can be told of a model."""
        return protocol.snapshot_to_json(self._subject.snapshot(self._held[given["model"]]))

    def save(self, given: Arguments) -> Json:
        """Save a model and return its source: a file's name, or the number of what is in memory."""
        path = self._paths[given["path"]]
        source = path.save(self._held[given["model"]], Path(given["target"]))
        return self._new(source) if path.in_memory else str(source)

    def load(self, given: Arguments) -> Json:
        """Load a source and return the model's number."""
        path, told = self._paths[given["path"]], given["source"]
        source = self._held[told] if isinstance(told, int) else Path(told)
        return self._new(path.load(source, _case(given)))

    def release(self, given: Arguments) -> Json:
        """Forget what nobody will ask for again."""
        for number in given["models"]:
            self._held.pop(number, None)

    def _new(self, held: object) -> int:
        number = next(self._numbers)
        self._held[number] = held
        return number


CALLS: Mapping[str, Callable[[Server, Arguments], Json]] = {
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
"""What a line may ask for."""


def serve(server: Server, requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer line by line until the other side closes."""
    for line in requests:
        answers.write(server.answer(line) + b"\n")
        answers.flush()


def main(spec: str) -> None:
    """Serve the subject on standard input and output."""
    requests, answers = own_pipes()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    serve(Server(subjects.resolve(spec)), requests, answers)


def _case(given: Arguments) -> Case:
    return msgspec.convert(given["case"], type=Case)


def _told(error: Exception) -> Json:
    return {
        "kind": f"{type(error).__module__}.{type(error).__qualname__}",
        "message": str(error),
        "traceback": "".join(traceback.format_exception(error))[-6000:],
        "unsupported": isinstance(error, Unsupported),
    }


if __name__ == "__main__":
    main(sys.argv[1])
