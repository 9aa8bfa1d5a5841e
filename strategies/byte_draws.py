"""Choices made from bytes that one draw gives, because a draw costs more than a choice."""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class ByteDraws:
    """Bytes from one draw, one for each choice; byte 0 always takes the simplest option.

    Hypothesis shrinks every byte on its own towards 0, as it does separate draws, and one draw
    of many bytes costs hardly more than a draw of one. All draws are of one length: Hypothesis
    makes examples out of parts of others, and a part of another length would come out all zero.
    """

    __slots__ = ("_next", "_source")

    def __init__(self, source: bytes) -> None:
        """Use the bytes of `source` from the first on."""
        self._source = source
        self._next = 0

    def byte(self) -> int:
        """Return the next byte."""
        self._next += 1
        return self._source[self._next - 1]

    def one_of(self, options: Sequence[T]) -> T:
        """Return one of the options, all equally likely; shrinks towards the first."""
        self._next += 1
        return options[self._source[self._next - 1] * len(options) >> 8]

    def chance(self, one_in: int) -> bool:
        """Return True about once in `one_in` times; shrinks towards False."""
        self._next += 1
        return self._source[self._next - 1] >= 256 - 256 // one_in

    @property
    def spent(self) -> int:
        """The number of bytes used so far."""
        return self._next


BYTE_COUNT = 32
"""Enough for a recurrent layer and its position, which need the most choices."""

_BYTES = st.binary(min_size=BYTE_COUNT, max_size=BYTE_COUNT)


def draw_bytes(draw: st.DrawFn) -> ByteDraws:
    """Return newly drawn bytes; they shrink towards the simplest option of every choice.

    Called in a composite rather than mapped onto a strategy: that would cost each draw half again.
    """
    return ByteDraws(draw(_BYTES))
