"""Linear subjects whose files travel, with a fault each: for tests of exchanges."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from examples.linear_class import Linear, Model, Npz
from saveproof.conformance.model_state.contract import Contract, Promise
from saveproof.conformance.model_state.subject import Logs
from saveproof.strategies.case import AnyEvent, Case
from saveproof.strategies.data import Rows

HERE = "tests.conformance.travelling"


@dataclass
class _Travels(Npz):
    """The path of the linear subject, with what it writes and reads; it reads as it is told to."""

    writes: str = "npz"
    claim: Promise = Promise.MUST
    fault: str = ""

    @property
    def reads(self) -> dict[str, Promise]:
        return {"npz": self.claim}

    @property
    def contract(self) -> Contract:  # type: ignore[override]  # the linear subject's own
        return Npz.contract

    def load(self, source: Path, case: Case) -> Model:
        model = super().load(source, case)
        if self.fault == "momentum":
            return Model(model.kernel, np.zeros_like(model.momentum), model.steps)
        if self.fault == "raises":
            raise ValueError("this release reads no file of that version")
        if self.fault == "dies":
            os._exit(7)
        return model


class _Linear(Linear):
    """A linear subject with one path."""

    def __init__(self, path: _Travels | None = None, *, drift: float = 0.0) -> None:
        self._path = path or _Travels()
        self._drift = drift

    def paths(self) -> Sequence[Npz]:
        """Return the one save path."""
        return [self._path]

    def perform(self, model: Model, event: AnyEvent, rows: Rows | None) -> Logs:
        """Train, with a difference in the last bits where another implementation rounds."""
        logs = super().perform(model, event, rows)
        model.kernel = model.kernel * (1 + self._drift)
        return [{name: value * (1 + self._drift) for name, value in log.items()} for log in logs]


def exact() -> _Linear:
    """Return a subject that loses nothing."""
    return _Linear()


def rounds() -> _Linear:
    """Return another implementation: its last bits are others."""
    return _Linear(drift=1e-7)


def forgets() -> _Linear:
    """Return a reader that loses the momentum."""
    return _Linear(_Travels(fault="momentum"))


def refuses() -> _Linear:
    """Return a reader that raises."""
    return _Linear(_Travels(fault="raises"))


def hopes() -> _Linear:
    """Return a reader that raises, and answers for nothing."""
    return _Linear(_Travels(fault="raises", claim=Promise.SHOULD))


def dies() -> _Linear:
    """Return a reader whose process ends."""
    return _Linear(_Travels(fault="dies"))


def keeps_to_itself() -> _Linear:
    """Return a writer whose files nobody else reads."""
    return _Linear(_Travels(writes=""))
