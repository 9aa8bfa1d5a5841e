"""Extremes: what hardly a case has by chance and each campaign must meet, as changes of a case.

Faults begin there: at a size, a count, or a number that is none.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hypothesis import reject
from hypothesis import strategies as st
from msgspec.structs import replace

from saveproof.strategies.architecture_builder import TRAINING
from saveproof.strategies.arguments import UNSEEDED
from saveproof.strategies.capabilities import Capabilities, has
from saveproof.strategies.case import (
    AnyEvent,
    Architecture,
    Case,
    Fit,
    Hop,
    Input,
    Kind,
    Layer,
    Number,
    Recompile,
    SetTrainable,
    SetWeights,
    TrainOnBatch,
    tag_of,
)
from saveproof.strategies.targets import Target, target_of

ELEMENTS = 64 * 1024 // 4 + 1
"""More elements than 64 KiB have in float32."""

DRAWING = ("kernel_initializer", "embeddings_initializer")

STEPS = 130
"""More than a signed byte counts."""

FEW_LAYERS = 3
"""The most layers of a model that takes so many steps, for the sake of time."""

LAYER_NAME = "größe_e\u0301_層_\U0001f600"
MODEL_NAME = "модель_e\u0301_ﬁ"
"""Names outside ASCII, and outside Latin-1 and the 16-bit characters; normalization changes them.

