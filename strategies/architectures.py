"""Architectures: chains, branches, shared and nested layers, several inputs and outputs."""

from collections.abc import Callable, Collection, Sequence
from functools import cache

from hypothesis import strategies as st

from saveproof.strategies.architecture_builder import ArchitectureBuilder
from saveproof.strategies.byte_draws import ByteDraws, draw_bytes
from saveproof.strategies.case import Architecture, Config, Kind
from saveproof.strategies.layers import ALL, FITTING, LayerPosition, config, fitting, head
from saveproof.strategies.names import Register

INPUTS = (
    (LayerPosition((4,)), "float32"),
    (LayerPosition((3,)), "float32"),
    (LayerPosition((5, 3)), "float32"),
    (LayerPosition((6, 6, 2)), "float32"),
    (LayerPosition((5,), vocabulary=7), "int32"),
    (LayerPosition((5, 3)), "float32"),
)
"""Inputs and their dtypes, the plainest first; few, so that compilers meet shapes again."""

INPUT_COUNTS = (1, 1, 1, 1, 1, 2, 2, 3)
OUTPUT_COUNTS = (1, 1, 1, 1, 2, 2, 3)
BATCH_SIZES = (*(None,) * 10, 2, 4, 4, 4)
DEEPEST = 2

HEADS: tuple[tuple[int, str | None] | None, ...] = (
    None,
    None,
    (3, "softmax"),
    (1, "sigmoid"),
    (3, None),
    (3, "sigmoid"),
    (4, "softmax"),
)
"""Units and activation of a Dense layer that ends the model, None for no such layer."""


def draw_architecture(
    draw: st.DrawFn,
    *,
    kinds: Sequence[Kind] = tuple(Kind),
    layers: Collection[str] = ALL,
    min_layers: int = 1,
    max_layers: int = 6,
    non_ascii: Collection[Kind] = (Kind.SUBCLASSED,),
) -> Architecture:
    """Return a new architecture; shrinks towards a sequential one of a single Dense layer.

    Args:
        draw: Hypothesis's own.
        kinds: the kinds to choose from.
        layers: Keras class names to choose from. Layers that join branches and end the model
            (Dense, Flatten, Concatenate; Embedding after integer inputs) may come in besides.
        min_layers: at least so many steps, each a layer, a nested model or a call of a shared one.
        max_layers: at most so many, not counting layers that join branches and end the model.
        non_ascii: the kinds whose names may leave ASCII. tf_keras refuses such names in
            sequential and functional models, so only subclassed ones have them by default.
    """
    kind = draw(_one_of(tuple(kinds)))
    steps = draw(st.integers(min_layers, max_layers))
    choice = draw_bytes(draw)
    growth = ArchitectureBuilder(
        kind=kind,
        register=Register(),
        classes=frozenset(layers),
        non_ascii=frozenset(non_ascii),
        batch_size=choice.one_of(BATCH_SIZES),
    )
    branching = kind is not Kind.SEQUENTIAL
    for _ in range(choice.one_of(INPUT_COUNTS) if branching else 1):
        place, dtype = choice.one_of(_inputs(growth.classes))
        growth.add_input(place, dtype, choice)
    for _ in range(steps):
        _grow(draw, growth)
    most = choice.one_of(OUTPUT_COUNTS) if branching else 1
    outputs = _outputs(draw, growth, most)
    return growth.architecture(growth.name("Model", choice), outputs)


architectures = st.composite(draw_architecture)
"""Generates architectures by themselves, by the arguments of `draw_architecture`.

What draws more calls the function: to make a strategy anew for each case costs a fifth of it.
"""

_one_of = cache(st.sampled_from)


@cache
def _inputs(classes: frozenset[str]) -> tuple[tuple[LayerPosition, str], ...]:
    """Return the inputs that some of the classes take, all of them if none does."""
    taken = [pair for pair in INPUTS if classes.intersection(fitting(pair[0]))]
    return tuple(taken) or INPUTS


@cache
def _fitting(classes: frozenset[str], axes: int) -> tuple[str, ...]:
    return tuple(name for name in FITTING[axes] if name in classes)


def _grow(draw: st.DrawFn, growth: ArchitectureBuilder) -> None:
    """Add one layer, joint, second call or nested model, where it fits."""
    choice = draw_bytes(draw)
    branching = growth.kind is not Kind.SEQUENTIAL
    source = _source(growth, choice) if branching else growth.loose[-1]
    action = choice.one_of(BRANCHING if branching else CHAINING)
    if not action(draw, growth, source, choice):
        _add_fitting(draw, growth, source, choice)


def _source(growth: ArchitectureBuilder, choice: ByteDraws) -> str:
    """Return the tensor to go on from: the newest or another loose one, or any for a branch."""
    newest = growth.loose[-1]
    tensors = [newest] * 3 + growth.loose[::-1] + list(growth.places)[::-1]
    return choice.one_of(tensors)


def _add_fitting(_: st.DrawFn, growth: ArchitectureBuilder, source: str, choice: ByteDraws) -> bool:
    place = growth.places[source]
    classes = ("Embedding",) if place.vocabulary else _fitting(growth.classes, len(place.shape))
    if classes:
        _add(growth, choice.one_of(classes), [source], choice)
    return True


