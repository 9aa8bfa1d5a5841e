"""Configurations of user-defined objects; one that omits a constructor argument is rejected."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any


class IncompleteConfig(NotImplementedError):
    """A class takes arguments that its configuration omits, so a load could not restore them."""


class UnnamedObject(IncompleteConfig):
    """An object has neither a name nor a configuration, so no file can store it."""


def config_of(item: Any, kind: str) -> dict[str, Any]:
    """Return the result of an object's `get_config`; `kind` names the object in messages.

    Raises:
        UnnamedObject: if the object has no `get_config`.
        IncompleteConfig: if its class takes arguments that the inherited `get_config` omits.
    """
    get_config: Callable[[], dict[str, Any]] | None = getattr(item, "get_config", None)
    if get_config is None:
        raise UnnamedObject(
            f"{kind}: expected a function with a name or an object with get_config(), "
            f"found {item!r:.80} of type {type(item).__name__}, which no file can store"
        )
    config = get_config()
    if isinstance(config, Mapping):
        check_stated(item, config)
    return config


def check_stated(item: Any, config: Mapping[str, Any]) -> None:
    """Check that an inherited `get_config` returns all arguments of the class.

    Raises:
        IncompleteConfig: naming the class and the missing arguments.
    """
    missing = sorted(_own_arguments(type(item)) - set(config))
    if missing:
        named = f"{item.name!r}: " if getattr(item, "name", None) else ""
        raise IncompleteConfig(
            f"{named}{type(item).__name__} takes the arguments {missing}; to save it, define a "
            "get_config() that adds them to super().get_config()"
        )


def _own_arguments(kind: type) -> frozenset[str]:
    """Return the named constructor arguments of a class whose `get_config` is inherited.

    Empty for a functional graph, whose configuration is its layers, and for a class with fields,
    whose configuration follows from them.
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
    """Return the position in the method resolution order of the class that defines a method."""
    return next(level for level, each in enumerate(kind.__mro__) if method in each.__dict__)
