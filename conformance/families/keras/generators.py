"""The random generators that a process has one set of: Python's, NumPy's and the framework's."""

from collections.abc import Mapping
from types import ModuleType


class Generators:
    """Seeded as a module that speaks the Keras API offers to."""

    def start(self, keras: ModuleType, seed: int) -> None:
        """Seed the process; `seed` has 32 bits."""
        keras.utils.set_random_seed(seed)

    def draw(self) -> None:
        """Note that what runs now may draw."""

    def states(self) -> Mapping[str, str]:
        """Return what tells one state of the framework's own generators from another, by name."""
        return {}
