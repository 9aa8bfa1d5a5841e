"""Departures: the code that loads where it is not the code that saved.

Each is a pure function of a case, in one table. Programs change between a save and a load: a layer
is frozen for fine-tuning, an attribute moves up, a second model takes the names of the first.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from saveproof.strategies.capabilities import Capabilities, has
from saveproof.strategies.case import (
    AnyEvent,
    Architecture,
    Call,
    Case,
    Departure,
    InvalidCase,
    Kind,
    Layer,
    Object,
    Recompile,
    ResetMetrics,
    SetTrainable,
    TrainOnBatch,
    with_flag,
)
from saveproof.strategies.names import snake_case
from saveproof.strategies.shapes import tensor_shapes

OTHER_DTYPE = "float64"
"""The dtype of layers that have the default one in the code that saved."""

OTHER_OPTIMIZERS = ("SGD", "Adam")
"""The optimizer of the code that loads: the first of another class than that which saved."""

WIDTHS = ("units", "filters")
"""The arguments that give a layer its width."""

SIZES = (*WIDTHS, "kernel_size", "groups", "depth_multiplier", "use_bias", "layer")
"""The arguments that decide the shapes of weights, with the last axis of the input."""


class MisfitDeparture(InvalidCase):
    """The case has nothing in which the code that loads could depart so."""


def possible(departures: Sequence[Departure], had: Capabilities) -> tuple[Departure, ...]:
    """Return the departures whose code a subject has."""
    lacks = {
        Departure.DTYPE: not has(had.dtypes, OTHER_DTYPE),
        Departure.OPTIMIZER: not all(has(had.optimizers, one) for one in OTHER_OPTIMIZERS),
        Departure.FIRST_STEP: not has(had.events, "train_on_batch"),
    }
    return tuple(one for one in departures if not lacks.get(one))


def departing(case: Case, number: int, departures: Sequence[Departure]) -> Case:
    """Return the case of that number with the next departure that it can have, in turn.

    Every third number prefers a departure that few cases can have, and layers that are alike enough
    to be taken for each other are always put into another order.
    """
    turn = number - number // 3 if number % 3 < 2 else number // 3
    rotated = [*departures[turn % (len(departures) or 1) :], *departures]
    first = [one for one in rotated if one in RARE] if number % 3 == 2 else []
    if Departure.ORDER in departures and _can_be_exchanged(case.architecture):
        first = [Departure.ORDER]
    every = (with_departure(case, one) for one in (*first, *rotated))
    return next((one for one in every if one.loading is not None), case)


def with_departure(case: Case, departure: Departure | None) -> Case:
    """Return the case with the departure, if it can have it, and else without one."""
    departing = case.loaded_by(departure)
    return case.loaded_by(None) if departed(departing) is None else departing


def other_code(case: Case) -> Case:
    """Return the case of the code that loads, as `Case.in_force` is that of the code that saved.

    Its `loading` says what a save path does other than with the model's own code.

    Raises:
        MisfitDeparture: the case can't depart so.
    """
    code = departed(case)
    if code is None:
        raise MisfitDeparture(
            f"loading: {case.loading}: the case has nothing in which the code that loads could "
            "depart so; leave it out"
        )
    return code.loaded_by(case.loading)


def departed(case: Case) -> Case | None:
    """Return the code that loads; None where the case has nothing in which it could depart."""
    return None if case.loading is None else DEPARTURES[case.loading](case.in_force)


def counterparts(case: Case) -> Mapping[str, str]:
    """Return the address of each layer in the code that saved, by that in the code that loads."""
    saved = _addresses(case.in_force.architecture)
    loads = _addresses(other_code(case).architecture)
    if set(saved) == set(loads):
        return {one: one for one in loads}
    return dict(zip(loads, saved, strict=True))


def _addresses(architecture: Architecture) -> list[str]:
    return ["/".join(address) for address, _ in architecture.by_address()]


def _frozen(case: Case) -> Case | None:
    """Freeze one layer, or all but the last ones as for fine-tuning; the data seed chooses."""
    architecture = case.architecture
    training = [
        address
        for address, layer in architecture.by_address()
        if layer.config.get("trainable", True)
    ]
    ends = {call.layer for call in architecture.calls if call.output in architecture.outputs}
    backbone = [address for address in training if not address[1:] and address[0] not in ends]
    if not backbone:
        return None
    choices = [*([address] for address in training if address[0] not in ends), backbone]
    for address in choices[case.seed % len(choices)]:
        architecture = with_flag(architecture, list(address), value=False)
    return replace(_flagged_once(case), architecture=architecture)


def _thawed(case: Case) -> Case | None:
    """Thaw every layer."""
    layers = case.architecture.every_layer()
    if all(layer.config.get("trainable", True) for layer in layers):
        return None
    return replace(
        _flagged_once(case),
        architecture=_with_layers(case.architecture, lambda one: one.without("trainable".__eq__)),
    )


def _flagged_once(case: Case) -> Case:
    """Return the case without events that set flags; others keep their places, and so their rows.

    Code that loads performs no event of the history before the save.
    """
    return _with_events(case, lambda e: ResetMetrics() if isinstance(e, SetTrainable) else e)


def _in_another_order(case: Case) -> Case | None:
    """Assign the layers of a subclassed model, or call parallel branches, in the reverse order.

    Where two layers have weights of the same shapes, those two change places, and no other.
    """
    architecture = case.architecture
    layers = architecture.layers[::-1]
    if architecture.kind is Kind.SUBCLASSED:
        if _can_be_exchanged(architecture):
            places = dict(next(_exchanges(architecture)))
            layers = tuple(places.get(one.name, one) for one in architecture.layers)
        return _with(case, layers=layers) if len(layers) > 1 else None
    calls = tuple(_from_the_last(architecture))
    return _with(case, layers=layers, calls=calls) if calls != architecture.calls else None


def _can_be_exchanged(architecture: Architecture) -> bool:
    exchanges = _exchanges(architecture) if architecture.kind is Kind.SUBCLASSED else iter(())
    return next(exchanges, None) is not None


def _exchanges(architecture: Architecture) -> Iterator[tuple[tuple[str, Layer], ...]]:
    """Yield pairs of layers alike in size, each by the other's name."""
    shapes = tensor_shapes(architecture)
    sizes: dict[object, Layer] = {}
    for call in architecture.calls:
        layer = architecture.layer(call.layer)
        size = [(name, layer.config.get(name)) for name in SIZES]
        if size[0][1] or size[1][1]:
            key = repr((layer.class_name, size, [shapes[name][-1] for name in call.inputs]))
            other = sizes.setdefault(key, layer)
            if other is not layer:
                yield (other.name, layer), (layer.name, other)


