"""Checks that a subject's capabilities name only what cases can have."""

from collections.abc import Iterable
from typing import get_args

from saveproof.strategies.architectures import HEADS, INPUTS
from saveproof.strategies.arguments import ACTIVATIONS, DTYPES, OMIT
from saveproof.strategies.capabilities import (
    LINEAR,
    Capabilities,
    InvalidCapabilities,
    has,
    typed,
)
from saveproof.strategies.case import AnyEvent, Fit, Kind, TrainOnBatch, tag_of
from saveproof.strategies.layers import LAYERS
from saveproof.strategies.optimizers import OPTIMIZERS, SCHEDULES
from saveproof.strategies.settings import DISTRIBUTION, LOGITS, METRICS, PROBABILITY, name_of

EVENTS = tuple(tag_of(event) for event in get_args(AnyEvent))
"""The events of a history, by name."""

LOSSES = tuple(dict.fromkeys(name_of(one) for one in (*LOGITS, *PROBABILITY, *DISTRIBUTION)))
"""The losses of generated cases, by name."""

_HEAD_ACTIVATIONS = (ending[1] for ending in HEADS if ending and ending[1])

NAMES: dict[str, tuple[object, ...]] = {
    "kinds": tuple(Kind),
    "layers": tuple(LAYERS),
    "arguments": (*LAYERS, *OPTIMIZERS, *EVENTS),
    "without": (*LAYERS, *OPTIMIZERS, *EVENTS),
    "activations": tuple(
        dict.fromkeys((LINEAR, *(n for n in ACTIVATIONS if n is not OMIT), *_HEAD_ACTIVATIONS))
    ),
    "optimizers": tuple(OPTIMIZERS),
    "schedules": tuple(SCHEDULES),
    "losses": LOSSES,
    "metrics": tuple(
        dict.fromkeys(name_of(m) for some in METRICS.values() for each in some for m in each)
    ),
    "events": EVENTS,
    "dtypes": ("float32", *dict.fromkeys(dtype for dtype in DTYPES if dtype is not OMIT)),
    "axes": tuple(dict.fromkeys(len(tensor.shape) for tensor in INPUTS)),
    "non_ascii": tuple(Kind),
}
"""What each field of capabilities may name."""

NEVER_EMPTY = ("kinds", "layers", "activations", "optimizers", "losses", "events", "axes")
"""Fields of which every case has at least one."""


def checked(declared: Capabilities) -> Capabilities:
    """Return the capabilities, with lists and texts in the types of the record.

    Raises:
        InvalidCapabilities: a name is unknown, or no case is left.
    """
    capabilities = typed(declared)
    for field, known in NAMES.items():
        _refuse(field, getattr(capabilities, field), known)
    if not has(capabilities.layers, "Dense"):
        raise InvalidCapabilities(
            "capabilities, layers: expected Dense among them, which ends a model"
        )
    if not any(has(capabilities.events, tag_of(event)) for event in (TrainOnBatch, Fit)):
        raise InvalidCapabilities(
            "capabilities, events: expected train_on_batch or fit among them: a model is trained"
        )
    if capabilities.max_layers is not None and capabilities.max_layers < 1:
        raise InvalidCapabilities(
            f"capabilities, max_layers: expected at least 1, found {capabilities.max_layers}"
        )
    return capabilities


def _refuse(field: str, names: Iterable[object] | None, known: tuple[object, ...]) -> None:
    if names is None:
        return
    found = list(names)
    unknown = [name for name in found if name not in known]
    if unknown or (not found and field in NEVER_EMPTY):
        raise InvalidCapabilities(
            f"capabilities, {field}: expected some of {', '.join(map(str, known))}; found "
            f"{', '.join(map(str, unknown)) or 'none'}"
        )
