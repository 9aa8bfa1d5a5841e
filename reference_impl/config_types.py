"""Type checks for configurations, against the signature of a class or a `TypedDict`.

msgspec does not fit here: configurations in memory hold NumPy scalars and tuples, and a value may
be an object of a built-in class or its serialized entry.
"""

import inspect
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from numbers import Integral, Real
from typing import (
    Any,
    NoReturn,
    TypedDict,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import numpy as np

from saveproof.reference_impl.loading import MalformedEntry, at

T = TypeVar("T")
Hint = Any
Test = Callable[[Any], bool]

_UNIONS = (Union, types.UnionType)
_LISTS = (list, Sequence)
_MAPPINGS = (dict, Mapping)


def construct(kind: type[T], config: Any) -> T:
    """Return an object of `kind`, constructed with the arguments in its configuration.

    Raises:
        MalformedEntry: if an argument does not have the type in the signature of a built-in class,
            or the class rejects the arguments.
    """
    of: Any = kind
    held = checked(config, Mapping)
    with at(who=kind.__name__, held=held):
        return kind(**checked(held, _arguments(of)))


@cache
def _arguments(kind: Any) -> Hint:
    """Return the argument types of a built-in class by name; of other classes, none are known."""
    found: dict[str, Hint] = {}
    for base in kind.__mro__:
        if "__init__" not in vars(base):
            continue
        if not base.__module__.startswith(__package__):
            break
        method = vars(base)["__init__"]
        hints, passes_on = get_type_hints(method), False
        for name, parameter in list(inspect.signature(method).parameters.items())[1:]:
            if parameter.kind is parameter.VAR_KEYWORD:
                passes_on = True
            elif parameter.kind is not parameter.VAR_POSITIONAL:
                found.setdefault(name, hints.get(name, Any))
        if not passes_on:
            break
    made: Any = TypedDict("Arguments", found, total=False)  # type: ignore[misc] # of a signature
    return made


def checked(value: Any, hint: Hint) -> Any:
    """Return the value after checking that it has the type.

    A mapping must have all required keys of a `TypedDict`; further keys are allowed.

    Raises:
        MalformedEntry: naming the place, the expected type and the value found.
    """
    if not _test(hint)(value):
        _refuse(value, hint)
    return value


def _refuse(value: Any, hint: Hint) -> NoReturn:
    """Raise the error of the innermost part that has the wrong type."""
    kinds = get_args(hint) if _kind(hint) in _UNIONS else [hint]
    alike = [kind for kind in kinds if _outer(kind)(value)]
    for key, part, inner in _parts(value, alike[0]) if len(alike) == 1 else ():
        if not _test(inner)(part):
            with at(key):
                _refuse(part, inner)
    if len(alike) == 1 and is_typeddict(alike[0]):
        missing = sorted(alike[0].__required_keys__ - set(value))
        raise MalformedEntry(f"expected the keys {missing}, found {sorted(map(str, value))}")
    raise MalformedEntry(f"expected {_named(hint)}, found {value!r:.200}")


def _parts(value: Any, hint: Hint) -> Iterator[tuple[Any, Any, Hint]]:
    """Yield key, value and type of each item of a list or mapping."""
    if is_typeddict(hint):
        yield from (
            (key, value[key], inner) for key, inner in get_type_hints(hint).items() if key in value
        )
    elif get_args(hint) and isinstance(value, Mapping):
        yield from ((str(key), part, get_args(hint)[1]) for key, part in value.items())
    elif get_args(hint) and isinstance(value, list | tuple):
        inner = get_args(hint) * (len(value) if _kind(hint) in _LISTS else 1)
        yield from zip(range(len(value)), value, inner, strict=False)


@cache
def _test(hint: Hint) -> Test:
    """Return the predicate that checks a value and all its items against a type."""
    outer, inner = _outer(hint), [_test(one) for one in get_args(hint) if one is not ...]
    if is_typeddict(hint):
        required = hint.__required_keys__
        tests = {key: _test(one) for key, one in get_type_hints(hint).items()}
        return lambda value: (
            outer(value)
            and required <= value.keys()
            and all(test(value[key]) for key, test in tests.items() if key in value)
        )
    if _kind(hint) in _UNIONS:
        return lambda value: any(test(value) for test in inner)
    if inner and _kind(hint) is tuple:
        return lambda value: (
            outer(value)
            and len(value) == len(inner)
            and all(test(one) for test, one in zip(inner, value, strict=True))
        )
    if inner and _kind(hint) in _LISTS:
        return lambda value: (
            isinstance(value, np.ndarray) or (outer(value) and all(map(inner[0], value)))
        )
    if inner and _kind(hint) in _MAPPINGS:
        return lambda value: outer(value) and all(map(inner[1], value.values()))
    return outer


@cache
def _outer(hint: Hint) -> Test:
    """Return the predicate that checks a value against a type without its items."""
    kind = dict if is_typeddict(hint) else _kind(hint)
    if kind in _OUTER:
        return _OUTER[kind]
    if kind in _UNIONS:
        tests = [_outer(one) for one in get_args(hint)]
        return lambda value: any(test(value) for test in tests)
    return lambda value: isinstance(value, kind | Mapping)  # the object or its entry


def _is_integer(value: Any) -> bool:
    integral = isinstance(value, Integral) or (isinstance(value, float) and value.is_integer())
    return _is_single(value) or (integral and not isinstance(value, bool))


def _is_number(value: Any) -> bool:
    return _is_single(value) or (isinstance(value, Real) and not isinstance(value, bool))


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool | np.bool_) or (_is_integer(value) and value in (0, 1))


def _is_single(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.size == 1


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict | Mapping)


_OUTER: Mapping[Hint, Test] = {
    Any: lambda _: True,
    object: lambda _: True,
    type(None): lambda value: value is None,
    bool: _is_flag,
    int: _is_integer,
    float: _is_number,
    str: lambda value: isinstance(value, str),
    Callable: lambda value: callable(value) or isinstance(value, str | Mapping),
    **dict.fromkeys((*_LISTS, tuple), _is_list),
    **dict.fromkeys(_MAPPINGS, _is_mapping),
}

_WORDS: Mapping[Hint, str] = {
    Any: "anything",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    str: "a string",
    type(None): "None",
    **dict.fromkeys(_MAPPINGS, "a mapping"),
}


def _kind(hint: Hint) -> Any:
    """Return the class of a generic type, `list` for `list[int]`; other types unchanged."""
    origin: Any = get_origin(hint)
    return hint if origin is None else origin


def _named(hint: Hint) -> str:
    kind, inner = dict if is_typeddict(hint) else _kind(hint), get_args(hint)
    if kind in (*_LISTS, tuple):
        return f"a list of {', '.join(map(_named, inner))}" if inner else "a list"
    if kind in _UNIONS:
        return " or ".join(map(_named, inner))
    return _WORDS.get(kind) or str(getattr(kind, "__name__", kind))
