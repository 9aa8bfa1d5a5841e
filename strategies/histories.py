"""Histories: what is done to a model before the save and after the load."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from hypothesis import strategies as st

from saveproof.strategies import optimizers
from saveproof.strategies.architecture_builder import is_stateful
from saveproof.strategies.byte_draws import ByteDraws, draw_bytes
from saveproof.strategies.case import (
    AnyEvent,
    Architecture,
    CompileSettings,
    Evaluate,
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
)
from saveproof.strategies.layers import LAYERS
from saveproof.strategies.settings import weight_dtypes
from saveproof.strategies.shapes import tensor_shapes
from saveproof.strategies.targets import Target, target_of

BATCH_SIZES = (2, *(4,) * 11)
"""Nearly always one: what is compiled for a batch serves the next, and the probe."""

BATCHES = (1, 1, 2)
STEPS_AFTER = (2, 2, 3)
RATES = (0.011, 0.04)
CLASS_WEIGHTS = (0.5, 1.5, 2.0, 0.8, 1.2)

EVENT_COUNTS = st.integers(1, 3)


@dataclass(slots=True)
class ModelState:
    """What events may rely on, and what has come of those before.

    `weightable`: one weight a row fits every output. `class_count` is 0 where there are no
    classes. `freezable` are the layer paths that leave something to train when frozen.
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


def draw_history(
    draw: st.DrawFn,
    architecture: Architecture,
    settings: CompileSettings,
    *,
    hops: bool = False,
) -> TrainingHistory:
    """Return a new history; shrinks towards one training step before and two after.

    Args:
        draw: Hypothesis's own.
        architecture: the model's.
        settings: its compile settings.
        hops: whether the model may go through a save path in the course of its life.
    """
    count = draw(EVENT_COUNTS)
    start = draw_bytes(draw)
    scene = _scene(architecture, settings, start, hops=hops)
    training = start.one_of(range(count))
    before: list[AnyEvent] = []
    for place in range(count):
        choice = draw_bytes(draw)
        if place == training:
            before.append(_train(choice, scene))
        else:
            before += choice.one_of(_others(scene))(choice, scene)
    if _thawed(scene) and start.chance(8):
        before.append(SetTrainable(layer=start.one_of(_thawed(scene)), value=False))
    after: list[AnyEvent] = [_batches(start, scene, STEPS_AFTER)]
    if start.chance(8):
        after += start.one_of(ENDINGS)(start, scene)
    return TrainingHistory(before=tuple(before), after=tuple(after))


def _scene(
    architecture: Architecture, settings: CompileSettings, choice: ByteDraws, *, hops: bool
) -> ModelState:
    shapes = tensor_shapes(architecture)
    outputs = [shapes[name] for name in architecture.outputs]
    weightable = all(len(shape) == 2 for shape in outputs)
    targets = [target_of(loss) for loss in settings.losses]
    classed = weightable and targets in ([Target.CLASS], [Target.ONE_HOT])
    paths = _weighted_paths(architecture, "")
    ends = {call.layer for call in architecture.calls if call.output in architecture.outputs}
    return ModelState(
        settings=settings,
        batch_size=architecture.inputs[0].batch_size or choice.one_of(BATCH_SIZES),
        dtypes=weight_dtypes(architecture),
        weightable=weightable,
        class_count=int(outputs[0][-1] or 0) if classed else 0,
        stateful=any(is_stateful(layer) for layer in architecture.layers),
        freezable=tuple(path for path in paths if path.split("/")[0] not in ends),
        frozen={path for path, layer in paths.items() if not layer.config.get("trainable", True)},
        hops=hops,
    )


def _weighted_paths(architecture: Architecture, outer: str) -> dict[str, Layer]:
    """Return the layers that have weights by their path, nested models and what is in them too."""
    paths: dict[str, Layer] = {}
    for layer in architecture.layers:
        path = outer + layer.name
        if layer.model is not None:
            inner = _weighted_paths(layer.model, f"{path}/")
            paths |= {path: layer, **inner} if inner else {}
        elif LAYERS[layer.class_name].weighted:
            paths[path] = layer
    return paths


