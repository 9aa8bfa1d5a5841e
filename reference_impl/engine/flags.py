"""Trainable flags: recorded by `compile` and applied during training."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from saveproof.reference_impl.layers.base import Layer

Flags = list[tuple[Layer, bool]]
"""Layers, and whether each is trainable."""


def flags_of(model: Layer) -> Flags:
    """Return the flag of every layer, the model's first, depth first."""
    return [(layer, layer.trainable) for layer in model.flatten_layers()]


def set_flags(flags: Flags) -> None:
    """Set each layer's own flag without changing nested layers."""
    for layer, flag in flags:
        layer.set_own_trainable(flag)


def flags_in_order(model: Layer, noted: Flags) -> tuple[bool, ...]:
    """Return the recorded flags in the order of `flags_of`; the current one if none is recorded."""
    known = {id(layer): flag for layer, flag in noted}
    return tuple(known.get(id(layer), flag) for layer, flag in flags_of(model))


def paired(model: Layer, flags: Sequence[bool]) -> Flags | None:
    """Return the layers with these flags, in the order of `flags_of`; None if the counts differ."""
    layers = list(model.flatten_layers())
    return list(zip(layers, flags, strict=True)) if len(layers) == len(flags) else None


@contextmanager
def held(flags: Flags) -> Iterator[None]:
    """Apply the flags of compile time within the block, then restore the current ones.

    Changed flags take effect at the next `compile`, as in Keras:
    https://keras.io/2.16/api/layers/base_layer/ and its transfer learning guide.
    """
    changed = [(layer, layer.trainable) for layer, flag in flags if layer.trainable is not flag]
    set_flags(flags)
    try:
        yield
    finally:
        set_flags(changed)
