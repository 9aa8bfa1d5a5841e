"""Compares a test of the reference with HDF5 to the same test handwritten in NumPy and h5py."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np

from benchmarks import numpy_loop
from benchmarks.figures import Figure, in_turns, ratio
from saveproof import reference_impl

GOAL = 0.5
ROWS = 8
STEPS = 2
WIDTHS = ((4, 8, 3), (4, 8, 8, 3), (3, 5, 2), (6, 4, 4, 1))
"""Inputs, hidden layers and outputs: networks of two and three layers."""

Property = Callable[[tuple[int, ...], int, Path], None]


class Differs(AssertionError):
    """The loaded model differs from the saved one, so the benchmark measures nothing."""


def figures(*, examples: int = 150, rounds: int = 7) -> list[Figure]:
    """Measure both in turns, in processor time."""
    with tempfile.TemporaryDirectory(prefix="saveproof-") as folder:
        measures = [_measure(one, examples, Path(folder)) for one in (reference_holds, loop_holds)]
        for measure in measures:
            measure()
        pairs = in_turns(measures[0], measures[1], rounds)
    what = "test of the reference with HDF5 / handwritten in NumPy and h5py"
    return [ratio(what, pairs, at_least=GOAL)]


def reference_holds(widths: tuple[int, ...], seed: int, folder: Path) -> None:
    """Build, compile, train, save, load, compare outputs, continue training, compare again.

    Raises:
        Differs: outputs or losses are not equal to the last bit.
    """
    layers = reference_impl.layers
    x, y = data(widths, seed)
    reference_impl.utils.set_random_seed(seed)
    hidden = [layers.Dense(units, activation="relu") for units in widths[1:-1]]
    given = reference_impl.Input(shape=(widths[0],))
    model = reference_impl.Sequential([given, *hidden, layers.Dense(widths[-1])])
    model.compile(optimizer="adam", loss="mse")
    for _ in range(STEPS):
        model.train_on_batch(x, y)
    target = folder / "reference.h5"
    model.save(target)
    loaded = reference_impl.models.load_model(target)
    _equal(model.predict_on_batch(x), loaded.predict_on_batch(x))
    for _ in range(STEPS):
        _equal(model.train_on_batch(x, y), loaded.train_on_batch(x, y))
    _equal(model.predict_on_batch(x), loaded.predict_on_batch(x))


def loop_holds(widths: tuple[int, ...], seed: int, folder: Path) -> None:
    """Do the same with arrays.

    Raises:
        Differs: outputs or losses are not equal to the last bit.
    """
    x, y = data(widths, seed)
    model = numpy_loop.network(widths, seed)
    for _ in range(STEPS):
        model.train(x, y)
    target = folder / "loop.h5"
    numpy_loop.save(model, target)
    loaded = numpy_loop.load(target)
    _equal(model.forward(x), loaded.forward(x))
    for _ in range(STEPS):
        _equal(model.train(x, y), loaded.train(x, y))
    _equal(model.forward(x), loaded.forward(x))


def _measure(holds: Property, examples: int, folder: Path) -> Callable[[], float]:
    def rate() -> float:
        start = process_time()
        for number in range(examples):
            holds(WIDTHS[number % len(WIDTHS)], number, folder)
        return examples / (process_time() - start)

    return rate


def data(widths: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets of eight rows, uniform between -1 and 1."""
    generator = np.random.default_rng(seed)
    x = generator.uniform(-1, 1, (ROWS, widths[0]))
    y = generator.uniform(-1, 1, (ROWS, widths[-1]))
    return x.astype(np.float32), y.astype(np.float32)


def _equal(expected: np.ndarray | float, found: np.ndarray | float) -> None:
    if not np.array_equal(expected, found):
        raise Differs(f"expected {expected!r}, found {found!r}")
