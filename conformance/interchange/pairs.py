"""Pairs of a writer and a reader, the formats that both support, and the contract between them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from saveproof.conformance.families import subjects
from saveproof.conformance.model_state.contract import (
    RESUME_ONLY,
    Contract,
    Exactness,
    Facet,
    Promise,
)
from saveproof.conformance.model_state.subject import Exchanged, Offering
from saveproof.strategies.case import Kind

ARROW = " → "
"""Separates writer and reader in the name of a pair."""

ACROSS = Exactness(
    rtol=1e-4,
    atol=1e-5,
    reason="two implementations round and add float32 numbers in different orders, which changed "
    "losses by up to 1e-6 in one step; a lost weight or optimizer slot changes them by 1e-3 or "
    "more; the last bit of float16 is 0.1 % of a number, that of bfloat16 0.8 %",
    half=2e-2,
)
"""Tolerance for outputs and losses of two implementations; state must be equal to the byte."""

KERAS_2, KERAS_3 = "Keras 2", "Keras 3"

OWN_VERSION = ("keras", "tf_keras")
"""Packages whose version decides which of two releases is newer."""

_KERAS_ON_TENSORFLOW = {"keras", "tensorflow"}

_WEAKEST_FIRST = (Promise.FRESH, Promise.CODE, Promise.SHOULD, Promise.MUST)


class UnknownFormat(LookupError):
    """The writer and the reader of the pair do not share this format."""


@dataclass(frozen=True)
class Pair:
    """A writer and a reader, by the names of their subjects."""

    writer: str
    reader: str

    @property
    def name(self) -> str:
        """The pair's name in a run."""
        return f"{self.writer}{ARROW}{self.reader}"

    @classmethod
    def of(cls, name: str) -> "Pair":
        """Return the pair of that name."""
        writer, _, reader = name.partition(ARROW)
        return cls(writer, reader)


def is_pair(name: str) -> bool:
    """Return whether the name of a run's subject is that of a pair."""
    return ARROW in name


@dataclass(frozen=True)
class Exchange:
    """A format that goes from a writer's save path to a reader's.

    `claim` is the reader's promise to read the format.
    """

    pair: Pair
    format: str
    write: Exchanged
    read: Exchanged
    claim: Promise

    @property
    def across(self) -> bool:
        """Whether writer and reader are different subjects."""
        return self.pair.writer != self.pair.reader

    @cached_property
    def dialects(self) -> tuple[str, str]:
        """The Keras API of the writer and of the reader: Keras 2 or Keras 3."""
        return (_dialect(self.pair.writer), _dialect(self.pair.reader))

    @property
    def dialects_differ(self) -> bool:
        """Whether one side is Keras 3 and the other is not."""
        return len(set(self.dialects)) > 1

    @cached_property
    def squares_occurrences(self) -> tuple[bool, bool]:
        """Whether each side squares the gradients of a word's occurrences before it adds them.

        Source: `keras.src.backend.tensorflow.numpy.square` of `tf.IndexedSlices`, Keras 3.15.
        """
        sides = [subjects.resolve(name) for name in (self.pair.writer, self.pair.reader)]
        writer, reader = (side.environment().keys() >= _KERAS_ON_TENSORFLOW for side in sides)
        return writer, reader

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """The writer and the reader, each with its save path."""
        return ((self.pair.writer, self.write.name), (self.pair.reader, self.read.name))

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of model that neither side refuses."""
        return tuple(kind for kind in self.contract.kinds if kind not in self.contract.refuses)

    @cached_property
    def contract(self) -> Contract:
        """The contract of the exchange: for each facet, the weaker promise of the two sides.

        Between implementations it promises nothing for random generators, metric totals and states
        of recurrent layers, which no format carries from one implementation to another.
        """
        facets = {facet: self._promise(facet) for facet in Facet}
        return Contract(
            self.read.contract.document,
            {facet: promise for facet, promise in facets.items() if promise is not None},
            {**self.write.contract.refuses, **self.read.contract.refuses},
            exactness=ACROSS if self.across else self.read.contract.exactness,
        )

    def _promise(self, facet: Facet) -> Promise | None:
        if self.across and facet in RESUME_ONLY:
            return None
        both = [path.contract.facets.get(facet) for path in (self.write, self.read)]
        promises = [promise for promise in both if promise is not None]
        if len(promises) < len(both):
            return None
        weaker = min(promises, key=_WEAKEST_FIRST.index)
        return min(weaker, self.claim, key=_WEAKEST_FIRST.index)


def exchanges(pair: Pair, of: Callable[[str], Offering] = subjects.resolve) -> Iterator[Exchange]:
    """Yield the exchanges of a pair, in the order of the writer's save paths.

    `of` returns the description of a subject. If several of the reader's paths read a format, the
    path that also writes it is used. No release promises to read files of a newer one.
    """
    writer, reader = of(pair.writer), of(pair.reader)
    newer = _is_newer(writer.environment(), reader.environment())
    readers = _exchanged(reader)
    for write in _exchanged(writer):
        reading = [path for path in readers if write.writes in path.reads]
        if write.writes and reading:
            read = next((path for path in reading if path.writes == write.writes), reading[0])
            claim = Promise.SHOULD if newer else read.reads[write.writes]
            yield Exchange(pair, write.writes, write, read, claim)


def exchange_of(
    pair: Pair, name: str, of: Callable[[str], Offering] = subjects.resolve
) -> Exchange:
    """Return the pair's exchange of that format.

    Raises:
        UnknownFormat: the pair has no such format; the message lists its formats.
    """
    found = {one.format: one for one in exchanges(pair, of)}
    if name not in found:
        raise UnknownFormat(f"{pair.name}: expected one of {sorted(found)}, found {name!r}")
    return found[name]


def _dialect(spec: str) -> str:
    return KERAS_3 if "keras" in subjects.resolve(spec).environment() else KERAS_2


def _is_newer(writer: Mapping[str, str], reader: Mapping[str, str]) -> bool:
    return any(
        _numbers(writer[package]) > _numbers(reader[package])
        for package in OWN_VERSION
        if package in writer and package in reader
    )


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)[:3]]


def _exchanged(subject: Offering) -> Sequence[Exchanged]:
    return [p for p in subject.paths() if isinstance(p, Exchanged) and not p.in_memory]
