"""Source that runs: each text is compiled once, and tracebacks show its lines."""

import linecache
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from traceback import walk_tb
from types import CodeType
from typing import Any
from weakref import finalize

FILE = "<program {}>"
"""The file name of a source text in tracebacks, by its hash."""

KEPT = 256
"""Compiled texts that are kept: an example has about ten, most of them those of every example."""


def run(source: Iterable[str], names: dict[str, Any]) -> dict[str, Any]:
    """Run the lines with these names defined; return the names, those that they define too."""
    exec(compiled("\n".join(source)), names)
    return names


@lru_cache(KEPT)
def compiled(text: str) -> CodeType:
    """Return the code of a text; while that is in use, `linecache` has its lines."""
    file = FILE.format(sha256(text.encode()).hexdigest()[:12])
    code = compile(text, file, "exec", dont_inherit=True)
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    finalize(code, linecache.cache.pop, file, None).atexit = False
    return code


def raised_here(error: BaseException) -> bool:
    """Return whether a line of such a text raised the error, not a function that it called.

    A module that lacks a name may say so in a `__getattr__` of its own.
    """
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    if frames[-1].f_code.co_name == "__getattr__":
        frames.pop()
    return frames[-1].f_code.co_filename.startswith(FILE.partition("{")[0])
