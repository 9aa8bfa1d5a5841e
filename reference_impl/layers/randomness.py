"""RandomLayer: the base class of layers that draw random numbers."""

from collections.abc import Callable
from typing import Any

from saveproof.reference_impl.layers.base import Layer
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.random import Generator, process_generator


class RandomLayer(Layer):
    """A layer with a generator, whose state is part of the model's state.

    Without a seed the layer draws one. The numbers are not TensorFlow's.
    """

    seed: int | None
    generator_state: Variable
    supports_masking = True

    def __post_init__(self) -> None:
        first = process_generator().seed() if self.seed is None else self.seed
        self.generator_state = self.add_state("seed_generator_state", Generator(first).state)

    def drawn(self, how: Callable[[Generator], Any]) -> Any:
        """Return what the generator draws, and keep its new state."""
        generator = Generator.resumed(self.generator_state.value)
        found = how(generator)
        self.generator_state.assign(generator.state)
        return found
