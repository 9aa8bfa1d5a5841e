"""Faults in compile settings, metrics, random generators and states of recurrent layers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from saveproof.conformance.mutants.edits import with_extras, with_training
from saveproof.conformance.mutants.injection import state_read, state_written
from saveproof.reference_impl.state import ModelState

GENERATOR = "seed_generator_state"


@state_written
def lost_loss_weights(state: ModelState) -> ModelState:
    """The loss weights are not written."""
    return with_training(state, loss_weights=None)


@state_written
def lost_metrics(state: ModelState) -> ModelState:
    """The metrics are not written."""
    return with_extras(with_training(state, metrics=None), metrics=())


@state_written
def every_accuracy_binary(state: ModelState) -> ModelState:
    """The metric `accuracy` is written as binary accuracy, whatever it stands for."""
    if state.training is None:
        return state
    return with_training(state, metrics=_binary(state.training["metrics"]))


def _binary(metrics: Any) -> Any:
    if isinstance(metrics, list | tuple):
        return [_binary(one) for one in metrics]
    if isinstance(metrics, Mapping) and metrics["config"].get("name") == "accuracy":
        return {**metrics, "config": {**metrics["config"], "fn": "binary_accuracy"}}
    return metrics


@state_written
def lost_arguments_of_losses(state: ModelState) -> ModelState:
    """Losses are written without their arguments."""
    if state.training is None:
        return state
    return with_training(state, loss=_named(state.training["loss"]))


def _named(loss: Any) -> Any:
    if isinstance(loss, list | tuple):
        return [_named(one) for one in loss]
    if isinstance(loss, Mapping) and "class_name" in loss:
        return {**loss, "config": {}}
    return loss


@state_written
def loaded_uncompiled(state: ModelState) -> ModelState:
    """No compile settings are written, so the model comes back uncompiled."""
    return replace(state, training=None, optimizer=None)


@state_written
def lost_metric_totals(state: ModelState) -> ModelState:
    """The totals and counts of metrics are not written."""
    return with_extras(state, metrics=())


@state_read
def lost_generator_states(state: ModelState) -> ModelState:
    """The layers' random generators come back in their initial state."""
    return _with_states(state, recurrent=True, generators=False)


@state_read
def lost_recurrent_states(state: ModelState) -> ModelState:
    """Stateful recurrent layers come back with zero states."""
    return _with_states(state, recurrent=False, generators=True)


def _with_states(state: ModelState, *, recurrent: bool, generators: bool) -> ModelState:
    if state.extras is None:
        return state
    kept = {
        place: value
        for place, value in state.extras.layer_states.items()
        if (generators if place.endswith(GENERATOR) else recurrent)
    }
    return with_extras(state, layer_states=kept)


@state_read
def counter_of_generators_reset(state: ModelState) -> ModelState:
    """The layers' random generators come back with their seed, but with a counter of 0."""
    if state.extras is None:
        return state
    start = np.array([1, 1, 0, 0], np.uint32)
    states = {
        place: value * start if place.endswith(GENERATOR) else value
        for place, value in state.extras.layer_states.items()
    }
    return with_extras(state, layer_states=states)


@state_read
def layers_frozen_since_compile(state: ModelState) -> ModelState:
    """The trainable flags at `compile` are not written, so a layer frozen later does not train."""
    if state.extras is None:
        return state
    return with_extras(state, compiled_trainable=state.extras.trainable)