def _from_the_last(architecture: Architecture) -> Iterator[Call]:
    """Yield the calls in topological order, each time the last one whose inputs are there."""
    there = {one.name for one in architecture.inputs}
    left = list(architecture.calls)
    while left:
        call = next(one for one in reversed(left) if there.issuperset(one.inputs))
        left.remove(call)
        there.add(call.output)
        yield call


def _numbered_on(case: Case) -> Case:
    """Name layers as Keras names those of a second model: by class, numbered on after the first."""
    counts = Counter(layer.class_name for layer in case.architecture.every_layer())
    names: dict[str, str] = {}
    architecture = _renamed(case.architecture, counts, names, "")
    return _with_events(
        replace(case, architecture=architecture),
        lambda e: replace(e, layer=names[e.layer]) if isinstance(e, SetTrainable) else e,
    )


def _renamed(
    architecture: Architecture, counts: Counter[str], names: dict[str, str], outer: str
) -> Architecture:
    """Return the architecture with other names of layers; `names` gets the new addresses."""
    own: dict[str, str] = {}
    layers: list[Layer] = []
    for layer in architecture.layers:
        name = f"{snake_case(layer.class_name)}_{counts[layer.class_name]}"
        counts[layer.class_name] += 1
        own[layer.name] = name
        address = f"{outer}{layer.name}"
        before = names[outer[:-1]] + "/" if outer else ""
        names[address] = before + name
        model = layer.model and _renamed(layer.model, counts, names, f"{address}/")
        layers.append(replace(layer, config=layer.config | {"name": name}, model=model))
    calls = (replace(call, layer=own[call.layer]) for call in architecture.calls)
    return replace(architecture, layers=tuple(layers), calls=tuple(calls))


