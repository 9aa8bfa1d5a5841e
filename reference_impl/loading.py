"""`LoadError`, the base of all errors of invalid files, and the place in a file that it names.

Loaders enter `at(key)` around each part that they read. An error raised within names that place,
and an exception that a constructor raises for a file's data becomes a `LoadError`.
"""

from collections.abc import Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeGuard

Key = str | int

LONGEST = 12
"""The largest number of keys that a message shows; a configuration may be nested deeply."""

_OF_DATA = (
    *(TypeError, ValueError, LookupError, AttributeError, ArithmeticError),
    *(RecursionError, AssertionError),
)
"""Exceptions that Python, NumPy and the reference raise for invalid data."""

_OURS = ("builtins.", "numpy.", "json.", "saveproof.reference_impl.", "binascii.", "struct.")
"""Packages whose exceptions mean invalid data; exceptions of user code pass through unchanged."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file or a configuration.

    Attributes:
        source: the file.
        keys: the keys from the file's root to the place.
        held: the mapping at the place, for `at_value`.
    """

    source: str = ""
    keys: tuple[Key, ...] = ()
    held: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        """Return the file, then the keys in Python's notation: `config.layers[2].units`."""
        shown = self.keys
        if len(shown) > LONGEST:
            shown = (*shown[: LONGEST // 2], "…", *shown[-LONGEST // 2 :])
        keys = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in shown)
        return ": ".join(part for part in (self.source, keys.removeprefix(".")) if part)


class Located(Exception):
    """An exception that names the invalid place in a file or configuration."""

    place: Place | None = None

    def __str__(self) -> str:
        """Return the message, prefixed with the place unless it starts with it."""
        text, place = super().__str__(), str(self.place or "")
        return text if not place or text.startswith(place) else f"{place}: {text}"


class LoadError(Located, ValueError):
    """A file or a configuration is invalid; the message names the place and the fault."""


class MalformedEntry(LoadError):
    """A part of a configuration is missing, has the wrong type, or is rejected by its class."""


_NOWHERE = Place()
_PLACE: ContextVar[Place] = ContextVar("place in what is loaded", default=_NOWHERE)


class _Within:
    """A context that adds a place to exceptions raised within it."""

    __slots__ = ("_place", "_token", "_who")

    def __init__(self, place: Place, who: str) -> None:
        self._place = place
        self._who = who

    def __enter__(self) -> Self:
        self._token: Token[Place] = _PLACE.set(self._place)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _PLACE.reset(self._token)
        if isinstance(error, Located):
            error.place = error.place or self._place
        elif _is_of_data(error):
            raise self._malformed(error) from error
        elif isinstance(error, Exception) and not getattr(error, "__notes__", None):
            error.add_note(
                f"while loading {': '.join(filter(None, (str(self._place), self._who)))}"
            )

    def _malformed(self, error: Exception) -> MalformedEntry:
        own = type(error).__module__.startswith("saveproof.reference_impl")
        text = str(error) if own else f"{type(error).__name__}: {error}"
        made = MalformedEntry(f"cannot construct {self._who}: {text}" if self._who else text)
        made.place = self._place
        return made


def _is_of_data(error: BaseException | None) -> TypeGuard[Exception]:
    """Return whether an exception means invalid data rather than a fault in user code.

    A plain NotImplementedError does: the file names a class that defines no `call`.
    """
    ours = f"{type(error).__module__}.".startswith(_OURS)
    return (ours and isinstance(error, _OF_DATA)) or type(error) is NotImplementedError


def at(*keys: Key, who: str = "", held: Mapping[str, Any] | None = None) -> _Within:
    """Return a context for a part of the file or configuration that is being loaded.

    Args:
        keys: from the enclosing context to the part.
        who: the object to construct from the part, for messages.
        held: the mapping at the part, for `at_value`.
    """
    here = _PLACE.get()
    return _Within(Place(here.source, (*here.keys, *keys), held), who)


def at_value(value: Any) -> _Within:
    """Return a context for the argument with this value, among those of the enclosing context."""
    held = _PLACE.get().held or {}
    return at(*[key for key, known in held.items() if known is value][:1])


def loading(source: str | Path, *keys: Key) -> _Within:
    """Return a context for loading a file, or the part of it at these keys."""
    return _Within(Place(str(source), keys), "")
