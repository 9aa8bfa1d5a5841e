"""Generators of random numbers whose whole state is four plain numbers."""

from collections.abc import Sequence
from typing import Self

import numpy as np

_WORD = 1 << 32


class Generator:
    """A counter-based generator: Philox keyed by the seed, at the number of the draw.

    Its state is a uint32 array of shape (4,): the seed's low and high word, then those of the
    number of draws made. Equal states give equal numbers, whatever was drawn in between elsewhere.
    Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).
    """

    def __init__(self, seed: int) -> None:
        self.state = np.array([seed % _WORD, seed // _WORD % _WORD, 0, 0], np.uint32)

    @classmethod
    def resumed(cls, state: np.ndarray) -> Self:
        """The generator that was in this state."""
        generator = cls(0)
        generator.state = np.array(state, np.uint32).reshape(4)
        return generator

    def uniform(self, shape: Sequence[int]) -> np.ndarray:
        """Numbers in [0, 1), float64."""
        return self._next().random(tuple(shape))

    def normal(self, shape: Sequence[int]) -> np.ndarray:
        """Standard normal numbers, float64."""
        return self._next().standard_normal(tuple(shape))

    def bernoulli(self, probability: float, shape: Sequence[int]) -> np.ndarray:
        """Booleans, each true with this probability."""
        return self.uniform(shape) < probability

    def permutation(self, count: int) -> np.ndarray:
        """The numbers 0 to count - 1 in random order."""
        return self._next().permutation(count)

    def seed(self) -> int:
        """A seed for another generator, below 2**31."""
        return int(self._next().integers(1 << 31))

    def _next(self) -> np.random.Generator:
        seed_low, seed_high, low, high = (int(word) for word in self.state)
        key, draw = seed_low + _WORD * seed_high, low + _WORD * high
        bits = np.random.Philox(key=[key, 0], counter=[0, 0, 0, draw])
        draw += 1
        self.state = np.array([seed_low, seed_high, draw % _WORD, draw // _WORD], np.uint32)
        return np.random.Generator(bits)


_PROCESS = Generator(0)


def process_generator() -> Generator:
    """The generator behind everything that was given no seed; seeded with 0 until set otherwise."""
    return _PROCESS


def set_random_seed(seed: int) -> None:
    """Seed the generator behind everything that was given no seed."""
    _PROCESS.state = Generator(seed).state
