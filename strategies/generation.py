"""Generates cases from seeds, each independently, and shrinks them, with Hypothesis's public API.

Hypothesis's own generation depends on the process: it takes constants from the modules that are
loaded, copies parts of earlier examples, and begins with the smallest one. So each case is
generated from random bytes of our own, as a fuzzer does it (`fuzz_one_input`). Hypothesis saves
the choices of a failing case in an example database, and shrinks the case that it finds there.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from unittest import SkipTest

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.database import ExampleDatabase
from hypothesis.strategies import SearchStrategy

from saveproof.strategies.case import Case

BYTES = 16 * 1024
"""Random bytes for a case; Hypothesis lets no test draw more than half of them."""

ATTEMPTS = 100
"""How often a case is generated from other bytes if the strategy rejects some."""

Shows = Callable[[Case], bool]
Smaller = Callable[[Case, bytes], None]


class NothingGenerated(ValueError):
    """The strategy gives no case for a seed, or not the case that was recorded."""


class Generator:
    """The cases of a strategy by their seeds, the same in every process.

    They depend on the version of Hypothesis, which turns the bytes into choices.
    """

    def __init__(self, cases: SearchStrategy[Case]) -> None:
        self._cases = cases
        self._choices: dict[str, bytes] = {}
        self._generated: list[Case] = []

        def test(case: Case) -> None:
            self._generated.append(case)

        self._generate = _fuzz_target(given(cases)(test))

    def case(self, seed: str) -> Case:
        """Return the case of the seed.

        Raises:
            NothingGenerated: the strategy rejected the bytes of every attempt.
        """
        for source in _sources(seed):
            self._generate(source)
            if self._generated:
                return self._generated.pop()
        raise NothingGenerated(f"expected a case in {ATTEMPTS} attempts, found none")

    def choices(self, seed: str) -> bytes:
        """Return the choices of the seed's case, as the installed Hypothesis encodes them.

        Raises:
            NothingGenerated: the strategy rejected the bytes of every attempt.
        """
        if seed not in self._choices:
            search = _Search(self._cases, lambda _: True, lambda *_: None)
            self._choices[seed] = search.choices_of(seed)
        return self._choices[seed]

    def shrink(self, choices: bytes, shows: Shows, smaller: Smaller) -> None:
        """Shrink the case of the choices until no smaller one shows what is searched for.

        `shows` returns whether a case does; it is called once for each case, first for that of the
        choices. A `BaseException` that it raises ends the shrinking. `smaller` is called with each
        smaller case and its choices. Hypothesis limits its shrinking in time and steps, so it is
        repeated until it makes no progress and asks about no other case.

        Raises:
            NothingGenerated: the case of the choices does not show it.
        """
        answers: dict[str, bool] = {}

        def answer(case: Case) -> bool:
            if case.id not in answers:
                answers[case.id] = shows(case)
            return answers[case.id]

        search = _Search(self._cases, answer, smaller)
        search.choices_of("")
        before: tuple[bytes, int] | None = None
        while before != (choices, len(answers)):
            before = (choices, len(answers))
            choices = search.shrunk(choices)


class _Shown(Exception):
    """The case shows what is searched for."""


class _Search(ExampleDatabase):
    """A test that fails on what is searched for, and its database, which offers it one case."""

    def __init__(self, cases: SearchStrategy[Case], shows: Shows, smaller: Smaller) -> None:
        super().__init__()
        self._smaller = smaller
        self._key: bytes | None = None
        self._choices = b""
        self._last: Case | None = None

        def test(case: Case) -> None:
            self._last = None
            if self._key is None or shows(case):
                self._last = case
                raise _Shown

        profile = settings(
            database=self,
            phases=(Phase.reuse, Phase.shrink),
            deadline=None,
            derandomize=False,
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            print_blob=False,
        )
        self._test = profile(seed(0)(given(cases)(test)))  # in this order: `seed` drops a database

    def choices_of(self, seed: str) -> bytes:
        """Return the choices of the seed's case, and keep the key under which they are saved."""
        for source in _sources(seed):
            with suppress(_Shown):
                _fuzz_target(self._test)(source)
            if self._key is not None:
                return self._choices
        raise NothingGenerated(f"expected a case in {ATTEMPTS} attempts, found none")

    def shrunk(self, choices: bytes) -> bytes:
        """Run the test on the case of the choices, and return those of the smallest case."""
        self._choices, self._last = choices, None
        try:
            self._test()
        except _Shown:
            return self._choices
        except SkipTest:
            pass
        raise NothingGenerated(
            "expected the choices of the case, found others: they depend on the version of "
            "Hypothesis, and on the strategies of this version of saveproof"
        )

    def fetch(self, key: bytes) -> Iterator[bytes]:
        """Yield what is offered."""
        if key == self._key:
            yield self._choices

    def save(self, key: bytes, value: bytes) -> None:
        """Note smaller choices, which are those of the case that has just shown it."""
        if self._key is None:
            self._key, self._choices = key, value
        elif self._last is not None and _shortlex(value) < _shortlex(self._choices):
            self._choices = value
            self._smaller(self._last, value)

    def delete(self, key: bytes, value: bytes) -> None:
        """Keep what is offered."""


def _shortlex(choices: bytes) -> tuple[int, bytes]:
    """Return the key by which Hypothesis compares what it saves: the shorter one is smaller."""
    return len(choices), choices


def _fuzz_target(test: Any) -> Callable[[bytes], bytes | None]:
    target: Callable[[bytes], bytes | None] = test.hypothesis.fuzz_one_input
    return target


def _sources(seed: str) -> Iterator[bytes]:
    """Yield random bytes, other ones for each attempt."""
    for attempt in range(ATTEMPTS):
        yield random.Random(f"{seed} {attempt}").randbytes(BYTES)
