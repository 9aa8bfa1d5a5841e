"""The program of the guide "Save and Serialize Models" (TensorFlow 2.0), on handwritten digits.

    python examples/save_and_serialize.py saveproof.reference_impl
    python examples/save_and_serialize.py tf_keras

Every assertion of the guide must hold. The program also tests what the guide leaves out: whether
training after a resume gives the same losses, to the last bit, as training without a save, and
whether a model without weights is refused. It prints True or False after the path's name.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

Digits = tuple[np.ndarray, np.ndarray]
"""Images `(rows, 784)` in [0, 1], float32; labels `(rows,)`."""


def digits() -> tuple[Digits, Digits]:
    """Return training and test digits, their 8 x 8 pixels enlarged to the guide's 28 x 28."""
    images, labels = load_digits(return_X_y=True)
    nearest = np.arange(28) * 8 // 28
    large = images.reshape(-1, 8, 8)[:, nearest][:, :, nearest]
    x = large.reshape(-1, 784).astype("float32") / 16
    y = labels.astype("float32")
    return (x[:1500], y[:1500]), (x[1500:], y[1500:])


def three_layer_mlp(keras: ModuleType) -> Any:
    """Return the guide's Functional model."""
    layers = keras.layers
    inputs = keras.Input(shape=(784,), name="digits")
    x = layers.Dense(64, activation="relu", name="dense_1")(inputs)
    x = layers.Dense(64, activation="relu", name="dense_2")(x)
    outputs = layers.Dense(10, activation="softmax", name="predictions")(x)
    return keras.Model(inputs=inputs, outputs=outputs, name="3_layer_mlp")


def subclassed_mlp(keras: ModuleType) -> Any:
    """Return the guide's subclassed model."""
    layers = keras.layers

    class ThreeLayerMLP(keras.Model):  # type: ignore[misc, name-defined]  # the module is opaque
        def __init__(self, name: str | None = None) -> None:
            super().__init__(name=name)
            self.dense_1 = layers.Dense(64, activation="relu", name="dense_1")
            self.dense_2 = layers.Dense(64, activation="relu", name="dense_2")
            self.pred_layer = layers.Dense(10, activation="softmax", name="predictions")

        def call(self, inputs: Any) -> Any:
            x = self.dense_1(inputs)
            x = self.dense_2(x)
            return self.pred_layer(x)

    return ThreeLayerMLP(name="3_layer_mlp")


def compiled(keras: ModuleType, model: Any) -> Any:
    """Return the model, compiled as the guide compiles it."""
    model.compile(loss="sparse_categorical_crossentropy", optimizer=keras.optimizers.RMSprop())
    return model


@dataclass(frozen=True)
class Held:
    """A path whose assertions are true; `exact` is the result of the test beyond the guide."""

    path: str
    exact: bool | None = None


def trajectory(model: Any, data: Digits, steps: int = 5) -> list[float]:
    """Return the losses of the next steps of training."""
    x, y = data
    batches = [slice(64 * step, 64 * (step + 1)) for step in range(steps)]
    return [float(model.train_on_batch(x[batch], y[batch])) for batch in batches]


def whole_model(keras: ModuleType, data: Digits, test: np.ndarray, folder: Path) -> Iterator[Held]:
    """Save and load the whole model, as HDF5 and as a SavedModel."""
    formats = [("h5", folder / "path_to_my_model.h5"), ("tf", folder / "path_to_saved_model")]
    for name, target in formats:
        model = compiled(keras, three_layer_mlp(keras))
        model.fit(*data, batch_size=64, epochs=1, verbose=0)
        predictions = model.predict(test, verbose=0)
        model.save(str(target), save_format=name)
        new_model = keras.models.load_model(str(target))
        _same_predictions(predictions, new_model.predict(test, verbose=0))
        resumes = trajectory(model, data) == trajectory(new_model, data)
        yield Held(f"whole model, {name}", resumes)


def architecture(keras: ModuleType, data: Digits, test: np.ndarray, _: Path) -> Iterator[Held]:
    """Save the architecture only: the weights that come back are fresh."""
    model = compiled(keras, three_layer_mlp(keras))
    model.fit(*data, batch_size=64, epochs=1, verbose=0)
    predictions = model.predict(test, verbose=0)
    ways: dict[str, Callable[[], Any]] = {
        "config": lambda: keras.Model.from_config(model.get_config()),
        "JSON": lambda: keras.models.model_from_json(model.to_json()),
    }
    for name, rebuilt in ways.items():
        new_predictions = rebuilt().predict(test, verbose=0)
        # The guide takes the sum first, which is 0 now and then: probabilities add up to 1.
        assert np.sum(abs(predictions - new_predictions)) > 0.0
        yield Held(name)


