"""The stages of one trace: build, train, save, load and train further."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from saveproof.conformance.execution.adapter import Adapter, Misbehaved, handed, shared
from saveproof.conformance.execution.raising import SubjectRaised, stage, unsupported
from saveproof.conformance.execution.surroundings import generators
from saveproof.conformance.model_state.snapshot import Inventory, Snapshot
from saveproof.conformance.model_state.subject import (
    Model,
    SavePath,
    Source,
    Sparing,
    Subject,
)
from saveproof.conformance.model_state.trace import (
    Raised,
    Stage,
    Step,
    Trajectory,
    trajectory_difference,
)
from saveproof.conformance.processes.endings import ENDING
from saveproof.reports.findings import Difference
from saveproof.strategies import data
from saveproof.strategies.case import AnyEvent, Case, Hop, TrainOnBatch
from saveproof.strategies.data import Rows

OWN = "model_"
"""The beginning of the names of all targets."""


@dataclass(eq=False)
class Original:
    """A model at the end of the case's history before the save, with its snapshots.

    `fresh` is its state before the training, `before` the one after it, and `logs` the training's
    logs. `trajectory` is set once the model was trained further, after which it can't be saved.
    """

    model: Model
    fresh: Snapshot
    before: Snapshot
    logs: tuple[Mapping[str, float], ...]
    trajectory: Trajectory | None = None

    @property
    def seen(self) -> dict[str, Any]:
        """The fields of a trace that it fills."""
        return {"fresh": self.fresh, "before": self.before, "logs": self.logs}

    @property
    def raises(self) -> bool:
        """Whether it raised in further training."""
        return self.trajectory is not None and self.trajectory.raised is not None


class Stages:
    """The stages of one trace: `folder` gets the files, `source` is the result of the save.

    Every file of a save has a name that begins with `OWN`.
    """

    def __init__(self, subject: Subject, path: SavePath, case: Case, folder: Path) -> None:
        self._subject, self._paths = Adapter(subject), subject.paths
        self.path = path
        self._case = case
        self.folder = folder
        self._files, self._first = 0, folder
        self.source: Source = None

    def original(self) -> Original:
        """Build and train a model, with a snapshot before and after the training.

        Raises:
            Unsupported: the subject can't build or train it.
            SubjectRaised: it raised on a hop.
        """
        model = self._new()
        fresh = self._plain() if self._case.tested else self._looked_at(model)
        logs: list[Mapping[str, float]] = []
        model = self._bring_up(model, logs)
        before = self._looked_at(model)
        with unsupported("telling of the model"):
            if place := shared(fresh, before):
                raise Misbehaved(f"snapshot: {place}: expected a copy, found the live array")
        return Original(model, fresh, before, tuple(logs))

    def _plain(self) -> Snapshot:
        """Return a snapshot of the object without the arguments under test.

        Where it can't be made without them, every loss of them shows.
        """
        try:
            return self.look(self._subject.build(self._case.plain))
        except ENDING:
            raise
        except BaseException:  # noqa: BLE001 - the subject's refusal of an object that no one asked for
            return Snapshot({})

    def save(self, model: Model) -> Snapshot:
        """Save the model, set `source`, and return a snapshot of the live model.

        Raises:
            SubjectRaised: the subject raised.
        """
        with stage(Stage.SAVE):
            self._first = self._target()
            self.source = self._save_at(model, self._first)
            return self.look(model)

    def save_over(self, model: Model, *, overwrite: bool = True) -> None:
        """Save to the target of the first save, or ask for it; an exception is `SubjectRaised`."""
        with stage(Stage.SAVE):
            if overwrite:
                self.path.save(model, self._first)
            elif isinstance(self.path, Sparing):
                self.path.save_new(model, self._first)

    def generators(self) -> Inventory:
        """Return the states of the process-wide generators by name, the framework's among them."""
        return {**generators(), **self._subject.generators()}

    def second_generation(self, loaded: Model) -> Snapshot:
        """Save and load the loaded model; return a snapshot of the result.

        Raises:
            SubjectRaised: the subject raised.
        """
        with stage(Stage.SECOND_GENERATION):
            return self.look(self.load(self._save(loaded), compiled=False))

    def look(self, model: Model) -> Snapshot:
        """Return a snapshot of the model."""
        return self._subject.snapshot(model)

    def _looked_at(self, model: Model) -> Snapshot:
        with unsupported("telling of the model"):
            return self._subject.snapshot(model, closely=True)

    def brought_up(self) -> Model:
        """Return a model at the end of the case's history before the save.

        Raises:
            Unsupported: the subject can't build or train it.
        """
        return self._bring_up(self._new(), [])

    def anew(self, code: Case | None = None) -> Snapshot:
        """Return a snapshot of the model, or of other code's, built while other seeds are in force.

        Raises:
            Unsupported: the subject can't build it.
        """
        with unsupported("building"):
            self._subject.seed(self._case.seed + 4)
            return self.look(self._subject.build(code or self._case))

    def load(self, source: Source, *, compiled: bool = True, code: Case | None = None) -> Model:
        """Return the loaded model; the case is the code at the save, or `code` is other code."""
        self._subject.seed(self._case.seed + 2)
        with handed(code or self._case.in_force) as case:
            model = self.path.load(source, case)
        if compiled:
            self.compile(model)
        return model

    def continue_training(self, model: Model, *, trains_on: bool = True) -> Trajectory:
        """Compute outputs, then train, after the process-wide generators are seeded."""
        steps: list[Step] = []
        outputs: tuple[np.ndarray, ...] = ()
        try:
            with stage(Stage.RESUME):
                self._subject.seed(self._case.seed + 3)
                outputs = self._subject.predict(model, data.probe(self._case))
                for event, rows in self._after() if trains_on else ():
                    logs = tuple(self._subject.perform(model, event, rows))
                    name = type(event).__name__
                    steps.append(Step(name, logs, self.look(model)))
        except SubjectRaised as error:
            return Trajectory(outputs, tuple(steps), error.raised)
        return Trajectory(outputs, tuple(steps))

    def twin(self, trajectory: Trajectory, *, trains_on: bool) -> Difference | None:
        """Build, train and save a twin; return where its trajectory first differs, if it does."""
        twin = self.brought_up()
        self._save(twin)
        own = self.continue_training(twin, trains_on=trains_on)
        return trajectory_difference(trajectory, own)

    def spoiled(self) -> Raised | None:
        """Return the exception of a twin in training that only a save before it causes.

        Raises:
            Unsupported: the subject can't build or train it.
            SubjectRaised: it raised while saving.
        """
        if self.continue_training(self.brought_up()).raised is not None:
            return None
        twin = self.brought_up()
        with stage(Stage.SAVE):
            self._save(twin)
        return self.continue_training(twin).raised

    def save_unbuilt(self) -> Raised | None:
        """Try to save a model without weights; return the exception, if there is one."""
        with unsupported("building without weights"):
            model = self._subject.build(self._case, built=False)
        try:
            with stage(Stage.SAVE):
                self._save(model)
        except SubjectRaised as error:
            return error.raised
        return None

    def _new(self) -> Model:
        with unsupported("building"):
            self._subject.seed(self._case.seed)
            return self._subject.build(self._case)

    def _bring_up(self, model: Model, logs: list[Mapping[str, float]]) -> Model:
        with unsupported("seeding"):
            self._subject.seed(self._case.seed + 1)
        for index, event in enumerate(self._case.history.before):
            if isinstance(event, Hop):
                model = self._hop(model, event)
            else:
                with unsupported("training"):
                    logs += self._subject.perform(model, event, data.rows(self._case, index))
        return model

    def _hop(self, model: Model, event: Hop) -> Model:
        path = next(path for path in self._paths() if path.name == event.path)
        with stage(Stage.SAVE):
            source = path.save(model, self._target())
        with stage(Stage.LOAD), handed(self._case.in_force) as case:
            return path.load(source, case)

    def _after(self) -> Iterator[tuple[AnyEvent, Rows | None]]:
        start = len(self._case.history.before)
        for index, event in enumerate(self._case.history.after, start):
            yield from _single_steps(event, data.rows(self._case, index))

    def _save(self, model: Model) -> Source:
        return self._save_at(model, self._target())

    def _save_at(self, model: Model, target: Path) -> Source:
        source = self.path.save(model, target)
        return source if self.path.in_memory else Path(source)

    def compile(self, model: Model) -> None:
        """Compile what came back where the contract doesn't have the compile settings come back.

        What was frozen since the original was compiled is frozen after that here, too.
        """
        if self.path.contract.comes_uncompiled:
            late = self._case.set_since_compile
            for event in reversed(late):
                self._subject.perform(model, replace(event, value=not event.value), None)
            self._subject.compile(model, self._case)
            for event in late:
                self._subject.perform(model, event, None)

    def compile_loaded(self, model: Model) -> None:
        """Compile what came back; an exception tells of the load only if a new model compiles.

        Raises:
            SubjectRaised: the subject raised on what came back alone.
            Unsupported: it raises on a new model, too.
        """
        try:
            with stage(Stage.RESUME):
                self.compile(model)
        except SubjectRaised:
            new = self._new()
            with unsupported("compiling"):
                self.compile(new)
            raise

    def _target(self) -> Path:
        self._files += 1
        return self.folder / f"{OWN}{self._files}"


def _single_steps(event: AnyEvent, rows: Rows | None) -> Iterator[tuple[AnyEvent, Rows | None]]:
    if not isinstance(event, TrainOnBatch) or rows is None:
        yield event, rows
        return
    step = msgspec.structs.replace(event, steps=1)
    yield from ((step, batch) for batch in rows.batches(event.batch_size))
