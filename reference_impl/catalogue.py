"""Catalogue: built-in objects by their Keras names, from identifier to object and back."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import FunctionType, MappingProxyType
from typing import Any, Generic, TypeVar

from reference_impl.naming import snake_case

Config = dict[str, Any]
CustomObjects = Mapping[str, Any]
T = TypeVar("T")


class UnknownNameError(ValueError):
    """An identifier names neither a built-in nor a custom object."""


_CUSTOM_OBJECTS: ContextVar[CustomObjects] = ContextVar(
    "custom objects", default=MappingProxyType({})
)


@contextmanager
def custom_object_scope(objects: CustomObjects) -> Iterator[None]:
    """Let every catalogue find these objects by name within the `with` block."""
    token = _CUSTOM_OBJECTS.set({**_CUSTOM_OBJECTS.get(), **objects})
    try:
        yield
    finally:
        _CUSTOM_OBJECTS.reset(token)


class Catalogue(Generic[T]):
    """The built-in classes and functions of one kind.

    A name is found as written, in snake case, in lower case, or by an alias;
    a registration prefix (`Custom>Adam`) is dropped for built-ins.
    """

    def __init__(
        self,
        *,
        kind: str,
        module: str,
        entries: Mapping[str, Callable[..., Any]],
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self.kind = kind
        self.module = module
        self.entries = dict(entries)
        self._names = {name.lower(): name for name in entries}
        self._names |= {snake_case(name): name for name in entries}
        self._names |= dict(aliases or {})
        self._names |= {name: name for name in entries}

    def get(self, identifier: Any, *, custom_objects: CustomObjects | None = None) -> Any:
        """Return the object that a name, an entry or a class stands for; objects as they are.

        Raises:
            UnknownNameError: If the identifier is of no such form or its name is unknown.
        """
        if identifier is None:
            return None
        if isinstance(identifier, str | Mapping):
            return self.deserialize(identifier, custom_objects=custom_objects)
        if isinstance(identifier, type):
            return identifier()
        if callable(identifier):
            return identifier
        raise UnknownNameError(
            f"{self.kind}: expected a name, an entry with class_name and config, or an object; "
            f"found {identifier!r}"
        )

    def deserialize(
        self, entry: str | Mapping[str, Any], *, custom_objects: CustomObjects | None = None
    ) -> Any:
        """Return the object that an entry {class_name, config} or a name describes.

        Raises:
            UnknownNameError: If the name is neither built in nor among `custom_objects`.
        """
        if isinstance(entry, str):
            return self._made(entry, {}, custom_objects or {})
        class_name, config = entry["class_name"], entry.get("config") or {}
        if class_name == "function":
            return self._made(config, {}, custom_objects or {})
        name = entry.get("registered_name") or class_name
        return self._made(name, dict(config), custom_objects or {})

    def serialize(self, item: Any, *, use_legacy_format: bool = False) -> Any:
        """Return the entry that describes an object: a name for a function, else a mapping.

        `use_legacy_format` gives the two-key form that HDF5 files hold.
        """
        if item is None:
            return None
        if isinstance(item, FunctionType):
            return item.__name__ if use_legacy_format else _function_entry(item.__name__)
        kind = type(item)
        if use_legacy_format:
            return {"class_name": kind.__name__, "config": item.get_config()}
        built_in = self.entries.get(kind.__name__) is kind
        return {
            "module": self.module if built_in else kind.__module__,
            "class_name": kind.__name__,
            "config": item.get_config(),
            "registered_name": None if built_in else kind.__name__,
        }

    def _made(self, name: str, config: Config, custom_objects: CustomObjects) -> Any:
        bare = name.rpartition(">")[2]
        custom = {**_CUSTOM_OBJECTS.get(), **custom_objects}
        found = custom.get(name, custom.get(bare))
        if found is None:
            known = self._names.get(bare) or self._names.get(bare.lower())
            if known is None:
                raise UnknownNameError(
                    f"{self.kind}: expected one of {sorted(self.entries)} or a name in "
                    f"custom_objects, found {name!r}"
                )
            found = self.entries[known]
        return found.from_config(config) if isinstance(found, type) else found


def _function_entry(name: str) -> Config:
    return {
        "module": "builtins",
        "class_name": "function",
        "config": name,
        "registered_name": name,
    }
