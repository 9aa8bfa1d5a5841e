"""The types of a configuration: those of a class's own signature, and of our own JSON.

Not msgspec's: a configuration in memory holds NumPy's numbers and tuples, and signatures name
classes of ours, for which an entry may stand.
"""

import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from numbers import Integral, Real
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints, is_typeddict

import numpy as np

from reference_impl.loading import MalformedEntry, at

T = TypeVar("T")
Hint = Any

_UNIONS = (Union, types.UnionType)
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def made_from(kind: type[T], config: Any) -> T:
    """Return an object of a class, made of the arguments that its configuration gives.

    Raises:
        MalformedEntry: if one is not of the type that the signature of a class of ours states, or
            the class refuses them.
    """
    held = fitted(config, Mapping)
    with at(who=kind.__name__, held=held):
        of: Any = kind
        for name, hint in _arguments(of).items():
            if name in held:
                with at(name):
                    fitted(held[name], hint)
        return kind(**held)


@cache
def _arguments(kind: Any) -> Mapping[str, Hint]:
    """Return the types of the arguments that classes of ours take, by name."""
    found: dict[str, Hint] = {}
    for base in kind.__mro__:
        if "__init__" not in vars(base):
            continue
        if not base.__module__.startswith(__package__):
            return {}
        method = vars(base)["__init__"]
        hints, rest = get_type_hints(method), None
        for name, parameter in list(inspect.signature(method).parameters.items())[1:]:
            if parameter.kind is parameter.VAR_KEYWORD:
                rest = hints.get(name, Any)
            elif parameter.kind is not parameter.VAR_POSITIONAL:
                found.setdefault(name, hints.get(name, Any))
        for options in get_args(rest):
            found = {**get_type_hints(options), **found}
        if rest is not Any:
            break
    return found


def fitted(value: Any, hint: Hint) -> Any:
    """Return the value, found to be of the type.

    Of a `TypedDict` all keys must be there that it does not leave open; others may be.

    Raises:
        MalformedEntry: saying where, what was expected and what was found.
    """
    if is_typeddict(hint):
        _check_keys(fitted(value, Mapping), hint)
    elif _kind(hint) in (list, Sequence) and isinstance(value, list | tuple):
        (inner,) = get_args(hint)
        for number, item in enumerate(value):
            with at(number):
                fitted(item, inner)
    elif _kind(hint) is tuple and isinstance(value, list | tuple):
        inner = get_args(hint)
        if len(inner) != len(value):
            raise MalformedEntry(f"expected {len(inner)} parts, found {value!r:.200}")
        for number, (item, one) in enumerate(zip(value, inner, strict=True)):
            with at(number):
                fitted(item, one)
    elif _kind(hint) in _UNIONS:
        _check_one_of(value, get_args(hint))
    elif not _is(value, hint):
        raise MalformedEntry(f"expected {_named(hint)}, found {value!r:.200}")
    return value


def _check_keys(value: Mapping[str, Any], hint: Hint) -> None:
    if missing := sorted(hint.__required_keys__ - set(value)):
        raise MalformedEntry(f"expected the keys {missing}, found {sorted(map(str, value))}")
    for key, inner in get_type_hints(hint).items():
        if key in value:
            with at(key):
                fitted(value[key], inner)


def _check_one_of(value: Any, hints: Sequence[Hint]) -> None:
    """Check against the types that are of the value's own kind: a list's parts are then named."""
    kinds = [hint for hint in hints if _is(value, _kind(hint))]
    if not kinds:
        found = " or ".join(map(_named, hints))
        raise MalformedEntry(f"expected {found}, found {value!r:.200}")
    if len(kinds) == 1:
        fitted(value, kinds[0])


def _is(value: Any, hint: Hint) -> bool:
    """Say whether a value is of a type, its parts aside."""
    kind = _kind(hint)
    if kind in (Any, object) or isinstance(value, np.ndarray):
        return True
    if kind in (None, type(None)):
        return value is None
    if kind is bool:
        return isinstance(value, bool | np.bool_) or (isinstance(value, int) and value in (0, 1))
    if kind in (int, float):
        whole = isinstance(value, Integral) or (isinstance(value, float) and value.is_integer())
        real = whole or (kind is float and isinstance(value, Real))
        return real and not isinstance(value, bool)
    if kind is str:
        return isinstance(value, str)
    if kind in (list, tuple, Sequence):
        return isinstance(value, list | tuple)
    if kind in (Mapping, dict) or is_typeddict(kind):
        return isinstance(value, Mapping)
    if kind is Callable:
        return callable(value) or isinstance(value, str | Mapping)
    return isinstance(value, kind | Mapping)


def _kind(hint: Hint) -> Any:
    """Return the class of a type with parts, `list` of `list[int]`; others as they are."""
    origin: Any = get_origin(hint)
    return hint if origin is None else origin


def _named(hint: Hint) -> str:
    kind, inner = _kind(hint), get_args(hint)
    if kind in (list, Sequence, tuple):
        return f"a list of {' and '.join(map(_named, inner[:2]))}" if inner else "a list"
    if kind in _UNIONS:
        return " or ".join(map(_named, inner))
    if kind in (Mapping, dict) or is_typeddict(kind):
        return "an object of keys and values"
    if kind in (None, type(None)):
        return "nothing"
    return _WORDS.get(kind) or str(getattr(kind, "__name__", kind))
