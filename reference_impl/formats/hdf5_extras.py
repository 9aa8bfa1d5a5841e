"""The extra state in an HDF5 file: one group, which every other reader passes over."""

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from reference_impl.formats.errors import MissingPart, WrongPart
from reference_impl.formats.hdf5_parts import Part
from reference_impl.formats.hdf5_write_parts import GroupWriter
from reference_impl.state import Extras

EXTRAS_GROUP = "saveproof_state"

INDEX_KEYS = {"trainable", "optimized", "compiled_trainable", "run_eagerly", "arrays"}
"""What the index of the extra state holds at least."""


def write_extras(parent: GroupWriter, extras: Extras) -> None:
    """Write the extras as one dataset of bytes and, in an attribute, what lies where in it.

    A dataset for each of them would cost more than all of Keras's own.
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
    group.text("index", json.dumps(index))
    packed = b"".join(value.tobytes() for value in arrays.values())
    group.dataset("arrays", np.frombuffer(packed, np.uint8))


def read_extras(root: Part) -> Extras | None:
    """Return the extras of a file, None if it has none.

    Raises:
        MissingPart, WrongPart: if they are incomplete.
    """
    if EXTRAS_GROUP not in root:
        return None
    group = root.group(EXTRAS_GROUP)
    index = group.json("index")
    if index is None or not set(index) >= INDEX_KEYS:
        raise MissingPart(f"{root.source}: group {EXTRAS_GROUP!r} has no complete index")
    parts = _unpacked(group, index)
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
    packed = group.array("arrays").tobytes()
    parts: dict[str, dict[str, np.ndarray]] = {"layers": {}, "metrics": {}, "optimizer": {}}
    at = 0
    for name, dtype, shape in index["arrays"]:
        part, _, key = name.partition("/")
        size = np.dtype(dtype).itemsize * math.prod(shape)
        if at + size > len(packed) or part not in parts:
            raise WrongPart(
                f"{group.source}: {group.where}/arrays: expected {size} bytes of {name!r} at {at}, "
                f"found {len(packed) - at}"
            )
        parts[part][key] = np.frombuffer(packed[at : at + size], dtype).reshape(shape)
        at += size
    return parts


def _shapes(found: Any) -> tuple[tuple[tuple[int | None, ...], tuple[int | None, ...]], ...]:
    return tuple((tuple(targets), tuple(predictions)) for targets, predictions in found)
