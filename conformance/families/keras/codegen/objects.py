"""Objects by themselves in source: the call that makes one, and the inputs that probe it."""

from collections.abc import Iterator
from math import prod

from saveproof.conformance.families.keras.codegen.source import (
    Expression,
    lines,
    literal,
    one_or_list,
)
from saveproof.conformance.families.keras.codegen.values import constructed
from saveproof.strategies.case import Case
from saveproof.strategies.catalogue.entries import ENTRIES, Tensor
from saveproof.strategies.catalogue.objects import FOLLOWS, inputs_of

SAMPLES = 2
"""How many samples a layer is probed with."""


def making(case: Case, variable: str = "model") -> Iterator[str]:
    """Yield what leaves the case's object in a variable."""
    layer = case.architecture.layers[0]
    yield from lines(f"{variable} = ", constructed(layer.class_name, layer.config))


def namespace(case: Case) -> str:
    """Return the namespace of the object's class."""
    return case.architecture.layers[0].class_name.rpartition(".")[0]


def probe_inputs(case: Case) -> Expression:
    """Return the expression of the inputs that the object is probed with; `None` of no layer."""
    qualified = case.architecture.layers[0].class_name
    if namespace(case) != "layers":
        return "None"
    several = [_input(index, tensor) for index, tensor in enumerate(inputs_of(qualified))]
    if ENTRIES.get(qualified, FOLLOWS).apart:
        return f"({', '.join(several)})"
    return one_or_list(several)


def _input(seed: int, tensor: Tensor) -> str:
    shape = literal((SAMPLES, *tensor.shape))
    if tensor.words:
        count = SAMPLES * prod(tensor.shape)
        words = [tensor.words[index % len(tensor.words)] for index in range(count)]
        return f"np.array({literal(words)}).reshape({shape})"
    drawn = f"np.random.default_rng({seed})"
    if tensor.below:
        return f"{drawn}.integers(0, {tensor.below}, {shape})"
    low = literal(0.0 if tensor.scale > 1 else -tensor.scale)
    return f'{drawn}.uniform({low}, {literal(tensor.scale)}, {shape}).astype("float32")'
