"""Configurations: what an object states of itself, refused where it leaves an argument out."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any


class IncompleteConfig(NotImplementedError):
    """A class takes arguments that its configuration does not have: it would come back other."""


class UnnamedObject(IncompleteConfig):
    """An object has neither a name nor a configuration by which a file could hold it."""


def config_of(item: Any, kind: str) -> dict[str, Any]:
    """Return what an object's `get_config` states; `kind` says what it is, for the message.

    Raises:
        IncompleteConfig: if there is none, or if its class takes arguments that only a `get_config`
            of its own could state.
    """
    stated: Callable[[], dict[str, Any]] | None = getattr(item, "get_config", None)
    if stated is None:
        raise UnnamedObject(
            f"{kind}: found {item!r:.80} of type {type(item).__name__}, which no file can hold: "
            "expected a function with a name, or an object with get_config()"
        )
    config = stated()
    if isinstance(config, Mapping):
        check_stated(item, config)
    return config


def check_stated(item: Any, config: Mapping[str, Any]) -> None:
    """Refuse a configuration that a class has inherited and that lacks arguments of its own.

    Raises:
        IncompleteConfig: naming the class and the arguments.
    """
    unsaid = sorted(_own_arguments(type(item)) - set(config))
    if unsaid:
        named = f"{item.name!r}: " if getattr(item, "name", None) else ""
        raise IncompleteConfig(
            f"{named}{type(item).__name__} takes the arguments {unsaid} and must state "
            "get_config(), which returns them with those of super().get_config(), to be saved"
        )


def _own_arguments(kind: type) -> frozenset[str]:
    """Return what the constructor takes by name, if no `get_config` below it can know of it.

    The configuration of a graph is its layers, whatever the class that made it takes; that of a
    class with fields follows from them.
    """
    level = _level(kind, "__init__")
    owner = vars(kind.__mro__[level])
    if "__arguments__" in owner or getattr(kind, "configured_by_layers", False):
        return frozenset()
    if level >= _level(kind, "get_config"):
        return frozenset()
    constructor: Callable[..., Any] = owner["__init__"]
    _, *given = inspect.signature(constructor).parameters.values()
    open_ended = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return frozenset(one.name for one in given if one.kind not in open_ended)


def _level(kind: type, method: str) -> int:
    """Return how far up among the classes that a class inherits from a method is stated."""
    return next(level for level, each in enumerate(kind.__mro__) if method in each.__dict__)
