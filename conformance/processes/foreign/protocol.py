"""The protocol of foreign subjects: what stands in a line of JSON; see docs/foreign-subjects.md."""

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from saveproof.conformance.model_state.contract import Contract, Exactness, Facet, Promise
from saveproof.conformance.model_state.snapshot import Inventory, Snapshot
from saveproof.conformance.model_state.subject import Exchanged, SavePath
from saveproof.strategies.case import Kind
from saveproof.strategies.data import Rows

VERSION = 1
"""The version of the protocol that both sides must speak."""

ARRAY, FLOAT = "__array__", "__float__"
"""Keys of what JSON has no form for: an array, and a float that is not finite."""

EXTENDED = {"bfloat16": np.dtype(ml_dtypes.bfloat16)}
"""Dtypes by name that NumPy alone does not know."""

CLASSES = "classes"
"""Key of a snapshot that holds no facet: the class of a layer by its name."""

Json = Any
"""A JSON value."""


class Misspoken(ValueError):
    """A line is not what the protocol asks for."""


def to_json(value: Any) -> Json:
    """Return the value with arrays as dtype, shape and base64 of their bytes (C order)."""
    if isinstance(value, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {ARRAY: {"dtype": str(value.dtype), "shape": list(value.shape), "data": data}}
    if isinstance(value, np.generic):
        return to_json(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return {FLOAT: str(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(inner) for inner in value]
    return value


def from_json(value: Json) -> Any:
    """Return the value that `to_json` was given; sequences come back as lists.

    Raises:
        Misspoken: an array's bytes are not as many as its dtype and shape ask for.
    """
    if isinstance(value, list):
        return [from_json(inner) for inner in value]
    if not isinstance(value, Mapping):
        return value
    if ARRAY in value:
        return _array(value[ARRAY])
    if FLOAT in value:
        return float(value[FLOAT])
    return {key: from_json(inner) for key, inner in value.items()}


def _array(told: Mapping[str, Json]) -> np.ndarray:
    try:
        data = base64.b64decode(told["data"], validate=True)
        dtype = EXTENDED.get(told["dtype"]) or np.dtype(told["dtype"])
        return np.frombuffer(data, dtype=dtype).reshape(told["shape"]).copy()
    except (KeyError, TypeError, ValueError) as error:
        raise Misspoken(
            f"array: expected dtype, shape and as many bytes in base64, found dtype "
            f"{told.get('dtype')!r} and shape {told.get('shape')!r}: {error}"
        ) from error


def rows_to_json(rows: Rows | None) -> Json:
    """Return the rows of an event; null where it needs none."""
    if rows is None:
        return None
    weights = None if rows.sample_weight is None else list(rows.sample_weight)
    told = {"inputs": rows.inputs, "targets": rows.targets, "sample_weight": weights}
    return to_json(told)


def rows_from_json(told: Json) -> Rows | None:
    """Return the rows that `rows_to_json` was given."""
    if told is None:
        return None
    weights = told["sample_weight"]
    return Rows(
        tuple(from_json(told["inputs"])),
        tuple(from_json(told["targets"])),
        None if weights is None else tuple(from_json(weights)),
    )


def snapshot_to_json(snapshot: Snapshot) -> Json:
    """Return the snapshot: by facet, pairs of a name and a value, in order; classes, if any."""
    facets = {
        str(facet): [[name, to_json(value)] for name, value in inventory.items()]
        for facet, inventory in snapshot.facets.items()
    }
    return facets | ({CLASSES: dict(snapshot.classes)} if snapshot.classes else {})


def snapshot_from_json(told: Json) -> Snapshot:
    """Return the snapshot that the other side told.

    Raises:
        Misspoken: a facet that there is not.
    """
    facets = {_facet(name): _inventory(told[name]) for name in told if name != CLASSES}
    return Snapshot(facets, told.get(CLASSES, {}))


def _inventory(pairs: Sequence[Sequence[Json]]) -> Inventory:
    return {name: from_json(value) for name, value in pairs}


def _facet(name: str) -> Facet:
    try:
        return Facet(name)
    except ValueError as error:
        raise Misspoken(f"facet: expected one of {sorted(Facet)}, found {name!r}") from error


def path_to_json(path: SavePath) -> Json:
    """Return what a save path is called, reads, writes and promises."""
    writes, reads = (path.writes, path.reads) if isinstance(path, Exchanged) else ("", {})
    contract = path.contract
    exactness = contract.exactness
    return {
        "name": path.name,
        "in_memory": path.in_memory,
        "writes": writes,
        "reads": {name: str(promise) for name, promise in reads.items()},
        "contract": {
            "document": contract.document,
            "facets": {str(facet): str(promise) for facet, promise in contract.facets.items()},
            "refuses": {str(kind): why for kind, why in contract.refuses.items()},
            "refuses_unbuilt": contract.refuses_unbuilt,
            "exactness": {
                "rtol": exactness.rtol,
                "atol": exactness.atol,
                "reason": exactness.reason,
                "half": exactness.half,
            },
        },
    }


def contract_from_json(told: Json) -> Contract:
    """Return the contract; all but the document and the facets may be left out.

    Raises:
        Misspoken: a facet that there is not.
    """
    return Contract(
        told["document"],
        {_facet(name): Promise(promise) for name, promise in told["facets"].items()},
        {Kind(kind): why for kind, why in told.get("refuses", {}).items()},
        refuses_unbuilt=told.get("refuses_unbuilt", False),
        exactness=Exactness(**told.get("exactness", {})),
    )