def _with_another_head(case: Case) -> Case | None:
    """Double the width of the layer that makes the first output, if nothing else takes that."""
    architecture = case.architecture
    output = architecture.outputs[0]
    head = next((call.layer for call in architecture.calls if call.output == output), None)
    if head is None:
        return None
    layer = architecture.layer(head)
    width = next((name for name in WIDTHS if name in layer.config), None)
    calls = sum(call.layer == head for call in architecture.calls)
    if width is None or calls > 1 or any(output in call.inputs for call in architecture.calls):
        return None
    wider = replace(layer, config=layer.config | {width: 2 * layer.config[width]})
    return _with(case, layers=tuple(wider if one is layer else one for one in architecture.layers))


def _of_another_dtype(case: Case) -> Case:
    """Give layers of the default dtype another, and others the default one."""

    def turned(layer: Layer) -> Layer:
        if layer.model is not None or layer.config.get("dtype", "float32") != "float32":
            return layer.without("dtype".__eq__)
        return replace(layer, config=layer.config | {"dtype": OTHER_DTYPE})

    return replace(case, architecture=_with_layers(case.architecture, turned))


def _of_another_optimizer(case: Case) -> Case:
    """Compile with an optimizer of another class."""
    of = next(one for one in OTHER_OPTIMIZERS if one != case.settings.optimizer.class_name)
    settings = replace(case.settings, optimizer=Object(of, {"learning_rate": 0.01}))
    return _with_events(
        replace(case, settings=settings),
        lambda e: replace(e, settings=settings) if isinstance(e, Recompile) else e,
    )


def _unbuilt(case: Case) -> Case | None:
    """Return the same code: the save path builds the model after the load."""
    return case if case.architecture.kind is Kind.SUBCLASSED else None


def _at_another_step(case: Case) -> Case | None:
    """Return the same code: the save path loads after the first step, or else before it."""
    steps = any(isinstance(event, TrainOnBatch) for event in case.history.after)
    return case if steps and case.trained_since_compile else None


DEPARTURES: Mapping[Departure, Callable[[Case], Case | None]] = {
    Departure.FROZEN: _frozen,
    Departure.THAWED: _thawed,
    Departure.ORDER: _in_another_order,
    Departure.NUMBERED: _numbered_on,
    Departure.HEAD: _with_another_head,
    Departure.DTYPE: _of_another_dtype,
    Departure.OPTIMIZER: _of_another_optimizer,
    Departure.UNCOMPILED: lambda case: case,
    Departure.UNBUILT: _unbuilt,
    Departure.FIRST_STEP: _at_another_step,
}
"""The code that loads, of the case in force at the save; None where it could not depart so."""

RARE = frozenset({Departure.THAWED, Departure.ORDER})
"""Departures that few cases can have."""

SAME_OUTPUTS = frozenset(Departure) - {Departure.HEAD, Departure.DTYPE}
"""Departures whose code computes the same outputs from the same weights."""

SAME_TRAINING = frozenset({Departure.UNBUILT, Departure.FIRST_STEP})
"""Departures whose code trains as the code that saved does, layer names included."""


def _with(case: Case, **changes: object) -> Case:
    return replace(case, architecture=replace(case.architecture, **changes))


def _with_layers(architecture: Architecture, turned: Callable[[Layer], Layer]) -> Architecture:
    """Return the architecture with each layer turned into another, those of nested models first."""
    layers = (
        replace(one, model=one.model and _with_layers(one.model, turned))
        for one in architecture.layers
    )
    return replace(architecture, layers=tuple(map(turned, layers)))


def _with_events(case: Case, turned: Callable[[AnyEvent], AnyEvent]) -> Case:
    before = tuple(map(turned, case.history.before))
    return replace(case, history=replace(case.history, before=before))
