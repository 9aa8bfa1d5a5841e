"""Faults of compile settings, metrics, generators and the states of recurrent layers."""

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
    """The weights of the losses are not written."""
    return with_training(state, loss_weights=None)


@state_written
def lost_metrics(state: ModelState) -> ModelState:
    """The metrics are not written."""
    return with_extras(with_training(state, metrics=None), metrics=())


@state_written
def lost_arguments_of_losses(state: ModelState) -> ModelState:
    """Losses are written by name, without the arguments that they were made with."""
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
    """Nothing that `compile` was told is written: the model comes back uncompiled."""
    return replace(state, training=None, optimizer=None)


@state_written
def lost_metric_totals(state: ModelState) -> ModelState:
    """What the metrics have gathered is not written."""
    return with_extras(state, metrics=())


@state_read
def lost_generator_states(state: ModelState) -> ModelState:
    """The layers' random generators start anew."""
    return _with_states(state, recurrent=True, generators=False)


@state_read
def lost_recurrent_states(state: ModelState) -> ModelState:
    """Stateful recurrent layers come back with states of zeros."""
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
    """The layers' random generators come back with their seed, at their first drawing."""
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
    """A layer frozen after `compile` counts as frozen at once: the flags of then are lost."""
    if state.extras is None:
        return state
    return with_extras(state, compiled_trainable=state.extras.trainable)
