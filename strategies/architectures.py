"""Architectures: chains, branches, shared and nested layers, several inputs and outputs."""

from collections.abc import Callable, Collection, Sequence
from functools import cache

from hypothesis import strategies as st

from saveproof.strategies.architecture_builder import ArchitectureBuilder
from saveproof.strategies.byte_draws import ByteDraws, draw_bytes
from saveproof.strategies.capabilities import EVERYTHING, Capabilities, had_of, has
from saveproof.strategies.case import MODELS, Architecture, Config, Input, Kind
from saveproof.strategies.layers import ALL, FITTING, WRAPPED, WRAPPER, config, fitting, head
from saveproof.strategies.names import Register

INPUTS = (
    Input("", (4,)),
    Input("", (3,)),
    Input("", (5, 3)),
    Input("", (6, 6, 2)),
    Input("", (5,), "int32", vocabulary=7),
    Input("", (5, 3)),
)
"""Inputs without their names, the plainest first; few, so that compilers meet shapes again."""

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
    kinds: Sequence[Kind] = MODELS,
    layers: Collection[str] = ALL,
    min_layers: int = 1,
    max_layers: int = 6,
    capabilities: Capabilities = EVERYTHING,
) -> Architecture:
    """Return a new architecture; shrinks towards a sequential one of a single Dense layer.

    Args:
        draw: Hypothesis's own.
        kinds: the kinds to choose from.
        layers: Keras class names to choose from. Layers that join branches and end the model
            (Dense, Flatten, Concatenate; Embedding after integer inputs) may come in besides,
            where the capabilities have them.
        min_layers: at least so many steps, each a layer, a nested model or a call of a shared one.
        max_layers: at most so many steps, not counting layers that join branches or end the model.
        capabilities: what the subject has; by default, everything. Only subclassed models have
            names that leave ASCII then, because tf_keras refuses them in others.
    """
    kind = draw(_one_of(tuple(kinds)))
    steps = draw(_steps(min_layers, max_layers, capabilities))
    draws = draw_bytes(draw)
    builder = ArchitectureBuilder(
        kind=kind,
        register=Register(unfit=capabilities.not_in_names),
        classes=_classes(tuple(layers), capabilities),
        had=capabilities,
        batch_size=draws.one_of(BATCH_SIZES),
    )
    for _ in range(draws.one_of(INPUT_COUNTS) if builder.branches else 1):
        builder.add_input(draws.one_of(_inputs(builder.classes, capabilities)), draws)
    for _ in range(steps):
        _grow(draw, builder)
    most = draws.one_of(OUTPUT_COUNTS) if builder.branches else 1
    outputs = _outputs(draw, builder, most)
    return builder.architecture(builder.name("Model", draws), outputs)


architectures = st.composite(draw_architecture)
"""Generates architectures by themselves, by the arguments of `draw_architecture`.

Other strategies call the function: a new strategy for each case would cost a fifth of its time.
"""

_one_of = cache(st.sampled_from)


def _steps(least: int, most: int, had: Capabilities) -> st.SearchStrategy[int]:
    """Return the numbers of steps; with a limit, the layer that ends the model is one of it."""
    if had.max_layers is None:
        return st.integers(least, most)
    return st.integers(0, min(most, had.max_layers - 1))


@cache
def _classes(layers: tuple[str, ...], had: Capabilities) -> frozenset[str]:
    """Return the classes of layers to choose from: a wrapper comes with all that it may wrap."""
    classes = frozenset(had_of(layers, had.layers))
    wraps = all(has(had.layers, name) for name in WRAPPED)
    return classes if wraps else classes - {WRAPPER}


@cache
def _inputs(classes: frozenset[str], had: Capabilities) -> tuple[Input, ...]:
    """Return the inputs that some of the classes take, all that the subject has if none does."""
    words = has(had.layers, "Embedding")
    all_had = [t for t in INPUTS if len(t.shape) in had.axes and (words or not t.vocabulary)]
    taken = [tensor for tensor in all_had if classes.intersection(fitting(tensor))]
    return tuple(taken or all_had)


@cache
def _fitting(classes: frozenset[str], axes: int) -> tuple[str, ...]:
    return tuple(name for name in FITTING[axes] if name in classes)


def _grow(draw: st.DrawFn, builder: ArchitectureBuilder) -> None:
    """Add one layer, a layer that joins branches, a second call, or a nested model."""
    draws = draw_bytes(draw)
    branching = builder.branches
    source = _source(builder, draws) if branching else builder.loose[-1]
    action = draws.one_of(BRANCHING if branching else CHAINING)
    if not action(draw, builder, source, draws):
        _add_fitting(draw, builder, source, draws)


def _source(builder: ArchitectureBuilder, draws: ByteDraws) -> str:
    """Return the tensor for the next layer: the newest, another unused one, or any (a branch)."""
    newest = builder.loose[-1]
    tensors = [newest] * 3 + builder.loose[::-1] + list(builder.tensors)[::-1]
    return draws.one_of(tensors)


def _add_fitting(_: st.DrawFn, builder: ArchitectureBuilder, source: str, draws: ByteDraws) -> bool:
    tensor = builder.tensors[source]
    classes = ("Embedding",) if tensor.vocabulary else _fitting(builder.classes, len(tensor.shape))
    if classes:
        _add(builder, draws.one_of(classes), [source], draws)
    return True


