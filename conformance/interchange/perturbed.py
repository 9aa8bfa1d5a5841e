"""A subject whose data are perturbed, to measure how strongly a case amplifies rounding errors."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.conformance.model_state.subject import Logs, Model, SavePath, Subject
from saveproof.strategies.case import AnyEvent, Case
from saveproof.strategies.data import Rows

SIZE, SIZE_HALF = 2.0**-20, 2.0**-8
"""Largest relative change of a number: about eight roundings of float32, one of bfloat16."""

TURNS = (1, 2, 3, 4, 5)
"""Turns to try: one alone flips a sign that depends on rounding only half of the time."""


class PerturbedSubject:
    """A subject whose data are changed in the last bits; seed and turn determine the change."""

    def __init__(self, subject: Subject, seed: int, *, turn: int = 1, size: float = SIZE) -> None:
        self._subject = subject
        self._key = (seed, 2**33 + turn)
        self._size = size
        self.name = subject.name

    def environment(self) -> Mapping[str, str]:
        """Return the subject's versions."""
        return self._subject.environment()

    def paths(self) -> Sequence[SavePath]:
        """Return the subject's save paths."""
        return self._subject.paths()

    def seed(self, seed: int) -> None:
        """Seed the subject."""
        self._subject.seed(seed)

    def build(self, case: Case, *, built: bool = True) -> Model:
        """Build the subject's model."""
        return self._subject.build(case, built=built)

    def compile(self, model: Model, case: Case) -> None:
        """Compile the subject's model."""
        self._subject.compile(model, case)

    def perform(self, model: Model, event: AnyEvent, rows: Rows | None) -> Logs:
        """Perform the event on perturbed rows."""
        return self._subject.perform(model, event, rows and self._perturbed_rows(rows))

    def predict(self, model: Model, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the outputs for perturbed inputs."""
        return self._subject.predict(model, self._perturbed(inputs))

    def snapshot(self, model: Model) -> Snapshot:
        """Return the snapshot of the subject's model."""
        return self._subject.snapshot(model)

    def _perturbed_rows(self, rows: Rows) -> Rows:
        weights = rows.sample_weight
        return replace(
            rows,
            inputs=self._perturbed(rows.inputs),
            targets=self._perturbed(rows.targets),
            sample_weight=None if weights is None else self._perturbed(weights),
        )

    def _perturbed(self, arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        draw = np.random.Generator(np.random.Philox(key=self._key))
        return tuple(_changed(array, draw, self._size) for array in arrays)


def _changed(array: np.ndarray, draw: np.random.Generator, size: float) -> np.ndarray:
    if not np.issubdtype(array.dtype, np.floating):
        return array
    return (array * (1 + size * draw.uniform(-1, 1, array.shape))).astype(array.dtype)
