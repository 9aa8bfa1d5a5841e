"""Python source: calls and lists that break over lines, and literals as one would type them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

WIDTH = 88
"""Columns of an unindented line; two levels of indentation more make 96."""

Lines = list[str]


@dataclass(frozen=True)
class Call:
    """A call of what `function` names, as an expression."""

    function: str
    positional: "tuple[Expression, ...]" = ()
    keywords: "Mapping[str, Expression]" = field(default_factory=dict)


@dataclass(frozen=True)
class Items:
    """A list, as an expression."""

    items: "tuple[Expression, ...]"


Expression = str | Call | Items
"""Source text, or something that knows where it may be broken."""


def lines(before: str, expression: Expression, after: str = "") -> Iterator[str]:
    """Yield `before expression after` on one line, or an argument a line where that is too wide."""
    one = before + flat(expression) + after
    if isinstance(expression, str) or len(one) <= WIDTH:
        yield one
        return
    opening, parts, closing = _parts(expression)
    yield before + opening
    for name, part in parts:
        yield from indented(lines(name, part, ","))
    yield closing + after


def flat(expression: Expression) -> str:
    """Return the expression on one line."""
    if isinstance(expression, str):
        return expression
    opening, parts, closing = _parts(expression)
    return opening + ", ".join(name + flat(part) for name, part in parts) + closing


def indented(block: Iterable[str]) -> Iterator[str]:
    """Yield the lines one level deeper."""
    return (f"    {line}" if line else line for line in block)


def one_or_list(sources: Sequence[Expression]) -> Expression:
    """Return the only expression, or several as a list."""
    return sources[0] if len(sources) == 1 else Items(tuple(sources))


def literal(value: Any) -> str:
    """Return a JSON value (or tuple) as Python source, strings in double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, tuple):
        inner = ", ".join(map(literal, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{literal(k)}: {literal(v)}' for k, v in value.items())}}}"
    return repr(value)


def literals(config: Mapping[str, Any]) -> dict[str, Expression]:
    """Return keyword arguments that are plain values."""
    return {name: literal(value) for name, value in config.items()}


def _parts(expression: Call | Items) -> tuple[str, list[tuple[str, Expression]], str]:
    if isinstance(expression, Items):
        return "[", [("", item) for item in expression.items], "]"
    named = [(f"{name}=", value) for name, value in expression.keywords.items()]
    return f"{expression.function}(", [("", one) for one in expression.positional] + named, ")"
