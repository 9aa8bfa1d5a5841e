"""Linear subjects with one fault each, for tests of what runs and judges subjects."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from examples.linear_class import Linear, Model, Npz
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.conformance.model_state.subject import Logs, Unsupported
from saveproof.strategies.case import AnyEvent, Case
from saveproof.strategies.data import Rows


class _LosesMomentum(Npz):
    def load(self, source: Path, case: Case) -> Model:
        model = super().load(source, case)
        return Model(model.kernel, np.zeros_like(model.momentum), model.steps)


class LosesMomentum(Linear):
    """Its momentum comes back as zeros."""

    path = _LosesMomentum()


class _Raises(Npz):
    def save(self, model: Model, target: Path) -> Path:  # noqa: ARG002 - it gets nowhere
        raise OSError(f"no room for {len(model.kernel)} rows")


class RaisesOnSave(Linear):
    """It can't save."""

    path = _Raises()


class _Dies(Npz):
    def load(self, source: Path, case: Case) -> Model:  # noqa: ARG002 - it gets nowhere
        os._exit(7)


class DiesOnLoad(Linear):
    """Its process ends while it loads."""

    path = _Dies()


class _Hangs(Npz):
    def load(self, source: Path, case: Case) -> Model:
        time.sleep(3600)
        return super().load(source, case)


class HangsOnLoad(Linear):
    """It never comes back from loading."""

    path = _Hangs()


class _Touches(Npz):
    def save(self, model: Model, target: Path) -> Path:
        model.momentum = model.momentum * 0
        return super().save(model, target)


class SavingClearsMomentum(Linear):
    """Saving changes the live model."""

    path = _Touches()


class Restless(Linear):
    """It does not repeat itself: each step adds noise from the system's entropy."""

    def perform(self, model: Model, event: AnyEvent, rows: Rows | None) -> Logs:
        logs = super().perform(model, event, rows)
        model.kernel = model.kernel + np.random.default_rng().normal(size=model.kernel.shape)
        return logs


def _named(path: Npz, name: str) -> Npz:
    path.name = name
    return path


class _Beside(Linear):
    """It has the path of the fault, and after it one without."""

    faulty: Npz

    def paths(self) -> list[Npz]:
        return [_named(self.faulty, "faulty"), _named(Npz(), "sound")]


class ChangesBeside(_Beside):
    """Its first path changes the live model."""

    faulty = _Touches()


class RaisesBeside(_Beside):
    """Its first path can't save."""

    faulty = _Raises()


class DiesBeside(_Beside):
    """Its process ends while its first path loads."""

    faulty = _Dies()


class _Marks(Npz):
    def save(self, model: Model, target: Path) -> Path:
        model.marked = True  # type: ignore[attr-defined]  # nobody looks at it
        return super().save(model, target)


class _Minds(Npz):
    def save(self, model: Model, target: Path) -> Path:
        sound = Model(model.kernel, model.momentum * (not hasattr(model, "marked")), model.steps)
        return super().save(sound, target)


class Entangled(Linear):
    """What its first path does to the live model shows in what its second saves alone."""

    def paths(self) -> list[Npz]:
        return [_named(_Marks(), "marks"), _named(_Minds(), "minds")]


class EntangledAmongOthers(Linear):
    """As Entangled, between paths that have no part in it."""

    def paths(self) -> list[Npz]:
        others = [_named(Npz(), name) for name in ("idle", "other")]
        return [others[0], _named(_Marks(), "marks"), others[1], _named(_Minds(), "minds")]


class _Flickers(Npz):
    def save(self, model: Model, target: Path) -> Path:
        Flickering.saves += 1
        shift = 1.0 * (Flickering.saves == 1)
        return super().save(Model(model.kernel + shift, model.momentum, model.steps), target)


class Flickering(Linear):
    """Its second path writes another kernel in the first save of the process, and never again."""

    saves = 0

    def paths(self) -> list[Npz]:
        return [_named(Npz(), "one"), _named(_Flickers(), "two")]


