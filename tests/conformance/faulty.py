"""Linear subjects with one fault each, for tests of what runs and judges subjects."""

import os
import time
from pathlib import Path

import numpy as np

from conformance.subject import Logs
from examples.linear_subject import Linear, Model, Npz
from strategies.case import AnyEvent, Case
from strategies.data import Rows


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
