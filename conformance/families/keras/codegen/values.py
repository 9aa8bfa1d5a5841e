"""Values of arguments in source: JSON as literals, marked values as what they stand for."""

from collections.abc import Mapping
from typing import Any

from saveproof.conformance.families.keras.codegen.source import (
    CallExpression,
    flat,
    identifier,
    literal,
)
from saveproof.strategies.case import Config, InvalidCase
from saveproof.strategies.catalogue.exports import NAMESPACES
from saveproof.strategies.catalogue.marked import (
    ARRAY,
    FUNCTION,
    OBJECT,
    TUPLE,
    mark_of,
)


def expression(value: Any) -> str:
    """Return a value as Python source.

    Raises:
        InvalidCase: a name in it is none that Python takes, or it is no JSON value.
    """
    mark = mark_of(value)
    if mark == TUPLE:
        items = [expression(item) for item in value[TUPLE]]
        return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
    if mark == ARRAY:
        made = "array" if isinstance(value[ARRAY], list) else identifier(value["dtype"])
        dtype = f", dtype={literal(value['dtype'])}" if made == "array" else ""
        return f"np.{made}({literal(value[ARRAY])}{dtype})"
    if mark == FUNCTION:
        return f"keras.{known(value[FUNCTION])}"
    if mark == OBJECT:
        return flat(constructed(value[OBJECT], value["arguments"]))
    if isinstance(value, list):
        return f"[{', '.join(map(expression, value))}]"
    if isinstance(value, Mapping):
        items = [f"{literal(key)}: {expression(inner)}" for key, inner in value.items()]
        return f"{{{', '.join(items)}}}"
    return literal(value)


def constructed(qualified: str, arguments: Config) -> CallExpression:
    """Return the call of a class by its qualified name, `losses.Huber`."""
    keywords = {name: expression(value) for name, value in arguments.items()}
    return CallExpression(f"keras.{known(qualified)}", keywords=keywords)


def known(qualified: str) -> str:
    """Return the name of a class or function of a namespace that cases may use.

    Raises:
        InvalidCase: it is none, such as a function that reads or writes files.
    """
    namespace = identifier(qualified).rpartition(".")[0]
    if namespace not in (*NAMESPACES, "activations", "ops"):
        raise InvalidCase(f"expected a name in one of {', '.join(NAMESPACES)}; found {qualified!r}")
    return qualified