https://unicode.org/reports/tr15/
"""

NON_FINITE: tuple[Number, ...] = ("nan", "inf", "-inf")
SUBNORMAL = (1e-40, -1e-45, -0.0)
"""Numbers below the smallest normal one of float32, 1.2e-38, and the zero that has a sign."""


@dataclass(frozen=True)
class Extreme:
    """A change of a case: None where the case has no place for it.

    `possible` returns whether any case of a kind can have a place, for a subject that has that.
    """

    name: str
    change: Callable[[Case], Case | None]
    possible: Callable[[Kind, Capabilities], bool]


def extremes(kind: Kind, had: Capabilities) -> tuple[Extreme, ...]:
    """Return the extremes that cases of that kind can have, for a subject that has that."""
    return tuple(extreme for extreme in EXTREMES if extreme.possible(kind, had))


@st.composite
def changed(draw: st.DrawFn, cases: st.SearchStrategy[Case], extreme: Extreme) -> Case:
    """Generate the cases that have a place for the extreme, changed; they draw what others draw.

    A case that saves and loads on the way has none: a fault would be in both models then.
    """
    case = draw(cases)
    hops = any(isinstance(event, Hop) for event in case.history.before)
    found = None if hops else extreme.change(case)
    if found is None:
        reject()
    return found


def _large_array(case: Case) -> Case | None:
    """Widen an input until the weight that is multiplied with it has more than 64 KiB."""
    architecture = case.architecture
    for place, one in enumerate(architecture.inputs):
        takers = [call.layer for call in architecture.calls if one.name in call.inputs]
        if [call.layer for call in architecture.calls].count(takers[0]) != 1 or len(takers) != 1:
            continue
        wide = _widened(one, architecture.layer(takers[0]))
        if wide is not None:
            inputs = list(architecture.inputs)
            inputs[place], layer = wide
            return _with_layer(replace(case, architecture=architecture), layer, tuple(inputs))
    return None


def _widened(one: Input, layer: Layer) -> tuple[Input, Layer] | None:
    """Return the input, and the only layer that takes it, with a large weight between them.

    No two parts of the weight are equal, as those of an identity matrix are.
    """
    if not _in_float32(layer) or not _draws_its_weight(layer):
        return None
    if layer.class_name == "Dense":
        features = -(-ELEMENTS // layer.config["units"])
        return replace(one, shape=(*one.shape[:-1], features)), layer
    if layer.class_name == "Embedding":
        words = -(-ELEMENTS // layer.config["output_dim"])
        config = {**layer.config, "input_dim": words}
        return replace(one, vocabulary=words), replace(layer, config=config)
    return None


def _draws_its_weight(layer: Layer) -> bool:
    named = [value for name, value in layer.config.items() if name in DRAWING]
    return all(initializer["class_name"] not in UNSEEDED for initializer in named)


def _with_layer(case: Case, layer: Layer, inputs: tuple[Input, ...]) -> Case:
    layers = (layer if one.name == layer.name else one for one in case.architecture.layers)
    return replace(
        case, architecture=replace(case.architecture, layers=tuple(layers), inputs=inputs)
    )


def _long_training(case: Case) -> Case | None:
    """Make the last training of the optimizer in force take more than a hundred steps."""
    place = _last_training(case)
    cheap = sum(1 for _ in case.architecture.every_layer()) <= FEW_LAYERS
    if place is None or not cheap:
        return None
    event = case.history.before[place]
    longer: AnyEvent
    if isinstance(event, Fit):
        longer = replace(event, epochs=1, samples=STEPS * event.batch_size)
    else:
        longer = replace(event, steps=STEPS)
    return _with_events(case, place, longer)


def _non_finite(case: Case) -> Case | None:
    """Train once with a NaN, which spreads to slots and metrics, and end with infinities too.

    No loss is of two classes: torch raises where that takes what is no probability.
    """
    place, address = _last_training(case), _float32_layer(case.architecture)
    binary = any(target_of(loss) is Target.BINARY for loss in case.final_settings.losses)
    if place is None or address is None or binary:
        return None
    diverged = _with_events(
        case, place, SetWeights(address, 0, NON_FINITE[:1]), case.history.before[place]
    )
    return _ending_with(diverged, SetWeights(address, 0, NON_FINITE))


def _subnormal(case: Case) -> Case | None:
    """End the training with subnormal numbers in a weight."""
    address = _float32_layer(case.architecture)
    return None if address is None else _ending_with(case, SetWeights(address, 0, SUBNORMAL))


def _non_ascii_names(case: Case) -> Case | None:
    """Rename the model, and a layer that has weights."""
    architecture = case.architecture
    old = next((one.name for one in architecture.layers if one.class_name in TRAINING), None)
    if old is None:
        return None
    layers = tuple(
        replace(one, config={**one.config, "name": LAYER_NAME}) if one.name == old else one
        for one in architecture.layers
    )
    calls = tuple(
        replace(call, layer=LAYER_NAME) if call.layer == old else call
        for call in architecture.calls
    )
    history = replace(
        case.history,
        before=tuple(_renamed(event, old) for event in case.history.before),
        after=tuple(_renamed(event, old) for event in case.history.after),
    )
    named = replace(architecture, name=MODEL_NAME, layers=layers, calls=calls)
    return replace(case, architecture=named, history=history)


def _renamed(event: AnyEvent, old: str) -> AnyEvent:
    at_it = isinstance(event, SetTrainable | SetWeights) and event.layer == old
    return replace(event, layer=LAYER_NAME) if at_it else event


def _last_training(case: Case) -> int | None:
    """Return the place of the last training before the save; None if the optimizer is newer."""
    for place, event in reversed(list(enumerate(case.history.before))):
        if isinstance(event, Fit | TrainOnBatch):
            return place
        if isinstance(event, Recompile):
            return None
    return None


def _float32_layer(architecture: Architecture) -> str | None:
    """Return the address of a layer whose first weight is a matrix in float32."""
    return next(_float32_layers(architecture), None)


def _float32_layers(architecture: Architecture) -> Iterator[str]:
    for address, layer in architecture.by_address():
        if layer.class_name in TRAINING and _in_float32(layer):
            yield "/".join(address)


def _in_float32(layer: Layer) -> bool:
    """Return whether a layer's weights are in float32, as those of mixed policies are."""
    dtype = layer.config.get("dtype", "float32")
    return dtype == "float32" or str(dtype).startswith("mixed_")


def _with_events(case: Case, place: int, *events: AnyEvent) -> Case:
    """Return the case with the events in place of the one there."""
    before = case.history.before
    history = replace(case.history, before=(*before[:place], *events, *before[place + 1 :]))
    return replace(case, history=history)


def _ending_with(case: Case, event: AnyEvent) -> Case:
    history = replace(case.history, before=(*case.history.before, event))
    return replace(case, history=history)


def _always(_: Kind, __: Capabilities) -> bool:
    return True


def _sets_weights(_: Kind, had: Capabilities) -> bool:
    return has(had.events, tag_of(SetWeights))


def _takes_the_names(kind: Kind, had: Capabilities) -> bool:
    return kind in had.non_ascii and not set(had.not_in_names) & set(LAYER_NAME + MODEL_NAME)


EXTREMES = (
    Extreme("large array", _large_array, _always),
    Extreme("long training", _long_training, _always),
    Extreme("non-finite numbers", _non_finite, _sets_weights),
    Extreme("subnormal numbers", _subnormal, _sets_weights),
    Extreme("names outside ASCII", _non_ascii_names, _takes_the_names),
)
"""Every extreme, the most telling first."""
