"""The subject `tf_keras`: Keras 2 on TensorFlow, with deterministic operations."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from saveproof.conformance.families.keras.codegen.models import RECURRENT
from saveproof.conformance.families.keras.dialect import Dialect
from saveproof.conformance.families.keras.inspection import Traits
from saveproof.conformance.families.keras.keras_api import KerasSubject
from saveproof.conformance.families.keras.save_paths import TF_KERAS
from saveproof.conformance.families.keras.tensorflow_determinism import (
    TENSORFLOW_SETTLING,
    make_tensorflow_deterministic,
    tensorflow_generators,
)

BESIDE_SLOTS = {"Nadam": ("_u_product",)}
"""Variables by optimizer class that `variables` leaves out though every step reads them."""

_GENERATORS = (
    "def generators(layer):",
    "    parts = layer._flatten_layers(recursive=True, include_self=True)",
    '    drawn = [p._random_generator for p in parts if hasattr(p, "_random_generator")]',
    "    return [one._seed if one._generator is None else one._generator.state for one in drawn]",
)


def tf_keras() -> KerasSubject:
    """Return the subject."""
    traits = Traits(
        array=np.array,
        generators=_generators,
        recurrent=_recurrent,
        beside_slots=_beside_slots,
    )
    return KerasSubject(
        *("tf_keras", "tf_keras", traits, TF_KERAS, ("tensorflow", "tf_keras")),
        prepare=make_tensorflow_deterministic,
        process=tensorflow_generators(),
        dialect=Dialect("", _GENERATORS, *TENSORFLOW_SETTLING),
    )


def _generators(layer: Any) -> Iterator[Any]:
    """Yield each generator's state; without a generator, the count that seeds the next draw.

    Without a seed there is no count: the process-wide generator seeds each draw.
    A recurrent layer that could run on a GPU's kernel draws its masks itself, and not its cell.
    """
    for part in layer._flatten_layers(recursive=True, include_self=True):
        drawn = getattr(part, "_random_generator", None)
        if drawn is not None:
            state = drawn._seed if drawn._generator is None else drawn._generator.state
            yield from () if state is None else (state,)


def _recurrent(layer: Any) -> Sequence[Any]:
    if type(layer).__name__ not in RECURRENT or not layer.stateful:
        return ()
    return [state for state in layer.states if state is not None]


def _beside_slots(optimizer: Any) -> Mapping[str, Any]:
    built = len(optimizer.variables) > 1
    names = BESIDE_SLOTS.get(type(optimizer).__name__, ()) if built else ()
    return {name: getattr(optimizer, name) for name in names}
