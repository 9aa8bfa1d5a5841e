"""Source that depends on the module that speaks the Keras API, apart from its save paths."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """A module that speaks the Keras API, as source.

    `backend` is the value of `KERAS_BACKEND`, which Keras 3 alone has. `generators` is a function
    that returns the states of a layer's random generators. `settling` makes the framework below,
    which `framework` imports, deterministic.
    """

    backend: str = ""
    generators: Sequence[str] = ()
    framework: str = ""
    settling: str = ""

    @property
    def resets(self) -> bool:
        """Whether metrics must be reset before each batch, as in Keras 3."""
        return bool(self.backend)

    def array(self, tensor: str) -> str:
        """Return the expression of a tensor as a NumPy array."""
        return f"keras.ops.convert_to_numpy({tensor})" if self.backend else f"np.array({tensor})"


PLAIN = Dialect()
"""Any module that speaks the API of Keras 2."""
