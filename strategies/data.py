"""Data: the arrays for a case, generated from its seed; equal in every process."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from saveproof.strategies.case import (
    AnyEvent,
    Case,
    Evaluate,
    Fit,
    Input,
    InvalidCase,
    Predict,
    Recompile,
    TrainOnBatch,
)
from saveproof.strategies.shapes import tensor_shapes
from saveproof.strategies.targets import Target, target_of

PROBE_ROWS = 4
"""Rows of the probe if the batch size is not fixed."""

PROBE = 2**32
"""The index of the probe, larger than that of any event."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Inputs and targets in the case's order, each `(rows, …)`; one weight a row and output."""

    inputs: tuple[np.ndarray, ...]
    targets: tuple[np.ndarray, ...]
    sample_weight: tuple[np.ndarray, ...] | None = None

    def batches(self, size: int) -> "Iterator[Rows]":
        """Yield the rows in batches of that size, in order."""
        for start in range(0, len(self.inputs[0]), size):
            cut = slice(start, start + size)
            weights = self.sample_weight
            yield Rows(
                tuple(array[cut] for array in self.inputs),
                tuple(array[cut] for array in self.targets),
                None if weights is None else tuple(array[cut] for array in weights),
            )


def rows(case: Case, index: int) -> Rows | None:
    """Return the rows that an event works on, None for one that needs none.

    Args:
        case: the case.
        index: the event's place in `history.before + history.after`. The rows hang on it and the
            seed alone, drawn from Philox (Salmon et al., "Parallel random numbers: as easy as
            1, 2, 3"). `TrainOnBatch` takes `steps * batch_size` rows, a batch after the other.

    Raises:
        InvalidCase: there is no such event, or a shape or loss that no layer or table has.
    """
    events = (*case.history.before, *case.history.after)
    if not 0 <= index < len(events):
        raise InvalidCase(f"event {index}: the history has events 0 to {len(events) - 1}")
    count = row_count(events[index])
    if count is None:
        return None
    generator = _generator(case, index)
    inputs = tuple(_input_rows(input_, count, generator) for input_ in case.architecture.inputs)
    targets = _target_rows(case, events[:index], count, generator)
    return Rows(inputs, targets, _weights(events[index], len(targets), count, generator))


def probe(case: Case) -> tuple[np.ndarray, ...]:
    """Return inputs for comparing outputs: the fixed batch size of the inputs or four rows."""
    generator = _generator(case, PROBE)
    inputs = case.architecture.inputs
    return tuple(_input_rows(i, i.batch_size or PROBE_ROWS, generator) for i in inputs)


def _generator(case: Case, index: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=(case.seed, index)))


def row_count(event: AnyEvent) -> int | None:
    """Return the number of rows that an event works on, None for one that needs none."""
    if isinstance(event, TrainOnBatch):
        return event.steps * event.batch_size
    if isinstance(event, Fit | Evaluate | Predict):
        return event.samples
    return None


def _input_rows(input_: Input, count: int, generator: np.random.Generator) -> np.ndarray:
    shape = (count, *input_.shape)
    if input_.vocabulary:
        return generator.integers(0, input_.vocabulary, shape).astype(input_.dtype)
    return generator.uniform(-1.5, 1.5, shape).astype(input_.dtype)


def _target_rows(
    case: Case, earlier: Sequence[AnyEvent], count: int, generator: np.random.Generator
) -> tuple[np.ndarray, ...]:
    settings = [case.settings, *(e.settings for e in earlier if isinstance(e, Recompile))][-1]
    outputs = case.architecture.outputs
    if len(settings.losses) != len(outputs):
        raise InvalidCase(f"losses: expected {len(outputs)}, one an output: {settings.losses!r}")
    shapes = tensor_shapes(case.architecture)
    targets = []
    for output, loss in zip(outputs, settings.losses, strict=True):
        known = tuple(n for n in shapes[output][1:] if n is not None)
        targets.append(_targets(target_of(loss), (count, *known), generator))
    return tuple(targets)


def _targets(target: Target, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """Return targets for predictions of a shape; classes are counted along its last axis."""
    if target is Target.REAL:
        return generator.uniform(-1.0, 1.0, shape).astype(np.float32)
    if target is Target.BINARY:
        return generator.integers(0, 2, shape).astype(np.float32)
    numbers = generator.integers(0, shape[-1], shape[:-1])
    if target is Target.CLASS:
        return numbers.astype(np.int32)
    return np.eye(shape[-1], dtype=np.float32)[numbers]


def _weights(
    event: AnyEvent, outputs: int, count: int, generator: np.random.Generator
) -> tuple[np.ndarray, ...] | None:
    if not isinstance(event, Fit | TrainOnBatch) or not event.sample_weight:
        return None
    return tuple(generator.uniform(0.25, 2.0, count).astype(np.float32) for _ in range(outputs))
