"""Catalogue: built-in objects by their Keras names, from identifier to object and back."""

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Generic, NotRequired, TypedDict, TypeVar

from saveproof.reference_impl.config_types import checked
from saveproof.reference_impl.configuration import config_of
from saveproof.reference_impl.custom_objects import CustomObjects, custom_object, registered_name
from saveproof.reference_impl.keras_names import KERAS_CLASSES, in_file
from saveproof.reference_impl.loading import LoadError, at, at_value
from saveproof.reference_impl.naming import snake_case
from saveproof.reference_impl.plain import with_arrays

Config = dict[str, Any]
T = TypeVar("T")


class UnknownNameError(LoadError):
    """An identifier names neither a built-in nor a custom object."""


class ClassEntry(TypedDict):
    """A serialized object: module, name and registered name of its class, and its config."""

    class_name: str
    registered_name: NotRequired[str | None]
    module: NotRequired[str | None]


PACKAGES = (
    *(".", "builtins.", "keras.", "keras_core.", "saveproof.reference_impl."),
    *("tensorflow.", "tf_keras."),
)
"""Modules whose classes the built-in classes of the same name stand for."""


def may_be_built_in(entry: ClassEntry) -> bool:
    """Return whether the entry's module belongs to Keras, so that its name means a built-in."""
    return f"{entry.get('module') or ''}.".startswith(PACKAGES)


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
        """Return the object for a name, an entry or a class; return other objects unchanged.

        Raises:
            UnknownNameError: If the identifier has another type or its name is unknown.
        """
        if identifier is None:
            return None
        if isinstance(identifier, str | Mapping):
            return self.deserialize(identifier, custom_objects=custom_objects)
        if isinstance(identifier, type):
            return identifier()
        if callable(identifier):
            return identifier
        with at_value(identifier):
            raise UnknownNameError(
                f"{self.kind}: expected a name, an entry with class_name and config, or an object; "
                f"found {identifier!r:.200}"
            )

    def deserialize(
        self, entry: str | Mapping[str, Any], *, custom_objects: CustomObjects | None = None
    ) -> Any:
        """Return the object that an entry {class_name, config} or a name describes.

        Raises:
            UnknownNameError: If the name is neither built in nor among `custom_objects`.
            MalformedEntry: If it is not an entry, or the class rejects its config.
        """
        with at_value(entry):
            if isinstance(entry, str):
                return self._made(entry, {}, custom_objects)
            found = checked(entry, ClassEntry)
            class_name, config = found["class_name"], found.get("config") or {}
            with at("config", who=f"{self.kind} {class_name!r}"):
                own = may_be_built_in(found)
                if class_name == "function":
                    return self._made(checked(config, str), {}, custom_objects, built_in=own)
                name = found.get("registered_name") or class_name
                arguments = dict(checked(config, Mapping))
                return self._made(name, arguments, custom_objects, built_in=own)

    def serialize(self, item: Any, *, use_legacy_format: bool = False) -> Any:
        """Return an object's entry: a name for a function, otherwise a mapping.

        `use_legacy_format` returns the two-key form that HDF5 files store.
        """
        if item is None:
            return None
        if isinstance(item, FunctionType):
            name = registered_name(item)
            return name if use_legacy_format else _function_entry(name)
        kind = type(item)
        config = config_of(item, self.kind)
        if use_legacy_format:
            return {"class_name": registered_name(kind), "config": config}
        built_in = self.entries.get(kind.__name__) is kind
        return {
            "module": self.module if built_in else kind.__module__,
            "class_name": kind.__name__,
            "config": config,
            "registered_name": None if built_in else registered_name(kind),
        }

    def _made(
        self,
        name: str,
        config: Config,
        custom_objects: CustomObjects | None,
        *,
        built_in: bool = True,
    ) -> Any:
        bare = name.rpartition(">")[2]
        found = custom_object(name, custom_objects)
        if found is None:
            known = self._names.get(bare) or self._names.get(bare.lower())
            if known is None or not built_in:
                if known is None and bare in KERAS_CLASSES:
                    namespace = self.module.removeprefix("keras.")
                    raise UnknownNameError(in_file(namespace, bare, self.entries))
                raise UnknownNameError(
                    f"{self.kind}: expected one of {sorted(self.entries)} or a name in "
                    f"custom_objects, found {name!r}"
                )
            found = self.entries[known]
        if not isinstance(found, type):
            return found
        made: Any = found
        return made.from_config(with_arrays(config))


def _function_entry(name: str) -> Config:
    return {
        "module": "builtins",
        "class_name": "function",
        "config": name,
        "registered_name": "function",
    }
