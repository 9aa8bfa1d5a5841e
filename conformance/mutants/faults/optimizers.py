"""Faults in the optimizer: in its slots, iteration, learning rate and config."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from saveproof.conformance.mutants.edits import (
    Config,
    with_extras,
    with_iteration,
    with_optimizer,
    with_slots,
    with_training,
)
from saveproof.conformance.mutants.injection import state_read, state_written
from saveproof.reference_impl import optimizers
from saveproof.reference_impl.state import ModelState, NamedArray


@state_written
def lost_slots(state: ModelState) -> ModelState:
    """The optimizer slots are not written; only the iteration is."""
    extras = replace(state.extras, optimized=()) if state.extras else None
    listed = state.optimizer[:1] if state.optimizer else None
    return replace(state, optimizer=listed, extras=extras)


@state_read
def zeroed_last_slot(state: ModelState) -> ModelState:
    """The last optimizer slot comes back as zeros."""
    if not state.optimizer or len(state.optimizer) < 2:
        return state
    *others, last = state.optimizer
    return replace(state, optimizer=(*others, NamedArray(last.name, np.zeros_like(last.value))))


@state_read
def two_slots_swapped(state: ModelState) -> ModelState:
    """The first two optimizer slots of equal shape come back swapped."""
    return replace(state, optimizer=_permuted(state, lambda group: [*group[1::-1], *group[2:]]))


@state_read
def slots_reversed(state: ModelState) -> ModelState:
    """The optimizer slots of equal shape come back in reverse order."""
    return replace(state, optimizer=_permuted(state, lambda group: group[::-1]))


def _permuted(
    state: ModelState, order: Callable[[list[NamedArray]], list[NamedArray]]
) -> tuple[NamedArray, ...] | None:
    """Return the optimizer's arrays, with the slots of each shape and dtype reordered."""
    if state.optimizer is None:
        return None
    groups: dict[object, list[NamedArray]] = defaultdict(list)
    for slot in state.optimizer[1:]:
        groups[slot.value.shape, slot.value.dtype].append(slot)
    ordered = {kind: iter(order(group)) for kind, group in groups.items()}
    slots = (next(ordered[slot.value.shape, slot.value.dtype]) for slot in state.optimizer[1:])
    return (state.optimizer[0], *slots)


@state_read
def lost_averages(state: ModelState) -> ModelState:
    """The optimizer's moving averages of the weights (EMA) come back as zeros."""

    def lost(name: str, value: np.ndarray) -> np.ndarray:
        return np.zeros_like(value) if "/average/" in name else value

    return with_slots(state, lost)


@state_read
def iteration_reset(state: ModelState) -> ModelState:
    """The optimizer's iteration comes back as 0."""
    return with_iteration(state, lambda iteration: np.zeros_like(iteration))


@state_written
def iteration_one_ahead(state: ModelState) -> ModelState:
    """The optimizer's iteration is written one too high."""
    return with_iteration(state, lambda iteration: iteration + 1)


@state_written
def default_learning_rate(state: ModelState) -> ModelState:
    """The learning rate is not written, so the optimizer's default comes back."""
    edited = with_optimizer(state, lambda config: config.pop("learning_rate"))
    return _without_rate(edited)


@state_written
def schedule_flattened(state: ModelState) -> ModelState:
    """A learning rate schedule is written as its initial learning rate."""
    return _without_rate(with_optimizer(state, _flatten))


def _flatten(config: Config) -> None:
    rate = config["learning_rate"]
    if isinstance(rate, dict):
        schedule = rate["config"]
        config["learning_rate"] = schedule.get("initial_learning_rate") or schedule["values"][0]


def _without_rate(state: ModelState) -> ModelState:
    if state.extras is None:
        return state
    outside = {k: v for k, v in state.extras.optimizer.items() if k != "learning_rate"}
    return with_extras(state, optimizer=outside)


def _forgets(*options: str) -> Callable[[ModelState], ModelState]:
    def forget(config: Config) -> None:
        for option in options:
            config.pop(option, None)

    return lambda state: with_optimizer(state, forget)


@state_written
def default_beta_2(state: ModelState) -> ModelState:
    """The optimizer's `beta_2` is not written."""
    return _forgets("beta_2")(state)


@state_written
def lost_clipping(state: ModelState) -> ModelState:
    """The optimizer's gradient clipping is not written."""
    return _forgets("clipnorm", "clipvalue", "global_clipnorm")(state)


@state_written
def lost_weight_decay(state: ModelState) -> ModelState:
    """The optimizer's weight decay is not written."""
    return _forgets("weight_decay")(state)


@state_written
def adamw_as_adam(state: ModelState) -> ModelState:
    """AdamW is written as Adam."""
    entry = (state.training or {}).get("optimizer_config", {})
    if not entry.get("class_name", "").endswith("AdamW"):
        return state
    return with_training(state, optimizer_config=entry | {"class_name": "Custom>Adam"})


@state_written
def lost_optimizer(state: ModelState) -> ModelState:
    """A fresh RMSprop comes back instead of the compiled optimizer."""
    rmsprop = optimizers.serialize(optimizers.RMSprop(), use_legacy_format=True)
    without = replace(with_extras(state, optimizer={}, optimized=()), optimizer=None)
    return with_training(without, optimizer_config=rmsprop)
