"""Writes and reads a gigabyte of weights with a module that has the Keras API."""

import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import msgspec
import numpy as np

from benchmarks.durability import make_durable, settle

SERVE = "benchmarks.weight_files:serve"

LAYERS = 8
UNITS = 5590
"""Eight square kernels of 125 MB each."""

Model = Any


class Order(msgspec.Struct, frozen=True):
    """A request to save and load the weights of a module's model in a format."""

    module: str
    format: str
    units: int = UNITS


class Seconds(msgspec.Struct, frozen=True):
    """The times of a write and a read; the write includes flushing to the disk."""

    write: float
    read: float


def serve(message: bytes) -> bytes:
    """Save and load once in this process, as the message asks."""
    order = msgspec.json.decode(message, type=Order)
    model = _model(order.module, order.units)
    way = FORMATS[order.format]
    with tempfile.TemporaryDirectory(prefix="saveproof-") as folder:
        target = Path(folder) / way.name
        times = timed(
            sum(weight.nbytes for weight in model.get_weights()),
            write=lambda: way.save(model, str(target)),
            read=lambda: way.load(model, str(target)),
            target=Path(folder),
        )
    return msgspec.json.encode(times)


def timed(
    size: int, *, write: Callable[[], None], read: Callable[[], object], target: Path
) -> Seconds:
    """Measure a write of `size` bytes to the target, until they are on the disk, and a read."""
    settle(size)
    start = perf_counter()
    write()
    make_durable(target)
    written = perf_counter() - start
    settle(size)
    start = perf_counter()
    found = read()
    seconds = Seconds(written, perf_counter() - start)
    del found
    return seconds


def arrays(units: int = UNITS) -> dict[str, np.ndarray]:
    """Return the model's weights as NumPy arrays, by name."""
    generator = np.random.default_rng(0)
    weights = {}
    for index in range(LAYERS):
        kernel = generator.random((units, units), dtype=np.float32)
        weights |= {f"dense_{index}/kernel": kernel, f"dense_{index}/bias": kernel[0].copy()}
    return weights


@cache
def _model(module: str, units: int) -> Model:
    keras = import_module(module)
    plain = {"kernel_initializer": "zeros"}
    dense = [keras.layers.Dense(units, **plain, name=f"dense_{i}") for i in range(LAYERS)]
    model = keras.Sequential([keras.Input(shape=(units,)), *dense])
    model.set_weights(list(arrays(units).values()))
    return model


def _save(model: Model, target: str) -> None:
    model.save_weights(target)


def _save_checkpoint(model: Model, target: str) -> None:
    model.save_weights(target, save_format="tf")


def _save_model(model: Model, target: str) -> None:
    model.save(target)


def _load(model: Model, source: str) -> None:
    model.load_weights(source)


class Way(NamedTuple):
    """A format: the file name, and how a model saves and loads its weights."""

    name: str
    save: Callable[[Model, str], None] = _save
    load: Callable[[Model, str], None] = _load


FORMATS: Mapping[str, Way] = {
    "h5": Way("model.h5"),
    "weights.h5": Way("model.weights.h5"),
    "keras": Way("model.keras", _save_model),
    "checkpoint": Way("weights", _save_checkpoint),
}
"""The formats of weights, which are the same for every module."""
