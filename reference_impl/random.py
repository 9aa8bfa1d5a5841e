"""A random number generator whose complete state is four integers."""

from collections.abc import Sequence
from typing import Self

import numpy as np

_WORD = 1 << 32


class Generator:
    """A counter-based generator: Philox with the seed as key and the number of draws as counter.

    Its state is a uint32 array of shape (4,): low and high word of the seed, then of the number of
    draws. Equal states give equal numbers, independent of other generators.
    Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).
    """

    def __init__(self, seed: int) -> None:
        self.state = np.array([seed % _WORD, seed // _WORD % _WORD, 0, 0], np.uint32)

    @classmethod
    def resumed(cls, state: np.ndarray) -> Self:
        """Return a generator that continues from this state."""
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
    """Return the generator used where no seed is given; its own seed is 0 by default."""
    return _PROCESS


def set_random_seed(seed: int) -> None:
    """Seed the process-wide generator."""
    _PROCESS.state = Generator(seed).state
