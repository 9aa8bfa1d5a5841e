"""The extra state in an HDF5 file: one group, which other readers ignore."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import numpy as np

from saveproof.reference_impl.config_types import checked
from saveproof.reference_impl.loading import at
from saveproof.reference_impl.plain import json_text
from saveproof.reference_impl.saving.errors import MissingPart, WrongPart
from saveproof.reference_impl.saving.hdf5.parts import Part
from saveproof.reference_impl.saving.hdf5.writer_parts import GroupWriter
from saveproof.reference_impl.state import Extras

EXTRAS_GROUP = "saveproof_state"

OWN = f"{EXTRAS_GROUP}.index.own"
"""The place of Keras 2's entries, for messages."""

Shapes = Sequence[tuple[Sequence[int | None], Sequence[int | None]]]
"""Shapes of each output's targets and predictions."""


class ExtrasIndex(TypedDict):
    """The required keys in the index of the extra state."""

    trainable: Sequence[bool]
    optimized: Sequence[int]
    compiled_trainable: Sequence[bool]
    run_eagerly: bool | None
    arrays: Sequence[tuple[str, str, Sequence[int]]]
    output_shapes: NotRequired[Shapes | None]
    own: NotRequired["Own | None"]


class Own(TypedDict, total=False):
    """Keras 2's entries; in `.weights.h5`, the optimizer's class and the names of its weights."""

    written: int
    architecture: Mapping[str, Any]
    training: Mapping[str, Any]
    optimizer: str
    optimized: Sequence[str]


def write_extras(parent: GroupWriter, extras: Extras) -> None:
    """Write the extras as one dataset of bytes, and an index of it in an attribute.

    Separate datasets would take longer to write than all of Keras's.
    """
    group = parent.group(EXTRAS_GROUP)
    arrays = {f"layers/{name}": value for name, value in extras.layer_states.items()}
    arrays |= {f"metrics/{number}": value for number, value in enumerate(extras.metrics)}
    arrays |= {f"optimizer/{name}": value for name, value in extras.optimizer.items()}
    index = {
        "trainable": extras.trainable,
        "optimized": extras.optimized,
        "compiled_trainable": extras.compiled_trainable,
        "run_eagerly": extras.run_eagerly,
        "output_shapes": extras.output_shapes,
        "own": extras.own,
        "arrays": [[name, str(value.dtype), value.shape] for name, value in arrays.items()],
    }
    group.text("index", json_text(index))
    packed = b"".join(value.tobytes() for value in arrays.values())
    group.dataset("arrays", np.frombuffer(packed, np.uint8))


def read_extras(root: Part) -> Extras | None:
    """Return the extras of a file; None if it has none.

    Raises:
        MissingPart, WrongPart: if they are incomplete.
    """
    if EXTRAS_GROUP not in root:
        return None
    group = root.group(EXTRAS_GROUP)
    with at(EXTRAS_GROUP, "index"):
        index = group.json("index")
        if index is None or not set(index) >= ExtrasIndex.__required_keys__:
            raise MissingPart(f"{root.source}: group {EXTRAS_GROUP!r} has no complete index")
        parts = _unpacked(group, checked(index, ExtrasIndex))
    return Extras(
        trainable=tuple(bool(flag) for flag in index["trainable"]),
        layer_states=parts["layers"],
        metrics=tuple(parts["metrics"].values()),
        optimizer=parts["optimizer"],
        optimized=tuple(int(number) for number in index["optimized"]),
        compiled_trainable=tuple(bool(flag) for flag in index["compiled_trainable"]),
        run_eagerly=index["run_eagerly"],
        output_shapes=_shapes(index.get("output_shapes") or ()),
        own=index.get("own"),
    )


def _unpacked(group: Part, index: Mapping[str, Any]) -> dict[str, dict[str, np.ndarray]]:
    packed = group.bytes_of("arrays")
    parts: dict[str, dict[str, np.ndarray]] = {"layers": {}, "metrics": {}, "optimizer": {}}
    position = 0
    for name, dtype, shape in index["arrays"]:
        part, _, key = name.partition("/")
        size = np.dtype(dtype).itemsize * math.prod(shape)
        if position + size > len(packed) or any(length < 0 for length in shape):
            raise WrongPart(
                f"{group.source}: {group.where}/arrays: expected {size} bytes of {name!r} at "
                f"{position}, found {len(packed) - position}"
            )
        if key in parts.get(part, {key: None}) or (
            part == "metrics" and key != str(len(parts[part]))
        ):
            raise WrongPart(
                f"{group.source}: {group.where}/arrays: expected each of {sorted(parts)} once, in "
                f"order, found {name!r}"
            )
        parts[part][key] = np.frombuffer(packed[position : position + size], dtype).reshape(shape)
        position += size
    if position != len(packed):
        raise WrongPart(
            f"{group.source}: {group.where}/arrays: expected {position} bytes, found {len(packed)}"
        )
    return parts


def _shapes(found: Any) -> tuple[tuple[tuple[int | None, ...], tuple[int | None, ...]], ...]:
    return tuple((tuple(targets), tuple(predictions)) for targets, predictions in found)
