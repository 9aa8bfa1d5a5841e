"""The reference as a subject that measures the time of its calls."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from time import process_time

import numpy as np

from saveproof.conformance.families import subjects
from saveproof.conformance.model_state.contract import Contract
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.conformance.model_state.subject import Logs, Model, SavePath, Source, Subject
from saveproof.strategies.case import AnyEvent, Case
from saveproof.strategies.data import Rows

SPEC = "benchmarks.timed_subject:reference"


@dataclass
class Stopwatch:
    """Processor time in seconds, by the name of the call."""

    spent: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def over(self, name: str) -> Iterator[None]:
        """Count the time until the block ends under that name."""
        start = process_time()
        try:
            yield
        finally:
            self.spent[name] = self.spent.get(name, 0.0) + process_time() - start


@dataclass(eq=False)
class TimedPath:
    """A save path that measures the time of its save and load."""

    inner: SavePath
    watch: Stopwatch
    name: str
    in_memory: bool
    contract: Contract

    def save(self, model: Model, target: Path) -> Source:
        """Save as the inner path does."""
        with self.watch.over("save"):
            return self.inner.save(model, target)

    def load(self, source: Source, case: Case) -> Model:
        """Load as the inner path does."""
        with self.watch.over("load"):
            return self.inner.load(source, case)


@dataclass(eq=False)
class TimedSubject:
    """A subject that measures the time of each call, by the method's name."""

    inner: Subject
    name: str
    watch: Stopwatch = field(default_factory=Stopwatch)

    def environment(self) -> Mapping[str, str]:
        """Return the inner subject's versions."""
        return self.inner.environment()

    def paths(self) -> Sequence[SavePath]:
        """Return the inner subject's save paths, timed."""
        return [
            TimedPath(path, self.watch, path.name, path.in_memory, path.contract)
            for path in self.inner.paths()
        ]

    def seed(self, seed: int) -> None:
        """Seed as the inner subject does."""
        with self.watch.over("seed"):
            self.inner.seed(seed)

    def build(self, case: Case, *, built: bool = True) -> Model:
        """Build as the inner subject does."""
        with self.watch.over("build"):
            return self.inner.build(case, built=built)

    def compile(self, model: Model, case: Case) -> None:
        """Compile as the inner subject does."""
        with self.watch.over("compile"):
            self.inner.compile(model, case)

    def perform(self, model: Model, event: AnyEvent, rows: Rows | None) -> Logs:
        """Perform the event as the inner subject does."""
        with self.watch.over("perform"):
            return self.inner.perform(model, event, rows)

    def predict(self, model: Model, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Predict as the inner subject does."""
        with self.watch.over("predict"):
            return self.inner.predict(model, inputs)

    def snapshot(self, model: Model) -> Snapshot:
        """Return the inner subject's snapshot."""
        with self.watch.over("snapshot"):
            return self.inner.snapshot(model)


@cache
def reference() -> TimedSubject:
    """Return this process's one timed reference."""
    return TimedSubject(subjects.resolve("reference"), "timed reference")
