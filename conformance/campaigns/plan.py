"""Plans of campaigns: the subject, save path and cases, and the save paths that share a model."""

import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations, count, pairwise
from typing import NamedTuple, Protocol, TypeVar

from hypothesis.strategies import SearchStrategy

from saveproof.conformance.campaigns.known_issues import KnownIssue, Place, packaged
from saveproof.conformance.checks import ALL_CHECKS, Check
from saveproof.conformance.model_state.subject import SavePath
from saveproof.conformance.model_state.trace import Probe
from saveproof.strategies.case import Case, Departure
from saveproof.strategies.extremes import Extreme, changed
from saveproof.strategies.generation import Generator, NothingGenerated

Named = TypeVar("Named", bound=SavePath)

SIDE_BY_SIDE = 5
"""Save paths that share a worker and its models; more would leave other workers idle."""

TOGETHER = 3
"""Save paths that share one model; with more, each path would see fewer cases of its own."""

PERMUTATIONS = 8
"""Orders of the save paths among which each round chooses."""

PLAIN = ""
"""The name of a case that was not changed to have an extreme."""

BETWEEN_EXTREMES = 5
"""Plain cases before each extreme one: 30 examples have five extreme ones."""

EVERY = (
    dict.fromkeys(Probe, 10)
    | dict.fromkeys((Probe.SECOND_GENERATION, Probe.UNBUILT), 5)
    | {Probe.OTHER_CODE: 1}
)
"""A probe is made on one example in so many, from the first one; twins are for new defects."""

Groups = Sequence[Sequence[str]]


class Example(NamedTuple):
    """A case, the seed that generates it, and the name of the extreme that it was given."""

    case: Case
    seed: str
    extreme: str = PLAIN


def side_by_side(paths: Sequence[Named], most: int = SIDE_BY_SIDE) -> list[Sequence[Named]]:
    """Return the paths in sets that share a worker."""
    return [paths[at : at + most] for at in range(0, len(paths), most)]


def groups(names: Sequence[str], seed: str) -> Iterator[Groups]:
    """Yield for each round the groups of save paths that share a model, in their order.

    Each round takes one of a few random orders: the one in which those pairs share a model, one
    path before the other, that did so least in earlier rounds.
    """
    source = random.Random(seed)
    met: Counter[tuple[str, str]] = Counter()
    while True:
        orders = [source.sample(names, len(names)) for _ in range(PERMUTATIONS)]
        chosen = min(map(_cut, orders), key=lambda cut: sum(met[pair] for pair in _pairs(cut)))
        met.update(_pairs(chosen))
        yield chosen


def _cut(names: Sequence[str]) -> Groups:
    """Return the names in as few groups as possible, of nearly equal sizes."""
    pieces = -(-len(names) // TOGETHER)
    ends = [len(names) * piece // pieces for piece in range(pieces + 1)]
    return [names[start:end] for start, end in pairwise(ends)]


def _pairs(groups: Groups) -> Iterator[tuple[str, str]]:
    for group in groups:
        yield from combinations(group, 2)


@dataclass(frozen=True)
class Plan:
    """One subject, save path and kind of model to run, and the limits.

    `examples` is the number of cases; with `seconds`, cases are run until the time is up instead.
    `timeout` bounds one example, and once more its load in another process; `shrink_seconds` bounds
    the shrinking of all defects. Of the known `issues`, those of `places` apply; without places,
    those of the plan's own. With `hops`, a history may save and load the model on the way;
    the cases have such histories if they are shared with a plan that has `hops`. The `systematic`
    cases come first, beside `examples`, of which every sixth has one of the `extremes`, in turn,
    whatever the path: paths share cases. Each case has one of the `departures`, in turn, if the
    path loads into the model's code. The `offered` strata are those that may come up.
    """

    subject: str
    path: str
    kind: str
    cases: SearchStrategy[Case]
    checks: tuple[Check, ...] = ALL_CHECKS
    examples: int = 30
    seconds: float | None = None
    seed: int = 0
    timeout: float = 120.0
    shrink_seconds: float = 60.0
    places: tuple[Place, ...] = ()
    hops: bool = False
    departures: tuple[Departure, ...] = ()
    issues: tuple[KnownIssue, ...] = field(default_factory=packaged)
    generates_hops: bool = False
    extremes: tuple[Extreme, ...] = ()
    systematic: tuple[Case, ...] = ()
    offered: tuple[str, ...] = ()

    @cached_property
    def _generators(self) -> Mapping[str, Generator]:
        extreme = {one.name: Generator(changed(self.cases, one)) for one in self.extremes}
        return {PLAIN: Generator(self.cases), **extreme}

    def generator(self, extreme: str = PLAIN) -> Generator:
        """Return the cases by their seeds, all with the extreme of that name.

        Raises:
            NothingGenerated: the plan has no such extreme.
        """
        if extreme not in self._generators:
            names = sorted(one.name for one in self.extremes)
            raise NothingGenerated(f"expected an extreme of {names}, found {extreme!r}")
        return self._generators[extreme]

    @property
    def group(self) -> tuple[str, str, str]:
        """The subject, save path and kind of model, as a result has them."""
        return (self.subject, self.path, self.kind)

    @property
    def name(self) -> str:
        """The beginning of the seeds of the plan's cases; subjects have the same cases."""
        return f"{self.seed} {self.kind} {self.path}"

    def own(self, case: Case) -> Case:
        """Return the generated case for the plan's path."""
        return case.through(self.path, hops=self.hops)

    def example(self, number: int) -> Example:
        """Return the case of that number: systematic ones come first, and have no seed.

        A generated one is plain if no case can have its extreme.
        """
        if number < len(self.systematic):
            return Example(self.systematic[number], "")
        number -= len(self.systematic)
        seed, extreme = f"{self.name} {number}", self.extreme(number)
        with suppress(NothingGenerated):
            return Example(self.generator(extreme).case(seed), seed, extreme)
        return Example(self.generator().case(seed), seed)

    def extreme(self, number: int) -> str:
        """Return the name of the extreme of the case of that number; each has its turn."""
        turn, plain = divmod(number, BETWEEN_EXTREMES + 1)
        if plain < BETWEEN_EXTREMES or not self.extremes:
            return PLAIN
        first = random.Random(f"{self.seed} {self.kind}").randrange(len(self.extremes))
        return self.extremes[(first + turn) % len(self.extremes)].name

    def rounds(self, *, seconds: float | None) -> Iterator[int]:
        """Yield the numbers of the cases; with `seconds`, one and as many more as have room."""
        if seconds is None:
            yield from range(len(self.systematic) + self.examples)
            return
        end = time.monotonic() + seconds
        for number in count():
            yield number
            if time.monotonic() >= end:
                return


class Examiner(Protocol):
    """Serves `saveproof.conformance.campaigns.worker:examine`, as a child process does."""

    def call(self, request: bytes, *, seconds: float) -> bytes:
        """Return the encoded report on an encoded request.

        Raises:
            NoAnswer: there is none.
        """
