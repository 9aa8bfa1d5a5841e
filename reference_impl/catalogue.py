"""Catalogue: built-in objects by their Keras names, from identifier to object and back."""

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Generic, TypeVar

from reference_impl.custom_objects import CustomObjects, custom_object, registered_name
from reference_impl.naming import snake_case

Config = dict[str, Any]
T = TypeVar("T")


class UnknownNameError(ValueError):
    """An identifier names neither a built-in nor a custom object."""


class UnnamedObject(TypeError):
    """An object has neither a name nor a configuration by which a file could hold it."""


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
        self.aliases = dict(aliases or {})
        self._names = {name.lower(): name for name in entries}
        self._names |= {snake_case(name): name for name in entries}
        self._names |= self.aliases
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
            return self._made(entry, {}, custom_objects)
        class_name, config = entry["class_name"], entry.get("config") or {}
        if class_name == "function":
            return self._made(str(config), {}, custom_objects)
        name = entry.get("registered_name") or class_name
        return self._made(name, dict(config), custom_objects)

    def serialize(self, item: Any, *, use_legacy_format: bool = False) -> Any:
        """Return the entry that describes an object: a name for a function, else a mapping.

        `use_legacy_format` gives the two-key form that HDF5 files hold.
        """
        if item is None:
            return None
        if isinstance(item, FunctionType):
            name = registered_name(item)
            return name if use_legacy_format else _function_entry(name)
        kind = type(item)
        if getattr(item, "get_config", None) is None:
            raise UnnamedObject(
                f"{self.kind}: found {item!r:.80} of type {kind.__name__}, which no file can hold: "
                "expected a function with a name, or an object with get_config()"
            )
        if use_legacy_format:
            return {"class_name": registered_name(kind), "config": item.get_config()}
        built_in = self.entries.get(kind.__name__) is kind
        return {
            "module": self.module if built_in else kind.__module__,
            "class_name": kind.__name__,
            "config": item.get_config(),
            "registered_name": None if built_in else registered_name(kind),
        }

    def _made(self, name: str, config: Config, custom_objects: CustomObjects | None) -> Any:
        bare = name.rpartition(">")[2]
        found = custom_object(name, custom_objects)
        if found is None:
            known = self._names.get(bare) or self._names.get(bare.lower())
            if known is None:
                raise UnknownNameError(
                    f"{self.kind}: expected one of {sorted(self.entries)} or a name in "
                    f"custom_objects, found {name!r}"
                )
            found = self.entries[known]
        if not isinstance(found, type):
            return found
        made: Any = found
        return made.from_config(config)


def _function_entry(name: str) -> Config:
    return {
        "module": "builtins",
        "class_name": "function",
        "config": name,
        "registered_name": "function",
    }
