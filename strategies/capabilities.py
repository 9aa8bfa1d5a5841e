"""Capabilities: what a subject has, as data that generated cases keep to."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from saveproof.strategies.case import MODELS, CaseRecord, Kind

T = TypeVar("T")

Arguments = dict[str, tuple[str, ...]]
"""Names of optional arguments, by class or event."""

LINEAR = "linear"
"""The activation of a layer without one."""


class Capabilities(CaseRecord, frozen=True):
    """What a subject has; None stands for everything that a case may name.

    Classes, losses and metrics have the names that cases have, activations too (`linear` for none).
    `arguments` lists by class of layer or optimizer, or by event, the optional arguments that it
    may have; one that it does not list may have all. `without` lists those that it may not have.
    `events` are those of a history, by their tags in a case. `axes` are the possible numbers of
    an input's axes, the batch axis left out. A model has at most `max_layers` layers. `branching`
    is whether a model may have several inputs or outputs, and shared or joined layers; `nesting`,
    whether a model may be a layer of another. A layer's name has no character of `not_in_names`;
    those of `non_ascii` kinds may leave ASCII.
    """

    kinds: tuple[Kind, ...] = MODELS
    layers: tuple[str, ...] | None = None
    arguments: Arguments = msgspec.field(default_factory=dict)
    without: Arguments = msgspec.field(default_factory=dict)
    activations: tuple[str, ...] | None = None
    optimizers: tuple[str, ...] | None = None
    schedules: tuple[str, ...] | None = None
    losses: tuple[str, ...] | None = None
    metrics: tuple[str, ...] | None = None
    events: tuple[str, ...] | None = None
    dtypes: tuple[str, ...] | None = None
    axes: tuple[int, ...] = (1, 2, 3)
    max_layers: int | None = None
    branching: bool = True
    nesting: bool = True
    not_in_names: str = ""
    non_ascii: tuple[Kind, ...] = (Kind.SUBCLASSED,)

    def __hash__(self) -> int:
        """Return the hash of its JSON: a dictionary has none."""
        return hash(msgspec.json.encode(self, order="deterministic"))

    @property
    def joins(self) -> bool:
        """Whether a model of several branches can be joined into few outputs."""
        parts = ("Flatten", "Concatenate")
        return (
            self.branching and self.max_layers is None and all(has(self.layers, p) for p in parts)
        )

    @property
    def limits_arguments(self) -> bool:
        """Whether some layer lacks an argument, an activation or a dtype."""
        return bool(self.arguments or self.without) or (self.activations, self.dtypes) != (
            None,
            None,
        )

    def but(self, **changes: object) -> "Capabilities":
        """Return the capabilities with other values of some fields."""
        return msgspec.structs.replace(self, **changes)

    def takes(self, owner: str, argument: str) -> bool:
        """Return whether a class or event may have the optional argument."""
        allowed = argument in self.arguments.get(owner, (argument,))
        return allowed and argument not in self.without.get(owner, ())

    def common(self, other: "Capabilities") -> "Capabilities":
        """Return what both have."""
        owners = dict.fromkeys((*self.arguments, *other.arguments))
        limits = [limit for limit in (self.max_layers, other.max_layers) if limit is not None]
        return Capabilities(
            kinds=_in_both(self.kinds, other.kinds) or (),
            layers=_in_both(self.layers, other.layers),
            arguments={
                owner: _in_both(self.arguments.get(owner), other.arguments.get(owner)) or ()
                for owner in owners
            },
            without={
                owner: (*self.without.get(owner, ()), *other.without.get(owner, ()))
                for owner in (self.without | other.without)
            },
            activations=_in_both(self.activations, other.activations),
            optimizers=_in_both(self.optimizers, other.optimizers),
            schedules=_in_both(self.schedules, other.schedules),
            losses=_in_both(self.losses, other.losses),
            metrics=_in_both(self.metrics, other.metrics),
            events=_in_both(self.events, other.events),
            dtypes=_in_both(self.dtypes, other.dtypes),
            axes=_in_both(self.axes, other.axes) or (),
            max_layers=min(limits, default=None),
            branching=self.branching and other.branching,
            nesting=self.nesting and other.nesting,
            not_in_names="".join(sorted({*self.not_in_names, *other.not_in_names})),
            non_ascii=_in_both(self.non_ascii, other.non_ascii) or (),
        )


EVERYTHING = Capabilities()
"""The capabilities of a subject that declares none."""


class InvalidCapabilities(ValueError):
    """Capabilities name what no case has, or leave no case."""


def typed(declared: Capabilities) -> Capabilities:
    """Return the capabilities with lists and texts in the types of the record.

    Raises:
        InvalidCapabilities: one is of another type.
    """
    try:
        return msgspec.convert(msgspec.to_builtins(declared), Capabilities)
    except (TypeError, msgspec.ValidationError) as error:
        raise InvalidCapabilities(f"capabilities: {error}") from error


def has(had: Sequence[str] | None, name: str) -> bool:
    """Return whether a subject that has these has that one; None stands for everything."""
    return had is None or name in had


def had_of(names: Iterable[str], had: Sequence[str] | None) -> tuple[str, ...]:
    """Return those of the names that a subject has, in their order."""
    return tuple(name for name in names if has(had, name))


def _in_both(one: tuple[T, ...] | None, other: tuple[T, ...] | None) -> tuple[T, ...] | None:
    if one is None or other is None:
        return other if one is None else one
    return tuple(name for name in one if name in other)
