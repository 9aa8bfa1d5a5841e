"""Recording: runs one case through one save path and writes down what was seen."""

import dataclasses
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
from msgspec.structs import replace

from conformance import wire
from conformance.isolation import Child, Failed
from conformance.subject import Model, SavePath, Source, Subject, Unsupported
from conformance.trace import Elsewhere, Life, Probe, Raised, Stage, Step, Trace, same_life
from strategies import data
from strategies.case import AnyEvent, Case, Hop, Kind, TrainOnBatch
from strategies.data import Rows


class RaisedElsewhere(Exception):
    """The subject raised in the other process; the message is that process's traceback."""


class Reload(msgspec.Struct, frozen=True):
    """What another process is told: load this source of this subject's path and live on."""

    subject: str
    path: str
    case: Case
    source: str


class Halted(Exception):
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
    trains_on: bool = True,
    elsewhere: Child | None = None,
    subject_spec: str = "",
    seconds: float = 120.0,
) -> Trace:
    """Run the case through the save path and return what was seen.

    `folder` is empty and takes the files. Unless `trains_on`, lives end with their outputs.
    `elsewhere` serves `conformance.examine:reload`.

    Raises:
        Unsupported: the subject can't build or train the case, saving apart.
        Crashed, TimedOut: the other process did, while loading.
    """
    trace = Trace(case, path.name, path.contract, probes, path.in_memory)
    recorder = Recorder(subject, path, case, folder, trains_on=trains_on)
    seen: dict[str, object] = {}
    try:
        recorder.round_trip(seen, second=Probe.SECOND_GENERATION in probes)
        if elsewhere is not None and isinstance(recorder.source, Path):
            request = Reload(subject_spec, path.name, case, str(recorder.source))
            answer = elsewhere.call(msgspec.json.encode(request), seconds=seconds)
            seen["elsewhere"] = wire.decode(answer, Elsewhere)
    except Halted as halted:
        seen["raised"] = halted.raised
    except Failed as failed:
        seen["raised"] = _raised(Stage.ANOTHER_PROCESS, RaisedElsewhere(str(failed)))
    if Probe.UNBUILT in probes and case.architecture.kind is Kind.SUBCLASSED:
        seen["unbuilt"] = recorder.save_unbuilt()
    if Probe.TWIN in probes and _strayed(seen):
        seen["steady"] = recorder.twin_agrees(seen["original"])
    return dataclasses.replace(trace, **seen)  # type: ignore[arg-type]  # the fields, by name


def relive(subject: Subject, path: SavePath, case: Case, source: Path) -> bytes:
    """Load a source that another process wrote, live on, and return what was seen, encoded."""
    recorder = Recorder(subject, path, case, source.parent)
    loaded = recorder.load(source)
    snapshot = subject.snapshot(loaded)
    return wire.encode(Elsewhere(snapshot, recorder.live(loaded)))


