"""The TensorFlow checkpoint of tf_keras: restored as the guide restores it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from saveproof.conformance.families.keras.keras_path import Family
from saveproof.conformance.model_state.subject import Model, Source
from saveproof.strategies.case import Case, TrainOnBatch
from saveproof.strategies.data import rows


def save_checkpoint(model: Model, target: Path) -> Source:
    """Save a checkpoint in a folder of its own."""
    target.mkdir(exist_ok=True)
    model.save_weights(str(target / "weights"), save_format="tf")
    return target


def load_checkpoint(subject: Family, source: Path, case: Case) -> Model:
    """Restore as the guide does: the optimizer's variables exist only after one batch.

    An optimizer that has not trained at the save has none in the checkpoint, and is left alone.
    What was frozen since the compile is frozen after it, and after that batch, here, too.
    """
    model = subject.build(case.as_compiled)
    if case.trained_since_compile:
        _train_one_batch(model, case)
    for event in case.set_since_compile:
        set_flag(model, event.layer, value=event.value)
    model.load_weights(str(source / "weights"))
    return model


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
