"""Parsing of JSON from files, with limits on size and depth."""

import json
from collections.abc import Iterable
from typing import Any

from saveproof.reference_impl.limits import check_expansion
from saveproof.reference_impl.saving.errors import WrongPart

DEEPEST = 128
"""The largest depth of nested objects and lists."""

MOST = 1 << 20
"""The largest number of values, since each takes memory even if its text is short."""


def json_value(text: str | bytes, *, where: str, error: type[ValueError] = WrongPart) -> Any:
    """Return the value of a JSON text.

    Args:
        text: from the file.
        where: file and part, for messages.
        error: the exception for invalid JSON.

    Raises:
        TooLarge: if it has too many bytes.
    """
    check_expansion(len(text), 0, where=where)
    if (count := _count(text)) > MOST:
        raise error(f"{where}: expected JSON of up to {MOST} values, found about {count}")
    try:
        value = json.loads(text)
    except RecursionError:
        raise error(f"{where}: expected JSON of a depth up to {DEEPEST}, found more") from None
    except ValueError as found:  # JSONDecodeError, invalid UTF-8, or too many digits.
        raise error(f"{where}: not JSON: {found}") from found
    if _deeper(value):
        raise error(f"{where}: expected JSON of a depth up to {DEEPEST}, found more")
    return value


def _count(text: str | bytes) -> int:
    if isinstance(text, str):
        return text.count("[") + text.count("{") + text.count(",")
    return text.count(b"[") + text.count(b"{") + text.count(b",")


def _deeper(value: Any) -> bool:
    """Return whether objects and lists are nested more than `DEEPEST` deep."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [
            inner for outer in level for inner in _values(outer) if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _values(outer: Any) -> Iterable[Any]:
    return outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ()
