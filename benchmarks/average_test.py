"""Save and load tests of frameworks as an average engineer writes them, in a separate process.

Hypothesis chooses widths, activation and optimizer; the test builds, compiles, fits, predicts,
saves, loads, predicts and compares, all on the framework's default path.
"""

import os
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import msgspec
import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

SERVE = "benchmarks.average_test:serve"

FEATURES = 8
CLASSES = 3
ROWS = 32
EPOCHS = 2

Model = Any
RoundTrip = Callable[[ModuleType, Model, Path, Callable[[], Model]], Model]


class Order(msgspec.Struct, frozen=True):
    """A request to run the test of a subject and save path on a number of examples."""

    subject: str
    path: str
    examples: int
    seed: int


class Networks(NamedTuple):
    """The strategies of the test's inputs."""

    widths: list[int]
    activation: str
    optimizer: str


NETWORKS = st.builds(
    Networks,
    widths=st.lists(st.integers(1, 32), min_size=1, max_size=3),
    activation=st.sampled_from(["relu", "tanh", "sigmoid"]),
    optimizer=st.sampled_from(["sgd", "adam", "rmsprop"]),
)


def serve(message: bytes) -> bytes:
    """Run the test in this process as the message asks; the answer is empty."""
    run(msgspec.json.decode(message, type=Order))
    return b""


def run(order: Order) -> None:
    """Run the test on the requested number of generated networks."""
    framework, _, backend = order.subject.partition(":")
    if backend:
        os.environ["KERAS_BACKEND"] = backend
    module = import_module(framework)
    round_trip = ROUND_TRIPS[order.path]

    @seed(order.seed)
    @settings(
        max_examples=order.examples,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(NETWORKS)
    def outputs_survive(drawn: Networks) -> None:
        with tempfile.TemporaryDirectory() as folder:
            _outputs_survive(module, drawn, round_trip, Path(folder))

    outputs_survive()


def _outputs_survive(
    keras: ModuleType, drawn: Networks, round_trip: RoundTrip, folder: Path
) -> None:
    generator = np.random.default_rng(0)
    x = generator.uniform(-1, 1, (ROWS, FEATURES)).astype("float32")
    y = generator.integers(0, CLASSES, ROWS)
    model = _compiled(keras, drawn)
    model.fit(x, y, epochs=EPOCHS, batch_size=ROWS // 2, verbose=0)
    before = model.predict(x, verbose=0)
    loaded = round_trip(keras, model, folder, lambda: _compiled(keras, drawn))
    after = loaded.predict(x, verbose=0)
    np.testing.assert_allclose(before, after, rtol=1e-6, atol=1e-6)


def _compiled(keras: ModuleType, drawn: Networks) -> Model:
    layers = keras.layers
    hidden = [layers.Dense(width, activation=drawn.activation) for width in drawn.widths]
    last = layers.Dense(CLASSES, activation="softmax")
    model = keras.Sequential([keras.Input(shape=(FEATURES,)), *hidden, last])
    model.compile(
        optimizer=drawn.optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def _through_h5(keras: ModuleType, model: Model, folder: Path, _: Callable[[], Model]) -> Model:
    model.save(folder / "model.h5")
    return keras.models.load_model(folder / "model.h5")


def _through_keras(keras: ModuleType, model: Model, folder: Path, _: Callable[[], Model]) -> Model:
    model.save(folder / "model.keras")
    return keras.models.load_model(folder / "model.keras")


def _through_savedmodel(
    keras: ModuleType, model: Model, folder: Path, _: Callable[[], Model]
) -> Model:
    model.save(folder / "model", save_format="tf")
    return keras.models.load_model(folder / "model")


def _through_checkpoint(
    _: ModuleType, model: Model, folder: Path, build: Callable[[], Model]
) -> Model:
    model.save_weights(str(folder / "weights"), save_format="tf")
    loaded = build()
    loaded.load_weights(str(folder / "weights"))
    return loaded


ROUND_TRIPS: Mapping[str, RoundTrip] = {
    "h5": _through_h5,
    "keras": _through_keras,
    "savedmodel": _through_savedmodel,
    "checkpoint": _through_checkpoint,
}
"""How the test saves and loads, by name of the save path."""