def _add(
    builder: ArchitectureBuilder, class_name: str, inputs: Sequence[str], draws: ByteDraws
) -> str:
    arguments = config(class_name, draws, builder.register, builder.tensors[inputs[0]], builder.had)
    return builder.add_layer(class_name, arguments, inputs, name=draws)


def _join(_: st.DrawFn, builder: ArchitectureBuilder, source: str, draws: ByteDraws) -> bool:
    """Join the tensor with one or two others of its shape; False if there are none."""
    partners = builder.partners(source)
    shape = builder.tensors[source].shape
    equal = [name for name in partners if builder.tensors[name].shape == shape]
    wanted = [name for name in JOINTS if name in builder.classes]
    joint = draws.one_of(wanted) if wanted else None
    found = partners if joint == "Concatenate" else equal
    if joint is None or not found:
        return False
    inputs = [draws.one_of(found), source]
    if draws.chance(4):
        inputs.append(found[-1])
    _add(builder, joint, inputs, draws)
    return True


def _share(_: st.DrawFn, builder: ArchitectureBuilder, source: str, draws: ByteDraws) -> bool:
    """Call a layer again that took such a tensor before; False if there is none.

    A third call may take an older tensor than the second does.
    """
    candidates = builder.shareable(source)
    if not candidates:
        return False
    layer = draws.one_of(candidates)
    builder.call_again(layer, [source])
    if draws.chance(3):
        builder.call_again(layer, [draws.one_of(builder.alike(source))])
    return True


def _nest(draw: st.DrawFn, builder: ArchitectureBuilder, source: str, draws: ByteDraws) -> bool:
    """Add a model as a layer; False if it would lie too deep, or the subject has none."""
    had = builder.had
    kinds = [kind for kind in (Kind.SEQUENTIAL, Kind.FUNCTIONAL) if kind in had.kinds]
    if builder.depth >= DEEPEST or not kinds or not had.nesting or had.max_layers is not None:
        return False
    kind = draws.one_of(kinds)
    inner = ArchitectureBuilder(
        kind=kind,
        register=builder.register,
        classes=builder.classes,
        had=builder.had,
        batch_size=builder.batch_size,
        depth=builder.depth + 1,
    )
    inputs = [source]
    partners = builder.partners(source)
    branching = inner.branches and builder.branches
    if branching and partners and draws.chance(3):
        inputs.append(partners[0])
    start = draw_bytes(draw)
    for name in inputs:
        inner.add_input(builder.tensors[name], start)
    for _ in range(draw(INNER_STEPS)):
        _grow(draw, inner)
    joined = [_joined(draw, inner)] if len(inner.loose) > 1 else inner.loose
    frozen: Config = {"trainable": False} if start.chance(10) else {}
    class_name = str(kind).capitalize()
    name = builder.name(class_name, start)
    builder.add_model(inner.architecture(name, joined), frozen, inputs)
    return True


Action = Callable[[st.DrawFn, ArchitectureBuilder, str, ByteDraws], bool]
INNER_STEPS = st.integers(1, 3)
JOINTS = ("Add", "Multiply", "Concatenate")
CHAINING: tuple[Action, ...] = (*(_add_fitting,) * 9, _nest)
BRANCHING: tuple[Action, ...] = (*(_add_fitting,) * 8, *(_join,) * 4, *(_share,) * 4, *(_nest,) * 2)


def _outputs(draw: st.DrawFn, builder: ArchitectureBuilder, most: int) -> list[str]:
    """End the model: join unused tensors beyond `most`, and add a last layer for each output."""
    for name in list(builder.loose):
        if builder.tensors[name].vocabulary:
            _add(builder, "Embedding", [name], draw_bytes(draw))
    if len(builder.loose) > most:
        _joined(draw, builder, first=most - 1)
    outputs = [_headed(draw, builder, name) for name in list(builder.loose)]
    inside = [name for name in builder.trained if name not in outputs]
    if inside and len(outputs) < most:
        outputs.append(max(inside))
    return outputs


def _joined(draw: st.DrawFn, builder: ArchitectureBuilder, *, first: int = 0) -> str:
    """Flatten the unused tensors from index `first` on, and concatenate them."""
    flat = []
    for name in builder.loose[first:]:
        if builder.tensors[name].vocabulary:
            name = _add(builder, "Embedding", [name], draw_bytes(draw))
        flat.append(name if len(builder.tensors[name].shape) == 1 else _flat(draw, builder, name))
    return _add(builder, "Concatenate", flat, draw_bytes(draw))


def _flat(draw: st.DrawFn, builder: ArchitectureBuilder, name: str) -> str:
    return _add(builder, "Flatten", [name], draw_bytes(draw))


def _headed(draw: st.DrawFn, builder: ArchitectureBuilder, name: str) -> str:
    """Return an output with a gradient: the tensor itself if it has one, or a Dense layer on it."""
    draws, had = draw_bytes(draw), builder.had
    ending = draws.one_of(HEADS)
    if ending is None and name in builder.trained and had.max_layers is None:
        return name
    units, activation = ending or (3, None)
    flattens = has(had.layers, "Flatten") and had.max_layers is None
    if len(builder.tensors[name].shape) > 1 and draws.chance(2) and flattens:
        name = _flat(draw, builder, name)
    arguments = head(draws, builder.register, units, activation, had)
    return builder.add_layer("Dense", arguments, [name], name=draws)