def weights(keras: ModuleType, data: Digits, test: np.ndarray, folder: Path) -> Iterator[Held]:
    """Save the weights only, and architecture and weights apart."""
    model = compiled(keras, three_layer_mlp(keras))
    model.fit(*data, batch_size=64, epochs=1, verbose=0)
    predictions = model.predict(test, verbose=0)

    twin = compiled(keras, three_layer_mlp(keras))
    twin.set_weights(model.get_weights())
    _same_predictions(predictions, twin.predict(test, verbose=0))
    yield Held("weights in memory")

    new_model = keras.Model.from_config(model.get_config())
    new_model.set_weights(model.get_weights())
    _same_predictions(predictions, new_model.predict(test, verbose=0))
    yield Held("config and weights in memory")

    target = folder / "path_to_my_weights.h5"
    model.save_weights(str(target))
    new_model = keras.models.model_from_json(model.to_json())
    new_model.load_weights(str(target))
    _same_predictions(predictions, new_model.predict(test, verbose=0))
    first_batch_loss = trajectory(model, data, 1)
    assert first_batch_loss == trajectory(compiled(keras, new_model), data, 1)
    yield Held("JSON and weights, HDF5")

    checkpoint = str(folder / "path_to_my_tf_checkpoint")
    model.save_weights(checkpoint, save_format="tf")
    twin = compiled(keras, three_layer_mlp(keras))
    twin.train_on_batch(data[0][:1], data[1][:1])
    twin.load_weights(checkpoint)
    yield Held("weights, TF checkpoint", trajectory(model, data) == trajectory(twin, data))


def subclassed(keras: ModuleType, data: Digits, test: np.ndarray, folder: Path) -> Iterator[Held]:
    """Save a subclassed model: its architecture is its code."""
    unbuilt = subclassed_mlp(keras)
    yield Held("subclassed, unbuilt", _refuses(lambda: unbuilt.save_weights(folder / "no.h5")))

    model = compiled(keras, subclassed_mlp(keras))
    model.fit(*data, batch_size=64, epochs=1, verbose=0)
    refused = _refuses(lambda: model.save(str(folder / "subclassed.h5")))
    assert refused
    yield Held("subclassed, whole model, HDF5", refused)
    yield from _subclassed_weights(keras, model, data, test, folder)


def _subclassed_weights(
    keras: ModuleType, model: Any, data: Digits, test: np.ndarray, folder: Path
) -> Iterator[Held]:
    target = folder / "path_to_my_weights"
    model.save_weights(str(target), save_format="tf")
    predictions = model.predict(test, verbose=0)
    first_batch_loss = model.train_on_batch(data[0][:64], data[1][:64])

    new_model = compiled(keras, subclassed_mlp(keras))
    new_model.train_on_batch(data[0][:1], data[1][:1])
    new_model.load_weights(str(target))
    _same_predictions(predictions, new_model.predict(test, verbose=0))
    new_first_batch_loss = new_model.train_on_batch(data[0][:64], data[1][:64])
    assert first_batch_loss == new_first_batch_loss
    resumes = trajectory(model, data) == trajectory(new_model, data)
    yield Held("subclassed, weights, TF checkpoint", resumes)


def _refuses(save: Callable[[], object]) -> bool:
    try:
        save()
    except (NotImplementedError, ValueError):
        return True
    return False


def _same_predictions(predictions: np.ndarray, new_predictions: np.ndarray) -> None:
    np.testing.assert_allclose(predictions, new_predictions, rtol=1e-6, atol=1e-6)


def guide(keras: ModuleType, folder: Path) -> Iterator[Held]:
    """Run the guide with the module, and yield each path whose assertions hold."""
    data, (test, _) = digits()
    for part in (whole_model, architecture, weights, subclassed):
        yield from part(keras, data, test, folder)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        for held in guide(import_module(sys.argv[1]), Path(temporary)):
            print(f"{held.path:35} {'' if held.exact is None else held.exact}")
