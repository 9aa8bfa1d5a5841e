"""Histories: what is done to a model before the save and after the load."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from hypothesis import strategies as st

from saveproof.strategies import optimizers
from saveproof.strategies.architecture_builder import is_stateful
from saveproof.strategies.byte_draws import ByteDraws, draw_bytes
from saveproof.strategies.capabilities import EVERYTHING, Capabilities, has
from saveproof.strategies.case import (
    AnyEvent,
    Architecture,
    CompileSettings,
    Evaluate,
    Event,
    Fit,
    Hop,
    Layer,
    Predict,
    Recompile,
    ResetMetrics,
    ResetStates,
    SetLearningRate,
    SetTrainable,
    TrainingHistory,
    TrainOnBatch,
    tag_of,
)
from saveproof.strategies.layers import LAYERS
from saveproof.strategies.settings import weight_dtypes
from saveproof.strategies.shapes import tensor_shapes
from saveproof.strategies.targets import Target, target_of

BATCH_SIZES = (2, *(4,) * 11)
"""Nearly always the same size, so that compiled code serves the next batch and the probe too."""

BATCHES = (1, 1, 2)
STEPS_AFTER = (2, 2, 3)
RATES = (0.011, 0.04)
CLASS_WEIGHTS = (0.5, 1.5, 2.0, 0.8, 1.2)

EVENT_COUNTS = st.integers(1, 3)


@dataclass(slots=True)
class ModelState:
    """The model as the next event finds it.

    `weightable`: every output accepts one weight for each row. `class_count` is 0 if targets are
    no classes. `freezable` has the addresses of layers without which others still train.
    """

    settings: CompileSettings
    batch_size: int
    dtypes: frozenset[str]
    weightable: bool
    class_count: int
    stateful: bool
    freezable: tuple[str, ...]
    frozen: set[str]
    hops: bool
    had: Capabilities

    def has(self, event: type[Event], *arguments: str) -> bool:
        """Return whether the subject has the event, with these arguments."""
        tag = tag_of(event)
        return has(self.had.events, tag) and all(self.had.takes(tag, one) for one in arguments)


def draw_history(
    draw: st.DrawFn,
    architecture: Architecture,
    settings: CompileSettings,
    *,
    hops: bool = False,
    had: Capabilities = EVERYTHING,
) -> TrainingHistory:
    """Return a new history; shrinks towards one training step before and two after.

    Args:
        draw: Hypothesis's own.
        architecture: the model's.
        settings: its compile settings.
        hops: whether the history may save and load the model on the way.
        had: what the subject has.
    """
    count = draw(EVENT_COUNTS)
    start = draw_bytes(draw)
    state = _scene(architecture, settings, start, hops=hops, had=had)
    training = start.one_of(range(count))
    before: list[AnyEvent] = []
    for place in range(count):
        draws = draw_bytes(draw)
        if place == training:
            before.append(_train(draws, state))
        else:
            before += draws.one_of(_others(state))(draws, state)
    if _thawed(state) and start.chance(8) and state.has(SetTrainable):
        before.append(SetTrainable(layer=start.one_of(_thawed(state)), value=False))
    after: list[AnyEvent] = [_batches(start, state, STEPS_AFTER)]
    endings = _possible(ENDINGS, state)
    if start.chance(8) and endings:
        after += start.one_of(endings)(start, state)
    return TrainingHistory(before=tuple(before), after=tuple(after))


def _scene(
    architecture: Architecture,
    settings: CompileSettings,
    draws: ByteDraws,
    *,
    hops: bool,
    had: Capabilities,
) -> ModelState:
    shapes = tensor_shapes(architecture)
    outputs = [shapes[name] for name in architecture.outputs]
    weightable = all(len(shape) == 2 for shape in outputs)
    targets = [target_of(loss) for loss in settings.losses]
    classed = weightable and targets in ([Target.CLASS], [Target.ONE_HOT])
    addresses = _weighted_addresses(architecture, "")
    ends = {call.layer for call in architecture.calls if call.output in architecture.outputs}
    return ModelState(
        settings=settings,
        batch_size=architecture.inputs[0].batch_size or draws.one_of(BATCH_SIZES),
        dtypes=weight_dtypes(architecture),
        weightable=weightable,
        class_count=int(outputs[0][-1] or 0) if classed else 0,
        stateful=any(is_stateful(layer) for layer in architecture.layers),
        freezable=tuple(address for address in addresses if address.split("/")[0] not in ends),
        frozen={
            address
            for address, layer in addresses.items()
            if not layer.config.get("trainable", True)
        },
        hops=hops,
        had=had,
    )


def _weighted_addresses(architecture: Architecture, outer: str) -> dict[str, Layer]:
    """Return the layers with weights by their address, including nested models and their layers."""
    addresses: dict[str, Layer] = {}
    for layer in architecture.layers:
        address = outer + layer.name
        if layer.model is not None:
            inner = _weighted_addresses(layer.model, f"{address}/")
            addresses |= {address: layer, **inner} if inner else {}
        elif LAYERS[layer.class_name].weighted:
            addresses[address] = layer
    return addresses


def _train(draws: ByteDraws, state: ModelState) -> AnyEvent:
    fits = draws.chance(16) and state.has(Fit)
    return _fit(draws, state) if fits else _batches(draws, state, BATCHES)


def _batches(draws: ByteDraws, state: ModelState, steps: Sequence[int]) -> AnyEvent:
    if not state.has(TrainOnBatch):
        return _fit(draws, state)
    count = draws.one_of(steps)
    sample_weight, class_weight = _weights(draws, state, TrainOnBatch)
    return TrainOnBatch(
        steps=count,
        batch_size=state.batch_size,
        sample_weight=sample_weight,
        class_weight=class_weight,
    )


def _fit(draws: ByteDraws, state: ModelState) -> Fit:
    sample_weight, class_weight = _weights(draws, state, Fit)
    return Fit(
        epochs=draws.one_of((1, 2)),
        samples=state.batch_size * draws.one_of(BATCHES),
        batch_size=state.batch_size,
        sample_weight=sample_weight,
        class_weight=class_weight,
    )


def _weights(
    draws: ByteDraws, state: ModelState, event: type[Event]
) -> tuple[bool, tuple[float, ...]]:
    """Return whether rows are weighted, and the weights of classes; never both."""
    if not state.weightable or not draws.chance(4):
        return False, ()
    if state.class_count and draws.chance(2) and state.has(event, "class_weight"):
        return False, CLASS_WEIGHTS[: state.class_count]
    return state.has(event, "sample_weight"), ()


def _others(state: ModelState) -> Sequence["Deed"]:
    """Return what may happen to this model besides the training that every history has."""
    constant = not isinstance(state.settings.optimizer.config["learning_rate"], dict)
    every = (
        *ALWAYS,
        *((_freeze,) * 4 if state.freezable else ()),
        *((_set_learning_rate,) * 4 if constant else ()),
        *((_reset_states,) * 3 if state.stateful else ()),
        *((_hop,) * 2 if state.hops else ()),
    )
    return _possible(every, state)


def _possible(deeds: Sequence["Deed"], state: ModelState) -> Sequence["Deed"]:
    """Return those whose events the subject has."""
    if state.had.events is None and not (state.had.arguments or state.had.without):
        return deeds
    return [
        deed for deed in deeds if all(state.has(*needed) for needed in NEEDED_EVENTS.get(deed, ()))
    ]


def _more_training(draws: ByteDraws, state: ModelState) -> list[AnyEvent]:
    return [_train(draws, state)]


def _plain_fit(draws: ByteDraws, state: ModelState) -> list[AnyEvent]:
    return [_fit(draws, state)]


def _shuffled_fit(draws: ByteDraws, state: ModelState) -> list[AnyEvent]:
    return [msgspec.structs.replace(_fit(draws, state), shuffle=True)]


def _evaluate(_: ByteDraws, state: ModelState) -> list[AnyEvent]:
    return [Evaluate(samples=state.batch_size * 2, batch_size=state.batch_size)]


def _predict(_: ByteDraws, state: ModelState) -> list[AnyEvent]:
    return [Predict(samples=state.batch_size, batch_size=state.batch_size)]


def _set_learning_rate(draws: ByteDraws, _: ModelState) -> list[AnyEvent]:
    return [SetLearningRate(value=draws.one_of(RATES))]


def _thawed(state: ModelState) -> list[str]:
    """Return the layers that train, with all that is in them: freezing them changes something.

    The event itself says what the flags were before it.
    """
    return [
        address
        for address in state.freezable
        if not any(f"{frozen}/".startswith(f"{address}/") for frozen in state.frozen)
    ]


def _freeze(draws: ByteDraws, state: ModelState) -> list[AnyEvent]:
    """Freeze a layer, or thaw a frozen one, and recompile for it to count."""
    address = draws.one_of([*state.freezable, *sorted(state.frozen.intersection(state.freezable))])
    state.frozen ^= {address}
    turned = SetTrainable(layer=address, value=address not in state.frozen)
    return [turned, *_recompile(draws, state)]


def _recompile(draws: ByteDraws, state: ModelState) -> list[AnyEvent]:
    """Recompile with another optimizer, and mostly train on; losses and metrics stay."""
    idle = draws.chance(8)
    training: list[AnyEvent] = [] if idle else [_batches(draws, state, BATCHES)]
    optimizer = optimizers.optimizer(draws, dtypes=state.dtypes, had=state.had)
    state.settings = msgspec.structs.replace(state.settings, optimizer=optimizer)
    return [Recompile(settings=state.settings), *training]


def _reset_metrics(_: ByteDraws, __: ModelState) -> list[AnyEvent]:
    return [ResetMetrics()]


def _reset_states(_: ByteDraws, __: ModelState) -> list[AnyEvent]:
    return [ResetStates()]


def _hop(_: ByteDraws, __: ModelState) -> list[AnyEvent]:
    return [Hop()]


Deed = Callable[[ByteDraws, ModelState], list[AnyEvent]]

ALWAYS: tuple[Deed, ...] = (
    *(_more_training,) * 5,
    *(_recompile,) * 2,
    *(_shuffled_fit, _evaluate, _predict, _reset_metrics),
)
"""Events that any model takes, besides the training that every history has."""

NEEDED_EVENTS: dict[Deed, tuple[tuple[Any, ...], ...]] = {
    _plain_fit: ((Fit,),),
    _shuffled_fit: ((Fit, "shuffle"),),
    _evaluate: ((Evaluate,),),
    _predict: ((Predict,),),
    _set_learning_rate: ((SetLearningRate,),),
    _freeze: ((SetTrainable,), (Recompile,)),
    _recompile: ((Recompile,),),
    _reset_metrics: ((ResetMetrics,),),
    _reset_states: ((ResetStates,),),
    _hop: ((Hop,),),
}
"""The events that are in what may happen to a model, training on batches apart."""

ENDINGS = (_plain_fit, _evaluate)
"""What may follow the training after the load."""
