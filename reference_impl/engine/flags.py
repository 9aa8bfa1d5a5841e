"""Trainable flags: noted when a model is compiled, and held while it trains."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from saveproof.reference_impl.layers.base import Layer

Flags = list[tuple[Layer, bool]]
"""Layers, and whether each is trainable."""


def flags_of(model: Layer) -> Flags:
    """Return the flag of every layer, the model's first, depth first."""
    return [(layer, layer.trainable) for layer in model.flatten_layers()]


def set_flags(flags: Flags) -> None:
    """Set each layer's own flag, not those of the layers below it."""
    for layer, flag in flags:
        layer.set_own_trainable(flag)


def flags_in_order(model: Layer, noted: Flags) -> tuple[bool, ...]:
    """Return the noted flags in the order of `flags_of`; the present one where none was noted."""
    known = {id(layer): flag for layer, flag in noted}
    return tuple(known.get(id(layer), flag) for layer, flag in flags_of(model))


def paired(model: Layer, flags: Sequence[bool]) -> Flags | None:
    """Return the layers with flags in the order of `flags_of`; None if the numbers differ."""
    layers = list(model.flatten_layers())
    return list(zip(layers, flags, strict=True)) if len(layers) == len(flags) else None


@contextmanager
def held(flags: Flags) -> Iterator[None]:
    """Train with the flags as they were at compile time, and put the present ones back.

    What was changed since counts from the next `compile` on: Keras's rule, stated at
    https://keras.io/2.16/api/layers/base_layer/ and in its transfer learning guide.
    """
    changed = [(layer, layer.trainable) for layer, flag in flags if layer.trainable is not flag]
    set_flags(flags)
    try:
        yield
    finally:
        set_flags(changed)