class Recorder:
    """The stages of one trace: `folder` takes the files, `source` is what was saved last."""

    def __init__(
        self,
        subject: Subject,
        path: SavePath,
        case: Case,
        folder: Path,
        *,
        trains_on: bool = True,
    ) -> None:
        self._subject = subject
        self._path = path
        self._case = case
        self._folder = folder
        self._trains_on = trains_on
        self._files = 0
        self.source: Source = None

    def round_trip(self, seen: dict[str, object], *, second: bool) -> None:
        """Bring a model up, save it, load it, and let both live on."""
        snapshot = self._subject.snapshot
        model = self.saved(seen)
        with stage(Stage.LOAD):
            loaded = self.load(self.source, compiled=False)
            seen["loaded"] = snapshot(loaded)
        if second:
            with stage(Stage.SECOND_GENERATION):
                again = self.load(self._save(loaded), compiled=False)
                seen["second"] = snapshot(again)
        with stage(Stage.RESUME):
            self.compile(loaded)
        seen["original"] = self.live(model)
        seen["resumed"] = self.live(loaded)

    def saved(self, seen: dict[str, object]) -> Model:
        """Bring a model up, save it, and return it."""
        snapshot = self._subject.snapshot
        model = self._new()
        seen["fresh"] = snapshot(model)
        model = self._bring_up(model)
        with stage(Stage.SAVE):
            seen["before"] = snapshot(model)
            self.source = self._save(model)
            seen["saved"] = snapshot(model)
        return model

    def brought_up(self) -> Model:
        """Return a model at the end of the case's history before the save.

        Raises:
            Unsupported: the subject can't build or train it.
        """
        return self._bring_up(self._new())

    def load(self, source: Source, *, compiled: bool = True) -> Model:
        """Return the model that comes back, `case` standing for the code in force at the save."""
        self._subject.seed(self._case.seed + 2)
        model = self._path.load(source, self._case.in_force)
        if compiled:
            self.compile(model)
        return model

    def live(self, model: Model) -> Life:
        """Look at the outputs, then train on: the environment's randomness starts anew."""
        self._subject.seed(self._case.seed + 3)
        steps: list[Step] = []
        outputs: tuple[np.ndarray, ...] = ()
        try:
            with stage(Stage.RESUME):
                outputs = tuple(self._subject.predict(model, data.probe(self._case)))
                for event, rows in self._after() if self._trains_on else ():
                    logs = tuple(dict(log) for log in self._subject.perform(model, event, rows))
                    name = type(event).__name__
                    steps.append(Step(name, logs, self._subject.snapshot(model)))
        except Halted as halted:
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
            with stage(Stage.SAVE):
                self._save(model)
        except Halted as halted:
            return halted.raised
        return None

    def _new(self) -> Model:
        self._subject.seed(self._case.seed)
        with _unsupported("building"):
            return self._subject.build(self._case)

    def _bring_up(self, model: Model) -> Model:
        self._subject.seed(self._case.seed + 1)
        for index, event in enumerate(self._case.history.before):
            if isinstance(event, Hop):
                model = self._hop(model, event)
            else:
                with _unsupported("training"):
                    self._subject.perform(model, event, data.rows(self._case, index))
        return model

    def _hop(self, model: Model, event: Hop) -> Model:
        path = next(path for path in self._subject.paths() if path.name == event.path)
        with stage(Stage.SAVE):
            source = path.save(model, self._target())
        with stage(Stage.LOAD):
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

    def compile(self, model: Model) -> None:
        """Compile what came back where the contract doesn't have the compile settings come back.

        What was frozen since the original was compiled is frozen after that here, too.
        """
        if self._path.contract.comes_uncompiled:
            late = self._case.set_since_compile
            for event in reversed(late):
                self._subject.perform(model, replace(event, value=not event.value), None)
            self._subject.compile(model, self._case)
            for event in late:
                self._subject.perform(model, event, None)

    def _target(self) -> Path:
        self._files += 1
        return self._folder / f"model_{self._files}"


def _strayed(seen: Mapping[str, object]) -> bool:
    original, elsewhere = seen.get("original"), seen.get("elsewhere")
    others = [seen.get("resumed"), elsewhere.life if isinstance(elsewhere, Elsewhere) else None]
    lives = [life for life in others if isinstance(life, Life)]
    return isinstance(original, Life) and not all(same_life(original, life) for life in lives)


def _single_steps(event: TrainOnBatch, rows: Rows) -> Iterator[tuple[AnyEvent, Rows]]:
    step = msgspec.structs.replace(event, steps=1)
    yield from ((step, batch) for batch in rows.batches(event.batch_size))


@contextmanager
def stage(stage: Stage) -> Iterator[None]:
    """Turn whatever is raised into `Halted`, with the stage.

    Raises:
        Halted: the subject raised.
        Unsupported: it says that it can't build or train the case.
    """
    try:
        yield
    except (Halted, Unsupported):
        raise
    except Exception as error:
        raise Halted(_raised(stage, error)) from error


@contextmanager
def _unsupported(doing: str) -> Iterator[None]:
    try:
        yield
    except Unsupported:
        raise
    except Exception as error:
        raise Unsupported(f"{doing} raised {type(error).__name__}: {error}") from error


def _raised(stage: Stage, error: Exception) -> Raised:
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    words = "".join(traceback.format_exception(error))
    return Raised(stage, kind, str(error), words[-6000:])