def _train(choice: ByteDraws, scene: ModelState) -> AnyEvent:
    return _fit(choice, scene) if choice.chance(16) else _batches(choice, scene, BATCHES)


def _batches(choice: ByteDraws, scene: ModelState, steps: Sequence[int]) -> TrainOnBatch:
    count = choice.one_of(steps)
    sample_weight, class_weight = _weights(choice, scene)
    return TrainOnBatch(
        steps=count,
        batch_size=scene.batch_size,
        sample_weight=sample_weight,
        class_weight=class_weight,
    )


def _fit(choice: ByteDraws, scene: ModelState) -> Fit:
    sample_weight, class_weight = _weights(choice, scene)
    return Fit(
        epochs=choice.one_of((1, 2)),
        samples=scene.batch_size * choice.one_of(BATCHES),
        batch_size=scene.batch_size,
        sample_weight=sample_weight,
        class_weight=class_weight,
    )


def _weights(choice: ByteDraws, scene: ModelState) -> tuple[bool, tuple[float, ...]]:
    """Return whether rows are weighted, and the weights of classes; never both."""
    if not scene.weightable or not choice.chance(4):
        return False, ()
    if scene.class_count and choice.chance(2):
        return False, CLASS_WEIGHTS[: scene.class_count]
    return True, ()


def _others(scene: ModelState) -> Sequence["Deed"]:
    """Return what may happen to this model besides the training that every history has."""
    constant = not isinstance(scene.settings.optimizer.config["learning_rate"], dict)
    return (
        *ALWAYS,
        *((_freeze,) * 4 if scene.freezable else ()),
        *((_set_learning_rate,) * 4 if constant else ()),
        *((_reset_states,) * 3 if scene.stateful else ()),
        *((_hop,) * 2 if scene.hops else ()),
    )


def _more_training(choice: ByteDraws, scene: ModelState) -> list[AnyEvent]:
    return [_train(choice, scene)]


def _plain_fit(choice: ByteDraws, scene: ModelState) -> list[AnyEvent]:
    return [_fit(choice, scene)]


def _shuffled_fit(choice: ByteDraws, scene: ModelState) -> list[AnyEvent]:
    return [msgspec.structs.replace(_fit(choice, scene), shuffle=True)]


def _evaluate(_: ByteDraws, scene: ModelState) -> list[AnyEvent]:
    return [Evaluate(samples=scene.batch_size * 2, batch_size=scene.batch_size)]


def _predict(_: ByteDraws, scene: ModelState) -> list[AnyEvent]:
    return [Predict(samples=scene.batch_size, batch_size=scene.batch_size)]


def _set_learning_rate(choice: ByteDraws, _: ModelState) -> list[AnyEvent]:
    return [SetLearningRate(value=choice.one_of(RATES))]


def _thawed(scene: ModelState) -> list[str]:
    """Return the layers that train, with all that is in them: freezing them changes something.

    What the flags were before the freezing can be told from the event alone.
    """
    return [
        path
        for path in scene.freezable
        if not any(f"{frozen}/".startswith(f"{path}/") for frozen in scene.frozen)
    ]


def _freeze(choice: ByteDraws, scene: ModelState) -> list[AnyEvent]:
    """Freeze a layer, or thaw a frozen one, and recompile for it to count."""
    path = choice.one_of([*scene.freezable, *sorted(scene.frozen.intersection(scene.freezable))])
    scene.frozen ^= {path}
    turned = SetTrainable(layer=path, value=path not in scene.frozen)
    return [turned, *_recompile(choice, scene)]


def _recompile(choice: ByteDraws, scene: ModelState) -> list[AnyEvent]:
    """Recompile with another optimizer, and mostly train on; losses and metrics stay."""
    idle = choice.chance(8)
    training: list[AnyEvent] = [] if idle else [_batches(choice, scene, BATCHES)]
    optimizer = optimizers.optimizer(choice, dtypes=scene.dtypes)
    scene.settings = msgspec.structs.replace(scene.settings, optimizer=optimizer)
    return [Recompile(settings=scene.settings), *training]


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

ENDINGS = (_plain_fit, _evaluate)
"""What may follow the training after the load."""
