"""A gigabyte of weights, written and read by a module that speaks the Keras API."""

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
    """Which module is to save and load its weights, in which format."""

    module: str
    format: str
    units: int = UNITS


class Seconds(msgspec.Struct, frozen=True):
    """How long it took; the write includes flushing to the disk."""

    write: float
    read: float


def serve(message: bytes) -> bytes:
    """Save and load as ordered, once, in this process."""
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
    """Write as many bytes to the target and have them on the disk, read them; measure both."""
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
    """Return the model's weights as NumPy has them, by name."""
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
    """How a model's weights go into a format and back into the model, and the file's name."""

    name: str
    save: Callable[[Model, str], None] = _save
    load: Callable[[Model, str], None] = _load


FORMATS: Mapping[str, Way] = {
    "h5": Way("model.h5"),
    "weights.h5": Way("model.weights.h5"),
    "keras": Way("model.keras", _save_model),
    "checkpoint": Way("weights", _save_checkpoint),
}
"""Formats of weights, each the same for every module."""
