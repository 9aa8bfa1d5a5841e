"""The classes that generated cases may name, by Keras namespace."""

from collections.abc import Iterable, Mapping

from saveproof.strategies.arguments import (
    CONSTRAINTS,
    MATRIX_INITIALIZERS,
    REGULARIZERS,
    VECTOR_INITIALIZERS,
)
from saveproof.strategies.case import Config, Object
from saveproof.strategies.optimizers import OPTIMIZERS, SCHEDULES
from saveproof.strategies.settings import METRICS
from saveproof.strategies.shapes import RULES
from saveproof.strategies.targets import TARGETS


def _named(options: Iterable[tuple[str, Config] | None]) -> frozenset[str]:
    return frozenset(option[0] for option in options if option is not None)


CLASSES: Mapping[str, frozenset[str]] = {
    "layers": frozenset(RULES),
    "optimizers": frozenset(OPTIMIZERS),
    "optimizers.schedules": frozenset(SCHEDULES),
    "losses": frozenset(name for names in TARGETS.values() for name in names),
    "metrics": frozenset(
        one.class_name
        for choices in METRICS.values()
        for chosen in choices
        for one in chosen
        if isinstance(one, Object)
    ),
    "initializers": _named((*MATRIX_INITIALIZERS, *VECTOR_INITIALIZERS)),
    "regularizers": _named(REGULARIZERS),
    "constraints": _named(CONSTRAINTS),
}
"""Namespace → the classes that a generated case may name there."""