class Counting(Linear):
    """It counts the models that it builds."""

    built = 0

    def paths(self) -> list[Npz]:
        return [_named(Npz(), name) for name in ("one", "two", "three")]

    def build(self, case: Case, *, built: bool = True) -> Model:
        Counting.built += 1
        return super().build(case, built=built)


class RestlessTwice(Restless):
    """It does not repeat itself, on either of two paths."""

    def paths(self) -> list[Npz]:
        return [_named(Npz(), name) for name in ("one", "two")]


class _Shifts(Npz):
    def load(self, source: Path, case: Case) -> Model:
        model = super().load(source, case)
        return Model(model.kernel + 1, model.momentum, model.steps)


class ShiftsWeights(Linear):
    """Its weights come back with one added to each."""

    path = _Shifts()


class _Breaks(Npz):
    def save(self, model: Model, target: Path) -> Path:  # noqa: ARG002 - it gets nowhere
        del model.kernel
        raise OSError("no room, and no kernel any more")


class BreaksBeside(_Beside):
    """A save that fails leaves a model that can't be looked at."""

    faulty = _Breaks()


class _Elsewhere(Npz):
    """It goes wrong where another process loads what this one has saved."""

    writer = 0

    def save(self, model: Model, target: Path) -> Path:
        _Elsewhere.writer = os.getpid()
        return super().save(model, target)

    def load(self, source: Path, case: Case) -> Model:
        if os.getpid() != _Elsewhere.writer:
            self.go_wrong(case)
        return super().load(source, case)

    def go_wrong(self, case: Case) -> None:
        """Raise, end or hang."""
        raise NotImplementedError


class _RaisesElsewhere(_Elsewhere):
    def go_wrong(self, case: Case) -> None:
        if case.seed % 2:
            raise ValueError("the custom object was not registered")
        raise OSError("could not find the weights beside the graph")


class RaisesElsewhere(Linear):
    """It raises one of two errors where another process loads."""

    path = _RaisesElsewhere()


class _DiesElsewhere(_Elsewhere):
    def go_wrong(self, case: Case) -> None:  # noqa: ARG002 - it does so on every case
        os._exit(7)


class DiesElsewhere(Linear):
    """Another process ends while it loads."""

    path = _DiesElsewhere()


class _HangsElsewhere(_Elsewhere):
    def go_wrong(self, case: Case) -> None:  # noqa: ARG002 - it does so on every case
        time.sleep(3600)


class HangsElsewhere(Linear):
    """Another process never comes back from loading."""

    path = _HangsElsewhere()


class HangsWhileBuilding(Linear):
    """It never comes back from building, for none of three paths."""

    def paths(self) -> list[Npz]:
        return [_named(Npz(), name) for name in ("one", "two", "three")]

    def build(self, case: Case, *, built: bool = True) -> Model:
        time.sleep(3600)
        return super().build(case, built=built)


class RefusesToPredict(RaisesBeside):
    """Its first path can't save, and outputs are unsupported."""

    def predict(self, model: Model, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        raise Unsupported(f"no outputs of {model} for {len(inputs)} inputs")


class _Needs(Npz):
    def save(self, model: Model, target: Path) -> Path:
        kept = Model(model.kernel, model.momentum * hasattr(model, "marked"), model.steps)
        return super().save(kept, target)


class Rescued(Linear):
    """Its second path keeps the momentum only where its first has saved the model before."""

    def paths(self) -> list[Npz]:
        return [_named(_Marks(), "marks"), _named(_Needs(), "needs")]


class CannotBuild(Linear):
    """Its adapter is broken: no model can be built."""

    def build(self, case: Case, *, built: bool = True) -> Model:
        raise AttributeError(f"no layers in {type(case).__name__}, built: {built}")


class Umlaut(Linear):
    """Its path has a name that is not ASCII."""

    def paths(self) -> list[Npz]:
        return [_named(Npz(), "nähe")]


class CannotBeLookedAt(Linear):
    """Its adapter fails."""

    def snapshot(self, model: Model) -> Snapshot:  # noqa: ARG002 - it gets nowhere
        raise ValueError("no such variable")
