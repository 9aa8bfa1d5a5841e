"""Does the events of a training history to any model that speaks the Keras API."""

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from saveproof.conformance.families.keras.builder import forget_sequences, one_or_list
from saveproof.conformance.model_state.subject import Logs, Model
from saveproof.strategies.case import (
    AnyEvent,
    Evaluate,
    Fit,
    Predict,
    ResetMetrics,
    ResetStates,
    SetLearningRate,
    SetTrainable,
    TrainOnBatch,
)
from saveproof.strategies.data import Rows

Arguments = dict[str, Any]


def perform(module: ModuleType, model: Model, event: AnyEvent, rows: Rows | None) -> Logs:
    """Do the event, any but `Recompile` and `Hop`; return its logs as the framework's floats."""
    return _PERFORMANCES[type(event)](module, model, event, rows)


def _train_on_batch(_: ModuleType, model: Model, event: TrainOnBatch, rows: Rows) -> Logs:
    """Log each batch's own loss, as Keras 2 does; Keras 3 has the mean since the last reset."""
    weights = _class_weight(event.class_weight)
    logs = []
    for batch in rows.batches(event.batch_size):
        model.reset_metrics()
        logs.append(_floats(model.train_on_batch(**_data(batch), **weights, return_dict=True)))
    return logs


def _fit(_: ModuleType, model: Model, event: Fit, rows: Rows) -> Logs:
    history = model.fit(
        **_data(rows),
        **_class_weight(event.class_weight),
        batch_size=event.batch_size,
        epochs=event.epochs,
        shuffle=event.shuffle,
        verbose=0,
    ).history
    return [
        {name: float(values[epoch]) for name, values in history.items()}
        for epoch in range(event.epochs)
    ]


def _evaluate(_: ModuleType, model: Model, event: Evaluate, rows: Rows) -> Logs:
    data = _data(rows)
    return [
        _floats(model.evaluate(**data, batch_size=event.batch_size, return_dict=True, verbose=0))
    ]


def _predict(_: ModuleType, model: Model, event: Predict, rows: Rows) -> Logs:
    model.predict(one_or_list(rows.inputs), batch_size=event.batch_size, verbose=0)
    return ()


def _set_trainable(_: ModuleType, model: Model, event: SetTrainable, _rows: None) -> Logs:
    layer = model
    for name in event.layer.split("/"):
        layer = next(inner for inner in layer.layers if inner.name == name)
    layer.trainable = event.value
    return ()


def _set_learning_rate(_: ModuleType, model: Model, event: SetLearningRate, _rows: None) -> Logs:
    model.optimizer.learning_rate = event.value
    return ()


def _reset_metrics(_: ModuleType, model: Model, _event: ResetMetrics, _rows: None) -> Logs:
    model.reset_metrics()
    return ()


def _reset_states(module: ModuleType, model: Model, _event: ResetStates, _rows: None) -> Logs:
    forget_sequences(module, model)
    return ()


_PERFORMANCES: Mapping[type, Callable[[ModuleType, Model, Any, Any], Logs]] = {
    Evaluate: _evaluate,
    Fit: _fit,
    Predict: _predict,
    ResetMetrics: _reset_metrics,
    ResetStates: _reset_states,
    SetLearningRate: _set_learning_rate,
    SetTrainable: _set_trainable,
    TrainOnBatch: _train_on_batch,
}


def _data(rows: Rows) -> Arguments:
    data: Arguments = {"x": one_or_list(rows.inputs), "y": one_or_list(rows.targets)}
    if rows.sample_weight is not None:
        data["sample_weight"] = one_or_list(rows.sample_weight)
    return data


def _class_weight(weights: Sequence[float]) -> Arguments:
    return {"class_weight": dict(enumerate(weights))} if weights else {}


def _floats(logs: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in logs.items()}
