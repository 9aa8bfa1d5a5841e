"""Loading: the one error of what can't be loaded, and the file and keys that lead to it.

What is read is walked with `at(key)` around each part. An error that arises within says where it
was, and what a constructor raises on a file's data becomes a `LoadError`, from the original.
"""

from collections.abc import Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeGuard

Key = str | int

LONGEST = 12
"""Keys that a message shows of a place: a configuration may be nested without end."""

_OF_DATA = (
    *(TypeError, ValueError, LookupError, AttributeError, ArithmeticError),
    *(RecursionError, AssertionError),
)
"""What Python, NumPy and the reference raise when data is not what code takes it for."""

_OURS = ("builtins.", "numpy.", "json.", "saveproof.reference_impl.", "binascii.", "struct.")
"""Packages whose errors are of the data; others are of the user's own code, and stay so."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file or a configuration something stands.

    Attributes:
        source: the file.
        keys: that lead to it.
        held: what stands there, if it is a mapping whose parts others look up.
    """

    source: str = ""
    keys: tuple[Key, ...] = ()
    held: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        """Return the file, then the keys as Python has them: `config.layers[2].units`."""
        shown = self.keys
        if len(shown) > LONGEST:
            shown = (*shown[: LONGEST // 2], "…", *shown[-LONGEST // 2 :])
        keys = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in shown)
        return ": ".join(part for part in (self.source, keys.removeprefix(".")) if part)


class Located(Exception):
    """An error that says where what is loaded is not what it must be."""

    place: Place | None = None

    def __str__(self) -> str:
        """Return the place before the rest, unless that begins with it."""
        text, place = super().__str__(), str(self.place or "")
        return text if not place or text.startswith(place) else f"{place}: {text}"


class LoadError(Located, ValueError):
    """What is loaded, a file or a configuration, is not what it must be: where, and how."""


class MalformedEntry(LoadError):
    """A part of a configuration is missing, of another type, or of no meaning to its class."""


_NOWHERE = Place()
_PLACE: ContextVar[Place] = ContextVar("place in what is loaded", default=_NOWHERE)


class _Within:
    """A part of what is loaded: what is raised within it is said to be there."""

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
        made = MalformedEntry(f"{self._who} can't be made of it: {text}" if self._who else text)
        made.place = self._place
        return made


def _is_of_data(error: BaseException | None) -> TypeGuard[Exception]:
    """Say whether this is raised of data that is not what code takes it for.

    A plain NotImplementedError is: of a class that states no `call`, from which nothing is made.
    """
    ours = f"{type(error).__module__}.".startswith(_OURS)
    return (ours and isinstance(error, _OF_DATA)) or type(error) is NotImplementedError


def at(*keys: Key, who: str = "", held: Mapping[str, Any] | None = None) -> _Within:
    """Return the part of what is being loaded that these keys lead to.

    Args:
        keys: to it from what is around.
        who: the class that is made of it, for messages.
        held: what stands there, for `at_value`.
    """
    here = _PLACE.get()
    return _Within(Place(here.source, (*here.keys, *keys), held), who)


def at_value(value: Any) -> _Within:
    """Return the part that is this value, of the arguments from which an object is being made."""
    held = _PLACE.get().held or {}
    return at(*[key for key, known in held.items() if known is value][:1])


def loading(source: str | Path, *keys: Key) -> _Within:
    """Return a file that is being loaded, or the part of it that these keys lead to."""
    return _Within(Place(str(source), keys), "")
