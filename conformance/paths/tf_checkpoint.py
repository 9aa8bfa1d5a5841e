"""The TensorFlow checkpoint of tf_keras: restored as the guide restores it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace

from conformance.paths.keras_path import Family
from conformance.subject import Model, Source
from strategies.case import Case, Fit, Recompile, SetTrainable, TrainOnBatch
from strategies.data import rows

TRAINING = (Fit, TrainOnBatch)
"""Events that give an optimizer its variables."""


def save_checkpoint(model: Model, target: Path) -> Source:
    """Save a checkpoint in a folder of its own."""
    target.mkdir()
    model.save_weights(str(target / "weights"), save_format="tf")
    return target


def load_checkpoint(subject: Family, source: Path, case: Case) -> Model:
    """Restore as the guide does: the optimizer's variables exist only after one batch.

    An optimizer that has not trained at the save has none in the checkpoint, and is left alone.
    What was frozen after the optimizer had its variables is frozen after that batch here, too.
    """
    late = _frozen_late(case)
    undone = tuple(replace(event, value=not event.value) for event in reversed(late))
    earlier = replace(case, history=replace(case.history, before=undone)).in_force
    model = subject.build(earlier)
    if trained_since_compile(case):
        _train_one_batch(model, case)
    for event in late:
        set_flag(model, event.layer, value=event.value)
    model.load_weights(str(source / "weights"))
    return model


def trained_since_compile(case: Case) -> bool:
    """Say whether the optimizer in force at the save had trained, and so had its variables."""
    names = [type(event) for event in case.history.before]
    since = len(names) - names[::-1].index(Recompile) if Recompile in names else 0
    return any(name in TRAINING for name in names[since:])


def _frozen_late(case: Case) -> list[SetTrainable]:
    """Return the flags set since the optimizer in force had its variables."""
    late: list[SetTrainable] = []
    built = False
    for event in case.history.before:
        if isinstance(event, Recompile):
            late, built = [], False
        elif isinstance(event, SetTrainable) and built:
            late.append(event)
        built = built or isinstance(event, TRAINING)
    return late


def set_flag(model: Model, path: str, *, value: bool) -> None:
    """Set the flag of the layer at a path of names."""
    layer = model
    for name in path.split("/"):
        layer = next(inner for inner in layer.layers if inner.name == name)
    layer.trainable = value


def _train_one_batch(model: Model, case: Case) -> None:
    """Train on the first batch that follows the save in the case's history, if there is one."""
    start = len(case.history.before)
    for index, event in enumerate(case.history.after, start):
        data = rows(case, index)
        if isinstance(event, TrainOnBatch) and data is not None:
            model.train_on_batch(
                _first(data.inputs, event.batch_size), _first(data.targets, event.batch_size)
            )
            return


def _first(arrays: Sequence[np.ndarray], size: int) -> Any:
    cut = [array[:size] for array in arrays]
    return cut[0] if len(cut) == 1 else cut
