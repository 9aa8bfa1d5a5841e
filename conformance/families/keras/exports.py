"""The classes that a Keras module exports, with all arguments of their constructors."""

import ast
import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from textwrap import dedent
from types import ModuleType
from typing import Any, NamedTuple

from saveproof.strategies.catalogue.exports import NAMESPACES, Argument, ExportedClass, Exports


def exports(keras: ModuleType) -> Exports:
    """Return what the module exports; a class under several names has its own."""
    found: list[ExportedClass] = []
    met: set[type] = set()
    for namespace in NAMESPACES:
        room = _room(keras, namespace)
        for name, one in sorted(_classes(room).items()):
            if one not in met:
                met.add(one)
                found.append(_described(namespace, name, one))
    return Exports(tuple(found))


def _room(keras: ModuleType, namespace: str) -> Any:
    room: Any = keras
    for part in namespace.split("."):
        room = getattr(room, part, None)
    return room


def _classes(room: Any) -> Mapping[str, type]:
    """Return the public classes by name; of one with several names, under its own."""
    public = {name: getattr(room, name, None) for name in dir(room) if not name.startswith("_")}
    classes = {n: one for n, one in public.items() if inspect.isclass(one) and _saves(one)}
    own = {one: name for name, one in classes.items() if name == one.__name__}
    return {own.get(one, name): one for name, one in classes.items()}


def _saves(one: type) -> bool:
    """Return whether objects of the class have a config, and so a way to come back."""
    return hasattr(one, "get_config") or hasattr(one, "from_config")


def _described(namespace: str, name: str, one: type) -> ExportedClass:
    arguments = tuple(
        Argument(
            argument,
            required=given.parameter.default is given.parameter.empty,
            default=_as_json(given.parameter.default),
            definer="" if given.definer is one else given.definer.__name__,
        )
        for argument, given in constructor(one).items()
    )
    bases = tuple(base.__name__ for base in one.__mro__[1:-1])
    return ExportedClass(namespace, name, arguments, bases)


class Given(NamedTuple):
    """A parameter of a constructor, and the class whose constructor has it."""

    parameter: inspect.Parameter
    definer: type


def _as_json(default: Any) -> Any:
    """Return the default as JSON; None of what JSON can't hold."""
    if isinstance(default, bool | int | float | str):
        return default
    return list(default) if isinstance(default, list | tuple) else None


@cache
def constructor(one: Any) -> Mapping[str, Given]:
    """Return the arguments of a class's constructor by name, those of its bases included.

    Of a base, those count that the class hands on in `**kwargs` and does not set itself.
    """
    found: dict[str, Given] = {}
    taken: set[str] = set()
    before = 0
    for base in one.__mro__:
        init = base.__dict__.get("__init__")
        parameters = _parameters(init)
        if parameters is None:
            continue
        for name, parameter in list(parameters.items())[before:]:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            if name not in taken and not (name in NO_SETTINGS and base is not one):
                found.setdefault(name, Given(parameter, base))
        for name in _accepted(init) - taken:
            found.setdefault(name, Given(inspect.Parameter(name, KEYWORD, default=None), base))
        if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters.values()):
            break
        handed = _handed_on(init)
        taken |= handed.names
        before = handed.positional
    return found


def _parameters(init: Any) -> Mapping[str, inspect.Parameter] | None:
    """Return the parameters without `self`; None of an `__init__` that is no Python function."""
    if init is None:
        return None
    try:
        parameters = inspect.signature(init).parameters
    except (TypeError, ValueError):
        return None
    return dict(list(parameters.items())[1:])


KEYWORD = inspect.Parameter.KEYWORD_ONLY

NO_SETTINGS = frozenset(
    ("batch_input_shape", "batch_size", "implementation", "input_dim", "input_shape", "weights")
)
"""Keywords that Keras 2's layers accept to declare their inputs."""


@cache
def _accepted(init: Any) -> frozenset[str]:
    """Return the names that a constructor takes from `**kwargs` by a list in its source."""
    found: set[str] = set()
    assigned = (node for node in ast.walk(_tree(init)) if isinstance(node, ast.Assign))
    for node in assigned:
        if ast.unparse(node.targets[0]) == "allowed_kwargs" and isinstance(node.value, ast.Set):
            found |= {str(ast.literal_eval(element)) for element in node.value.elts}
    return frozenset(found - NO_SETTINGS)


@cache
def _tree(init: Any) -> ast.AST:
    """Return the parsed source of a constructor; an empty one where there is no source."""
    try:
        return ast.parse(dedent(inspect.getsource(inspect.unwrap(init))))
    except (OSError, TypeError, SyntaxError):
        return ast.Module([], [])


class _Handed(NamedTuple):
    """What a constructor hands to that of its base: named arguments, and how many by position."""

    names: frozenset[str] = frozenset()
    positional: int = 0


def _handed_on(init: Any) -> _Handed:
    """Return what the calls of `__init__` in a constructor's source hand on."""
    calls = [
        node for node in ast.walk(_tree(init)) if isinstance(node, ast.Call) and _is_init(node.func)
    ]
    names = {word.arg for call in calls for word in call.keywords if word.arg}
    positional = max((len([*_by_position(call)]) for call in calls), default=0)
    return _Handed(frozenset(names), positional)


def _is_init(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and function.attr == "__init__"


def _by_position(call: ast.Call) -> Iterator[ast.expr]:
    """Yield the positional arguments, but for `self` in a call through the class."""
    yield from (a for a in call.args if not (isinstance(a, ast.Name) and a.id == "self"))
