"""Detects a subject that has changed the modules which run and judge it.

A subject shares a process with the checks, and Python lets it patch them, by accident or not. This
is no defence against a subject that forges answers.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from inspect import isclass, isfunction
from itertools import count
from operator import attrgetter
from types import CodeType, FunctionType, ModuleType
from typing import Any

EVERY = 10
"""Cases per look: a patch stays in place, and each look has its cost."""


class Tampered(RuntimeError):
    """The subject has changed the code that judges it: no verdict of this process counts."""


def guard(*packages: ModuleType) -> None:
    """Note the content of the packages' modules, once, before a subject is imported."""
    if not _judges():
        names = tuple(f"{package.__name__}." for package in packages)
        modules = [m for name, m in sorted(sys.modules.items()) if f"{name}.".startswith(names)]
        _judges().extend(_judge(owner) for module in modules for owner in _owners(module))


def check() -> None:
    """Compare the modules with the noted content, the first time and then every so often.

    Raises:
        Tampered: one was changed.
    """
    if next(_turns()) % EVERY:
        return
    for judge in _judges():
        if not judge.is_untouched:
            raise Tampered(
                f"expected {judge.owner.__name__} as it was before the subject was imported, found "
                f"another {judge.changed}: a subject must leave saveproof's own modules alone"
            )


@dataclass(frozen=True)
class _Judge:
    """A module or class, with the values of its names and the code of its functions."""

    owner: ModuleType | type
    names: tuple[str, ...]
    values: tuple[Any, ...]
    functions: tuple[FunctionType, ...]
    codes: tuple[CodeType, ...]

    @property
    def is_untouched(self) -> bool:
        """Whether nothing was replaced; tuples compare by identity first, which is cheap."""
        held = vars(self.owner)
        return (
            tuple(map(held.get, self.names)) == self.values
            and tuple(map(attrgetter("__code__"), self.functions)) == self.codes
        )

    @property
    def changed(self) -> str:
        """The first name with another value."""
        held = vars(self.owner)
        pairs = zip(self.names, self.values, strict=True)
        replaced = [name for name, value in pairs if held.get(name) is not value]
        codes = zip(self.functions, self.codes, strict=True)
        return [*replaced, *(one.__name__ for one, code in codes if one.__code__ is not code)][0]


@cache
def _turns() -> Iterator[int]:
    return count()


@cache
def _judges() -> list[_Judge]:
    return []


def _owners(module: ModuleType) -> Iterator[ModuleType | type]:
    """Yield the module, and the classes that it defines."""
    yield module
    yield from (
        one for one in vars(module).values() if isclass(one) and one.__module__ == module.__name__
    )


def _judge(owner: ModuleType | type) -> _Judge:
    held = {
        name: value
        for name, value in vars(owner).items()
        if not name.startswith("__") or isfunction(value)
    }
    functions = tuple(filter(isfunction, held.values()))
    codes = tuple(one.__code__ for one in functions)
    return _Judge(owner, tuple(held), tuple(held.values()), functions, codes)
