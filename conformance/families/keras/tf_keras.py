"""The subject `tf_keras`: Keras 2 on TensorFlow, with deterministic operations."""

from collections.abc import Mapping, Sequence
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

RANDOM = RECURRENT | {"Dropout"}
"""Layers that draw random numbers, or whose cells do."""

_GENERATORS = (
    "def generators(layer):",
    '    drawn = getattr(layer, "cell", layer)._random_generator',
    "    return [drawn._seed if drawn._generator is None else drawn._generator.state]",
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


def _generators(layer: Any) -> Sequence[Any]:
    """Return the generator's state; without a generator, the count that seeds the next draw."""
    kind = type(layer).__name__
    if kind not in RANDOM:
        return ()
    drawn = (layer.cell if kind in RECURRENT else layer)._random_generator
    state = drawn._seed if drawn._generator is None else drawn._generator.state
    return () if state is None else (state,)


def _recurrent(layer: Any) -> Sequence[Any]:
    if type(layer).__name__ not in RECURRENT or not layer.stateful:
        return ()
    return [state for state in layer.states if state is not None]


def _beside_slots(optimizer: Any) -> Mapping[str, Any]:
    built = len(optimizer.variables) > 1
    names = BESIDE_SLOTS.get(type(optimizer).__name__, ()) if built else ()
    return {name: getattr(optimizer, name) for name in names}
