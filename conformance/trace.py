"""Traces: one case through one save path, and everything that was seen on the way."""

import dataclasses
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec
import numpy as np

from conformance import wire
from conformance.contract import Contract, Facet, Promise
from conformance.isolation import Child, Failed
from conformance.snapshot import Snapshot, equal_arrays, same
from conformance.subject import Model, SavePath, Source, Subject, Unsupported
from strategies import data
from strategies.case import AnyEvent, Case, Hop, Kind, TrainOnBatch
from strategies.data import Rows


class Probe(StrEnum):
    """What a trace may look at beyond the round trip itself; each costs a good part of another."""

    SECOND_GENERATION = "second generation"
    ANOTHER_PROCESS = "another process"
    UNBUILT = "unbuilt"


class Stage(StrEnum):
    """Where a subject raised."""

    BUILD = "build"
    TRAIN = "train"
    SAVE = "save"
    LOAD = "load"
    RESUME = "resume"
    SECOND_GENERATION = "second generation"
    ANOTHER_PROCESS = "another process"


@dataclass(frozen=True)
class Raised:
    """An exception of the subject: its stage, class, message and traceback."""

    stage: Stage
    kind: str
    message: str
    traceback: str


class RaisedElsewhere(Exception):
    """The subject raised in the other process; the message is that process's traceback."""


@dataclass(frozen=True)
class Step:
    """One step of training after the save: what it returned, and the model after it."""

    event: str
    logs: tuple[Mapping[str, float], ...]
    snapshot: Snapshot


@dataclass(frozen=True)
class Life:
    """A model from the moment of the save on: its outputs on the probe inputs, then its training.

    `outputs` has an array an output. `raised` ends the steps early.
    """

    outputs: tuple[np.ndarray, ...]
    steps: tuple[Step, ...]
    raised: Raised | None = None


@dataclass(frozen=True)
class Elsewhere:
    """What another process saw of the source: the model as it came back, and its life."""

    loaded: Snapshot
    life: Life


@dataclass(frozen=True)
class Trace:
    """One case through one save path.

    `fresh` was seen before training, `before` before the save, `saved` after it, all of the
    original model; `loaded` is the model that came back, `second` what came of saving that one.
    What was not reached or not asked for is None.
    """

    case: Case
    path: str
    contract: Contract
    probes: frozenset[Probe]
    in_memory: bool = False
    fresh: Snapshot | None = None
    before: Snapshot | None = None
    saved: Snapshot | None = None
    loaded: Snapshot | None = None
    second: Snapshot | None = None
    original: Life | None = None
    resumed: Life | None = None
    elsewhere: Elsewhere | None = None
    raised: Raised | None = None
    unbuilt: Raised | None = None
    steady: bool = True
    """False where a twin, brought up alike and saved alike, did not live as the original did."""


class Reload(msgspec.Struct, frozen=True):
    """What another process is told: load this source of this subject's path and live on."""

    subject: str
    path: str
    case: Case
    source: str


class _Halted(Exception):
    """The subject raised; nothing after it can be seen."""

    def __init__(self, raised: Raised) -> None:
        super().__init__(raised.message)
        self.raised = raised


