"""Python source: calls and lists that break over lines, and literals as one would type them.

What a run's file or a case holds goes into a program through `literal`, `identifier`, `index` and
`docstring` alone: as a value, or as a name that can be no other code.
"""

import keyword
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from textwrap import wrap
from tokenize import generate_tokens
from typing import Any, TypeAlias

from saveproof.strategies.case import InvalidCase

WIDTH = 120
"""Columns of an unindented line; two levels of indentation more make 96."""

Lines = list[str]

_NUMBER = re.compile("[0-9]+")


@dataclass(frozen=True)
class CallExpression:
    """A call of what `function` names, as an expression."""

    function: str
    positional: "tuple[Expression, ...]" = ()
    keywords: "Mapping[str, Expression]" = field(default_factory=dict)


Expression: TypeAlias = "str | CallExpression | tuple[Expression, ...]"
"""Source text, a call, or the items of a list; lines may break in the latter two."""


def lines(before: str, expression: Expression, after: str = "") -> Iterator[str]:
    """Yield `before expression after` on one line where that is not too wide.

    Else all arguments stand on one line, or each on its own; the items of a list that is the first
    stand in the call's own brackets.
    """
    one = before + flat(expression) + after
    if isinstance(expression, str) or len(one) <= WIDTH:
        yield one
        return
    opening, parts, closing = _parts(expression)
    (_, first), *others = parts
    if isinstance(first, tuple) and len(last := _joined(others)) < WIDTH // 2:
        yield before + opening + "["
        for item in first:
            yield from indented(lines("", item, ","))
        yield f"]{', ' if last else ''}{last}{closing}{after}"
        return
    yield before + opening
    if len(arguments := _joined(parts)) <= WIDTH - 4:
        yield f"    {arguments}"
    else:
        for name, part in parts:
            yield from indented(lines(name, part, ","))
    yield closing + after


def flat(expression: Expression) -> str:
    """Return the expression on one line."""
    if isinstance(expression, str):
        return expression
    opening, parts, closing = _parts(expression)
    return opening + _joined(parts) + closing


def _joined(parts: Iterable[tuple[str, Expression]]) -> str:
    return ", ".join(name + flat(part) for name, part in parts)


def indented(block: Iterable[str]) -> Iterator[str]:
    """Yield the lines one level deeper."""
    return (f"    {line}" if line else line for line in block)


def one_or_list(sources: Sequence[Expression]) -> Expression:
    """Return the only expression, or several as a list."""
    return sources[0] if len(sources) == 1 else tuple(sources)


def literal(value: Any) -> str:
    """Return a JSON value (or tuple) as Python source, strings in double quotes.

    Raises:
        InvalidCase: it is a value of another type.
    """
    if isinstance(value, str):
        return f'"{"".join(map(_escaped, value))}"'
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, tuple):
        inner = ", ".join(map(literal, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{literal(k)}: {literal(v)}' for k, v in value.items())}}}"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    raise InvalidCase(f"expected a JSON value, found a {type(value).__name__}: {value!r}")


def _escaped(character: str) -> str:
    if character in ('"', "\\"):
        return f"\\{character}"
    if character.isprintable():
        return character
    return repr(character)[1:-1]


def identifier(name: str) -> str:
    """Return a name, or names with dots between them, that a program can contain.

    Raises:
        InvalidCase: it is none, or a private one.
    """
    for part in name.split("."):
        if not part.isidentifier() or keyword.iskeyword(part) or part.startswith("_"):
            raise InvalidCase(f"expected a name that Python takes, found {name!r}")
    return name


def index(number: str) -> str:
    """Return the number of an index in brackets.

    Raises:
        InvalidCase: it is none.
    """
    if not _NUMBER.fullmatch(number):
        raise InvalidCase(f"expected the number of an entry, found {number!r}")
    return str(int(number))


def renamed(expression: str, old: str, new: str) -> str:
    """Return the expression, on one line, with another name in place of a variable's."""
    found, before = [], ""
    for token in generate_tokens(StringIO(expression).readline):
        if token.string == old and before != ".":
            found.append(token.start[1])
        before = token.string
    for start in reversed(found):
        expression = expression[:start] + new + expression[start + len(old) :]
    return expression


def docstring(*paragraphs: str) -> str:
    """Return a docstring; nothing in the text can end it."""
    text = "\n\n".join("\n".join(wrap(_words(one), WIDTH)) for one in paragraphs)
    return f'"""{text}"""'


def _words(text: str) -> str:
    words = " ".join(text.replace("\\", "/").replace('"', "'").split())
    return "".join(one for one in words if one.isprintable())


def literals(config: Mapping[str, Any]) -> dict[str, Expression]:
    """Return keyword arguments that are plain values."""
    return {name: literal(value) for name, value in config.items()}


def _parts(
    expression: CallExpression | tuple[Expression, ...],
) -> tuple[str, list[tuple[str, Expression]], str]:
    if isinstance(expression, tuple):
        return "[", [("", item) for item in expression], "]"
    named = [(f"{identifier(n)}=", value) for n, value in expression.keywords.items()]
    positional = [("", one) for one in expression.positional]
    return f"{identifier(expression.function)}(", positional + named, ")"
