"""Custom objects: user classes and functions by name, global, per scope, or registered."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, TypeVar

CustomObjects = Mapping[str, Any]
Registered = TypeVar("Registered", bound=Callable[..., Any])

_GLOBAL: dict[str, Any] = {}
_SCOPE: ContextVar[CustomObjects] = ContextVar(
    "reference_impl_custom_objects", default=MappingProxyType({})
)


def get_custom_objects() -> dict[str, Any]:
    """Return the global dictionary of custom objects, which users may change."""
    return _GLOBAL


@contextmanager
def custom_object_scope(*objects: CustomObjects) -> Iterator[None]:
    """Add custom objects within the block."""
    merged = dict(_SCOPE.get())
    for mapping in objects:
        merged.update(mapping)
    token = _SCOPE.set(merged)
    try:
        yield
    finally:
        _SCOPE.reset(token)


def active_custom_objects(given: CustomObjects | None = None) -> dict[str, Any]:
    """Return all custom objects; `given` takes precedence over the scope and the global ones."""
    return {**_GLOBAL, **_SCOPE.get(), **(given or {})}


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[Registered], Registered]:
    """Return a decorator that registers a class or function as `package>name`."""

    def register(item: Registered) -> Registered:
        key = f"{package}>{name or item.__name__}"
        _GLOBAL[key] = item
        return item

    return register


def registered_name(item: object) -> str:
    """Return the registered name of a class or function, or its `__name__`."""
    for key, known in _GLOBAL.items():
        if known is item and ">" in key:
            return key
    return str(getattr(item, "__name__", type(item).__name__))


def custom_object(name: str, given: CustomObjects | None = None) -> Any | None:
    """Return the custom object with that name, with or without its package, or None."""
    known = active_custom_objects(given)
    return known.get(name, known.get(name.rpartition(">")[2]))
