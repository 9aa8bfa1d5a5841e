"""A deterministic TensorFlow: deterministic operations, one thread, kernels by seed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import ModuleType

from saveproof.conformance.families.keras.generators import Generators

TENSORFLOW_SETTLING = (
    "import tensorflow as tf",
    "tf.config.experimental.enable_op_determinism()",
)
"""Import and settling of TensorFlow, as a script has them."""

MOST_SEEDS = 1000
"""Seeds drawn from after which kernels are forgotten all the same: they would pile up."""


def make_tensorflow_deterministic() -> None:
    """Make TensorFlow repeat a program bit for bit, above all by one thread.

    `tf.data` in debug mode runs in order in that thread too; otherwise `train_on_batch` waits for
    the threads that the pipeline of its one batch had started, longer than for its step.

    Raises:
        RuntimeError: TensorFlow has run already, with more threads.
    """
    tensorflow = import_module("tensorflow")
    tensorflow.get_logger().setLevel("ERROR")
    tensorflow.debugging.disable_traceback_filtering()  # a finding shows the functions that raised
    tensorflow.config.threading.set_intra_op_parallelism_threads(1)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)
    tensorflow.config.experimental.enable_op_determinism()
    tensorflow.data.experimental.enable_debug_mode()


class TensorFlowGenerators(Generators):
    """Seeded as the module itself does it, but with TensorFlow's kernels kept where possible.

    TensorFlow drops all its kernels at each seeding, as a random kernel counts its draws. To make
    them again took a third of an example's time. But each random kernel belongs to one seed, so
    kernels must be dropped only when a seed is used again after a draw.
    """

    def __init__(self) -> None:
        super().__init__(_tensorflow_state)
        self._seed: int | None = None
        self._drawn: set[int | None] = set()

    def start(self, keras: ModuleType, seed: int) -> None:
        """Seed the process; drop the kernels if one of this seed has drawn."""
        if seed in self._drawn or len(self._drawn) >= MOST_SEEDS:
            self._drawn.clear()
            super().start(keras, seed)
        else:
            with _kernels_kept():
                super().start(keras, seed)
        self._seed = seed

    def draw(self) -> None:
        """Note that the next call may draw."""
        self._drawn.add(self._seed)


def _tensorflow_state() -> Mapping[str, str]:
    """Return the state of the generator that seeds operations."""
    context = import_module("tensorflow.python.eager.context").context()
    return {"TensorFlow": repr(context._rng.getstate())}


@cache
def tensorflow_generators() -> TensorFlowGenerators:
    """Return the process's only instance, as it has one set of kernels."""
    return TensorFlowGenerators()


@contextmanager
def _kernels_kept() -> Iterator[None]:
    """Make TensorFlow believe that it has not started yet, so that it keeps its kernels."""
    context = import_module("tensorflow.python.eager.context").context()
    handle = context._context_handle
    context._context_handle = None
    try:
        yield
    finally:
        context._context_handle = handle