def record(
    subject: Subject,
    path: SavePath,
    case: Case,
    folder: Path,
    *,
    probes: frozenset[Probe] = frozenset(),
    elsewhere: Child | None = None,
    subject_spec: str = "",
    seconds: float = 120.0,
) -> Trace:
    """Run the case through the save path and return what was seen.

    `folder` is empty and takes the files. `elsewhere` serves `conformance.examine:reload`.

    Raises:
        Unsupported: the subject can't build or train the case, saving apart.
        Crashed, TimedOut: the other process did, while loading.
    """
    trace = Trace(case, path.name, path.contract, probes, path.in_memory)
    recorder = _Recorder(subject, path, case, folder)
    seen: dict[str, object] = {}
    try:
        recorder.round_trip(seen, second=Probe.SECOND_GENERATION in probes)
        if elsewhere is not None and isinstance(recorder.source, Path):
            request = Reload(subject_spec, path.name, case, str(recorder.source))
            answer = elsewhere.call(msgspec.json.encode(request), seconds=seconds)
            seen["elsewhere"] = wire.decode(answer, Elsewhere)
    except _Halted as halted:
        seen["raised"] = halted.raised
    except Failed as failed:
        seen["raised"] = _raised(Stage.ANOTHER_PROCESS, RaisedElsewhere(str(failed)))
    if Probe.UNBUILT in probes and case.architecture.kind is Kind.SUBCLASSED:
        seen["unbuilt"] = recorder.save_unbuilt()
    if _strayed(seen):
        seen["steady"] = recorder.twin_agrees(seen["original"])
    return dataclasses.replace(trace, **seen)  # type: ignore[arg-type]  # the fields, by name


def relive(subject: Subject, path: SavePath, case: Case, source: Path) -> bytes:
    """Load a source that another process wrote, live on, and return what was seen, encoded."""
    recorder = _Recorder(subject, path, case, source.parent)
    loaded = recorder.load(source)
    snapshot = subject.snapshot(loaded)
    return wire.encode(Elsewhere(snapshot, recorder.live(loaded)))


class _Recorder:
    """The stages of one trace."""

    def __init__(self, subject: Subject, path: SavePath, case: Case, folder: Path) -> None:
        self._subject = subject
        self._path = path
        self._case = case
        self._folder = folder
        self._files = 0
        self.source: Source = None

    def round_trip(self, seen: dict[str, object], *, second: bool) -> None:
        snapshot = self._subject.snapshot
        model = self._new()
        seen["fresh"] = snapshot(model)
        model = self._bring_up(model)
        with _stage(Stage.SAVE):
            seen["before"] = snapshot(model)
            self.source = self._save(model)
            seen["saved"] = snapshot(model)
        with _stage(Stage.LOAD):
            loaded = self.load(self.source, compiled=False)
            seen["loaded"] = snapshot(loaded)
        if second:
            with _stage(Stage.SECOND_GENERATION):
                again = self.load(self._save(loaded), compiled=False)
                seen["second"] = snapshot(again)
        self._compile(loaded)
        seen["original"] = self.live(model)
        seen["resumed"] = self.live(loaded)

    def load(self, source: Source, *, compiled: bool = True) -> Model:
        """Return the model that comes back, `case` standing for the code in force at the save."""
        self._subject.seed(self._case.seed + 2)
        model = self._path.load(source, self._case.in_force)
        if compiled:
            self._compile(model)
        return model

    def live(self, model: Model) -> Life:
        """Look at the outputs, then train on: the environment's randomness starts anew."""
        self._subject.seed(self._case.seed + 3)
        steps: list[Step] = []
        outputs: tuple[np.ndarray, ...] = ()
        try:
            with _stage(Stage.RESUME):
                outputs = tuple(self._subject.predict(model, data.probe(self._case)))
                for event, rows in self._after():
                    logs = tuple(dict(log) for log in self._subject.perform(model, event, rows))
                    name = type(event).__name__
                    steps.append(Step(name, logs, self._subject.snapshot(model)))
        except _Halted as halted:
            return Life(outputs, tuple(steps), halted.raised)
        return Life(outputs, tuple(steps))

    def twin_agrees(self, original: object) -> bool:
        """Bring up a twin and save it, all as before; say whether it lives the original's life."""
        twin = self._bring_up(self._new())
        self._save(twin)
        return isinstance(original, Life) and same_life(original, self.live(twin))

    def save_unbuilt(self) -> Raised | None:
        """Try to save a model without weights; return how that was refused, if it was."""
        model = self._subject.build(self._case, built=False)
        try:
            with _stage(Stage.SAVE):
                self._save(model)
        except _Halted as halted:
            return halted.raised
        return None

    def _new(self) -> Model:
        self._subject.seed(self._case.seed)
        return self._subject.build(self._case)

    def _bring_up(self, model: Model) -> Model:
        self._subject.seed(self._case.seed + 1)
        for index, event in enumerate(self._case.history.before):
            if isinstance(event, Hop):
                model = self._hop(model, event)
            else:
                with _unsupported():
                    self._subject.perform(model, event, data.rows(self._case, index))
        return model

    def _hop(self, model: Model, event: Hop) -> Model:
        path = next(path for path in self._subject.paths() if path.name == event.path)
        with _stage(Stage.SAVE):
            source = path.save(model, self._target())
        with _stage(Stage.LOAD):
            return path.load(source, self._case.in_force)

    def _after(self) -> Iterator[tuple[AnyEvent, Rows | None]]:
        start = len(self._case.history.before)
        for index, event in enumerate(self._case.history.after, start):
            rows = data.rows(self._case, index)
            if isinstance(event, TrainOnBatch) and rows is not None:
                yield from _single_steps(event, rows)
            else:
                yield event, rows

    def _save(self, model: Model) -> Source:
        return self._path.save(model, self._target())

    def _compile(self, model: Model) -> None:
        if self._path.contract.facets.get(Facet.COMPILE) in (None, Promise.FRESH):
            self._subject.compile(model, self._case)

    def _target(self) -> Path:
        self._files += 1
        folder = self._folder / f"save_{self._files}"
        folder.mkdir()
        return folder / "model"


