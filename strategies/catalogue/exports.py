"""Exports: the classes of a subject by namespace, each with the arguments of its constructor."""

from collections.abc import Iterator
from typing import Any

import msgspec

from saveproof.strategies.case import CaseRecord

NAMESPACES = (
    *("layers", "optimizers", "optimizers.schedules", "losses", "metrics", "initializers"),
    *("regularizers", "constraints", "dtype_policies", "mixed_precision", "quantizers", "random"),
)
"""The namespaces whose classes a save may have to bring back."""


class Argument(CaseRecord, frozen=True, omit_defaults=True):
    """An argument of a constructor; without a default, a class needs it.

    `default` is the default where JSON can hold it. `definer` is the class whose constructor has
    the argument, if that is a base of the class. `left_out` is why a run does not test it, by the
    run's options; with `barred`, no example gives it.
    """

    name: str
    required: bool = False
    default: Any = None
    definer: str = ""
    left_out: str = ""
    barred: bool = False


class ExportedClass(CaseRecord, frozen=True, omit_defaults=True):
    """A class by namespace and name, with its arguments, inherited ones included.

    `bases` are the names of the classes that it inherits from, nearest first. `left_out` and
    `barred` are as those of an argument.
    """

    namespace: str
    name: str
    arguments: tuple[Argument, ...] = ()
    bases: tuple[str, ...] = ()
    left_out: str = ""
    barred: bool = False

    @property
    def qualified(self) -> str:
        """The name with its namespace, as cases have it: `losses.Huber`."""
        return f"{self.namespace}.{self.name}"

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the arguments without a default."""
        return tuple(one.name for one in self.arguments if one.required)

    def argument(self, name: str) -> Argument | None:
        """Return the argument of that name, if the constructor has it."""
        return next((one for one in self.arguments if one.name == name), None)

    def takes(self, argument: str) -> bool:
        """Return whether the constructor has an argument of that name, which is not barred."""
        return self.argument(argument) is not None and not self.bars(argument)

    def bars(self, argument: str) -> bool:
        """Return whether no example may give the argument: one that a class needs, all give."""
        known = self.argument(argument)
        return known is not None and known.barred and not known.required


class Exports(CaseRecord, frozen=True):
    """All classes that a subject exports, in alphabetical order of their namespaces and names."""

    classes: tuple[ExportedClass, ...] = ()

    def __iter__(self) -> Iterator[ExportedClass]:
        """Yield the classes."""
        return iter(self.classes)

    def get(self, qualified: str) -> ExportedClass | None:
        """Return the class of that qualified name, if the subject has it."""
        return next((one for one in self.classes if one.qualified == qualified), None)


def from_json(text: bytes) -> Exports:
    """Return the exports of that JSON.

    Raises:
        msgspec.ValidationError: it has other fields.
    """
    return msgspec.json.decode(text, type=Exports)
