"""The random generators of a process: Python's, NumPy's and the framework's."""

from collections.abc import Callable, Mapping
from types import ModuleType


class Generators:
    """Seeded as a module that speaks the Keras API offers to; `states` has those of a framework.

    `states` returns a text of each generator's state by its name, another text for each state.
    """

    def __init__(self, states: Callable[[], Mapping[str, str]] = dict) -> None:
        self.states = states

    def start(self, keras: ModuleType, seed: int) -> None:
        """Seed the process; `seed` has 32 bits."""
        keras.utils.set_random_seed(seed)

    def draw(self) -> None:
        """Note that the next call may draw."""
