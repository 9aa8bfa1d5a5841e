"""The case and the batches of a user's own model: only the history of the case is its own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from saveproof.conformance.model_state.subject import UnusableSubject
from saveproof.strategies.case import (
    Architecture,
    Call,
    Case,
    CompileSettings,
    Input,
    Kind,
    Layer,
    Object,
    TrainingHistory,
    TrainOnBatch,
)

_STANDS_FOR = Layer("Dense", {"name": "end", "units": 1})
"""The one layer of the case that has a call: rows need it, and the user's batches replace them."""


@dataclass(frozen=True)
class Batch:
    """A batch as `train_on_batch` takes it."""

    x: Any
    y: Any
    sample_weight: Any = None


def history_case(layers: tuple[Layer, ...], kind: Kind, optimizer: str, steps: int) -> Case:
    """Return a case that trains so many steps before the save and after it."""
    given = (Input("given", (4,)),)
    calls = (Call(_STANDS_FOR.name, ("given",), "out"),)
    architecture = Architecture(kind, "own", given, (_STANDS_FOR, *layers), calls, ("out",))
    events = (TrainOnBatch(steps, 1),)
    settings = CompileSettings(Object(optimizer), ("mse",))
    return Case(architecture, settings, TrainingHistory(events, events), seed=0)


def batch_of(name: str, returned: Any) -> Batch:
    """Return what the user's function returned as a batch.

    Raises:
        UnusableSubject: it is something else.
    """
    if not isinstance(returned, tuple) or len(returned) not in (2, 3):
        raise UnusableSubject(
            f"{name}: expected (x, y) or (x, y, sample_weight), found {type(returned).__name__}"
        )
    return Batch(*returned)


def arrays(batches: Sequence[Batch]) -> Iterator[Any]:
    """Yield the arrays of batches."""
    for batch in batches:
        for part in (batch.x, batch.y, batch.sample_weight):
            yield from leaves(part)


def leaves(value: Any) -> Iterator[np.ndarray]:
    """Yield the arrays in nested lists, tuples and dictionaries, by the order of keys."""
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield from leaves(value[key])
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner)
    elif value is not None:
        yield np.asarray(value)