def _add(
    growth: ArchitectureBuilder, class_name: str, inputs: Sequence[str], choice: ByteDraws
) -> str:
    arguments = config(class_name, choice, growth.register, growth.places[inputs[0]])
    return growth.add_layer(class_name, arguments, inputs, name=choice)


def _join(_: st.DrawFn, growth: ArchitectureBuilder, source: str, choice: ByteDraws) -> bool:
    """Join the tensor with one or two others of its shape; False if there are none."""
    partners = growth.partners(source)
    shape = growth.places[source].shape
    equal = [name for name in partners if growth.places[name].shape == shape]
    wanted = [name for name in JOINTS if name in growth.classes]
    joint = choice.one_of(wanted) if wanted else None
    found = partners if joint == "Concatenate" else equal
    if joint is None or not found:
        return False
    inputs = [choice.one_of(found), source]
    if choice.chance(4):
        inputs.append(found[-1])
    _add(growth, joint, inputs, choice)
    return True


def _share(_: st.DrawFn, growth: ArchitectureBuilder, source: str, choice: ByteDraws) -> bool:
    """Call a layer again that took such a tensor before; False if there is none.

    A third call may take an older tensor than the second does.
    """
    candidates = growth.shareable(source)
    if not candidates:
        return False
    layer = choice.one_of(candidates)
    growth.call_again(layer, [source])
    if choice.chance(3):
        growth.call_again(layer, [choice.one_of(growth.alike(source))])
    return True


def _nest(draw: st.DrawFn, growth: ArchitectureBuilder, source: str, choice: ByteDraws) -> bool:
    """Add a model as a layer; False if it would lie too deep."""
    if growth.depth >= DEEPEST:
        return False
    kind = choice.one_of((Kind.SEQUENTIAL, Kind.FUNCTIONAL))
    inner = ArchitectureBuilder(
        kind=kind,
        register=growth.register,
        classes=growth.classes,
        non_ascii=growth.non_ascii,
        batch_size=growth.batch_size,
        depth=growth.depth + 1,
    )
    inputs = [source]
    partners = growth.partners(source)
    branching = Kind.SEQUENTIAL not in (kind, growth.kind)
    if branching and partners and choice.chance(3):
        inputs.append(partners[0])
    start = draw_bytes(draw)
    for name in inputs:
        place = growth.places[name]
        inner.add_input(place, "int32" if place.vocabulary else "float32", start)
    for _ in range(draw(INNER_STEPS)):
        _grow(draw, inner)
    joined = [_joined(draw, inner)] if len(inner.loose) > 1 else inner.loose
    frozen: Config = {"trainable": False} if start.chance(10) else {}
    class_name = str(kind).capitalize()
    name = growth.name(class_name, start)
    growth.add_model(inner.architecture(name, joined), frozen, inputs)
    return True


Action = Callable[[st.DrawFn, ArchitectureBuilder, str, ByteDraws], bool]
INNER_STEPS = st.integers(1, 3)
JOINTS = ("Add", "Multiply", "Concatenate")
CHAINING: tuple[Action, ...] = (*(_add_fitting,) * 9, _nest)
BRANCHING: tuple[Action, ...] = (*(_add_fitting,) * 8, *(_join,) * 4, *(_share,) * 4, *(_nest,) * 2)


def _outputs(draw: st.DrawFn, growth: ArchitectureBuilder, most: int) -> list[str]:
    """End the model: join what is loose beyond `most` tensors and give each output its head."""
    for name in list(growth.loose):
        if growth.places[name].vocabulary:
            _add(growth, "Embedding", [name], draw_bytes(draw))
    if len(growth.loose) > most:
        _joined(draw, growth, first=most - 1)
    outputs = [_headed(draw, growth, name) for name in list(growth.loose)]
    inside = [name for name in growth.trained if name not in outputs]
    if inside and len(outputs) < most:
        outputs.append(max(inside))
    return outputs


def _joined(draw: st.DrawFn, growth: ArchitectureBuilder, *, first: int = 0) -> str:
    """Concatenate the loose tensors from the first-th on, flattened."""
    flat = []
    for name in growth.loose[first:]:
        if growth.places[name].vocabulary:
            name = _add(growth, "Embedding", [name], draw_bytes(draw))
        flat.append(name if len(growth.places[name].shape) == 1 else _flat(draw, growth, name))
    return _add(growth, "Concatenate", flat, draw_bytes(draw))


def _flat(draw: st.DrawFn, growth: ArchitectureBuilder, name: str) -> str:
    return _add(growth, "Flatten", [name], draw_bytes(draw))


def _headed(draw: st.DrawFn, growth: ArchitectureBuilder, name: str) -> str:
    """Return an output that surely trains: the tensor itself if it may, or a Dense layer on it."""
    choice = draw_bytes(draw)
    ending = choice.one_of(HEADS)
    if ending is None and name in growth.trained:
        return name
    units, activation = ending or (3, None)
    if len(growth.places[name].shape) > 1 and choice.chance(2):
        name = _flat(draw, growth, name)
    arguments = head(choice, growth.register, units, activation)
    return growth.add_layer("Dense", arguments, [name], name=choice)
