"""What scripts must know of a module that speaks the Keras API, beside its save paths."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """A module that speaks the Keras API, as source.

    `backend` is what `KERAS_BACKEND` is set to, if anything: Keras 3 alone has one. `generators` is
    a function that returns the states of a layer's random generators. `settling` asks the framework
    below, imported by `framework`, to repeat itself.
    """

    backend: str = ""
    generators: Sequence[str] = ()
    framework: str = ""
    settling: str = ""

    @property
    def resets(self) -> bool:
        """Whether metrics must be told to forget before each batch, as in Keras 3."""
        return bool(self.backend)

    def array(self, tensor: str) -> str:
        """Return the expression of a tensor as a NumPy array."""
        return f"keras.ops.convert_to_numpy({tensor})" if self.backend else f"np.array({tensor})"


PLAIN = Dialect()
"""A module of which no more is known than that it speaks the API, of Keras 2."""