def same_life(one: Life, other: Life) -> bool:
    """Say whether two lives are equal to the last bit, what they raised included."""
    if (one.raised is None) != (other.raised is None) or len(one.steps) != len(other.steps):
        return False
    return equal_arrays(one.outputs, other.outputs) and all(
        a.logs == b.logs and not _apart(a.snapshot, b.snapshot)
        for a, b in zip(one.steps, other.steps, strict=True)
    )


def _apart(one: Snapshot, other: Snapshot) -> bool:
    facets = (Facet.WEIGHTS, Facet.NON_TRAINABLE, Facet.SLOTS)
    return not all(same(one[facet], other[facet]) for facet in facets)


def _strayed(seen: Mapping[str, object]) -> bool:
    original, elsewhere = seen.get("original"), seen.get("elsewhere")
    others = [seen.get("resumed"), elsewhere.life if isinstance(elsewhere, Elsewhere) else None]
    lives = [life for life in others if isinstance(life, Life)]
    return isinstance(original, Life) and not all(same_life(original, life) for life in lives)


def _single_steps(event: TrainOnBatch, rows: Rows) -> Iterator[tuple[AnyEvent, Rows]]:
    size = event.batch_size
    for start in range(0, event.steps * size, size):
        cut = slice(start, start + size)
        weights = rows.sample_weight
        yield (
            msgspec.structs.replace(event, steps=1),
            Rows(
                inputs=_cut(rows.inputs, cut),
                targets=_cut(rows.targets, cut),
                sample_weight=None if weights is None else _cut(weights, cut),
            ),
        )


def _cut(arrays: Sequence[np.ndarray], cut: slice) -> tuple[np.ndarray, ...]:
    return tuple(array[cut] for array in arrays)


@contextmanager
def _stage(stage: Stage) -> Iterator[None]:
    try:
        yield
    except (_Halted, Unsupported):
        raise
    except Exception as error:
        raise _Halted(_raised(stage, error)) from error


@contextmanager
def _unsupported() -> Iterator[None]:
    try:
        yield
    except Unsupported:
        raise
    except Exception as error:
        raise Unsupported(f"training raised {type(error).__name__}: {error}") from error


def _raised(stage: Stage, error: Exception) -> Raised:
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    words = "".join(traceback.format_exception(error))
    return Raised(stage, kind, str(error), words[-6000:])
