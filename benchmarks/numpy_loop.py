"""The test of `reference_hdf5`, handwritten in NumPy and h5py without layers and tape."""

import json
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np

Arrays = list[np.ndarray]

RATE, BETA_1, BETA_2, EPSILON = 0.001, 0.9, 0.999, 1e-7


@dataclass
class Network:
    """Dense layers with ReLU between them: alternating kernels and biases, and Adam's slots."""

    widths: tuple[int, ...]
    weights: Arrays
    momenta: Arrays
    velocities: Arrays
    step: int = 0
    _inputs: Arrays = field(default_factory=list)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the outputs (batch, last width), and keep each layer's inputs."""
        self._inputs = []
        pairs = list(zip(self.weights[::2], self.weights[1::2], strict=True))
        for index, (kernel, bias) in enumerate(pairs):
            self._inputs.append(x)
            x = x @ kernel + bias
            if index < len(pairs) - 1:
                x = np.maximum(x, 0)
        return x

    def train(self, x: np.ndarray, y: np.ndarray) -> float:
        """Take a step of Adam on the mean squared error, and return the loss before it."""
        error = self.forward(x) - y
        self._apply(self._backward(error * np.float32(2 / error.size)))
        return float(np.mean(error * error))

    def _backward(self, g: np.ndarray) -> Arrays:
        gradients: Arrays = []
        for index in range(len(self._inputs) - 1, -1, -1):
            x = self._inputs[index]
            gradients += [g.sum(axis=0), x.T @ g]
            if index:
                g = (g @ self.weights[2 * index].T) * (x > 0)
        return gradients[::-1]

    def _apply(self, gradients: Arrays) -> None:
        """Kingma & Ba, "Adam", in the efficient form at the end of their section 2."""
        self.step += 1
        rate = np.float32(RATE * np.sqrt(1 - BETA_2**self.step) / (1 - BETA_1**self.step))
        state = (self.weights, gradients, self.momenta, self.velocities)
        for weight, gradient, m, v in zip(*state, strict=True):
            m += (gradient - m) * np.float32(1 - BETA_1)
            v += (gradient * gradient - v) * np.float32(1 - BETA_2)
            weight -= rate * m / (np.sqrt(v) + np.float32(EPSILON))


def network(widths: tuple[int, ...], seed: int) -> Network:
    """Return a network with Glorot uniform kernels and zero biases."""
    generator = np.random.default_rng(seed)
    weights: Arrays = []
    for fan_in, fan_out in pairwise(widths):
        limit = np.sqrt(6 / (fan_in + fan_out))
        kernel = generator.uniform(-limit, limit, (fan_in, fan_out))
        weights += [kernel.astype(np.float32), np.zeros(fan_out, np.float32)]
    return Network(
        widths, weights, [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
    )


def save(model: Network, target: Path) -> None:
    """Write the essentials of Keras's layout: configs, weights by layer, optimizer weights."""
    names = [f"dense_{index}" for index in range(len(model.widths) - 1)]
    with h5py.File(target, "w") as file:
        file.attrs["backend"] = "numpy"
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["model_config"] = json.dumps(_model_config(model))
        file.attrs["training_config"] = json.dumps(_training_config())
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = names
        for index, name in enumerate(names):
            arrays = model.weights[2 * index : 2 * index + 2]
            paths = [f"{name}/kernel:0", f"{name}/bias:0"]
            _write(weights.create_group(name), paths, arrays)
        slots = [np.array(model.step), *model.momenta, *model.velocities]
        paths = ["iteration:0", *(f"Adam/slot_{index}:0" for index in range(len(slots) - 1))]
        _write(file.create_group("optimizer_weights"), paths, slots)


def load(source: Path) -> Network:
    """Return the network in the file."""
    with h5py.File(source, "r") as file:
        config = json.loads(file.attrs["model_config"])["config"]["layers"]
        json.loads(file.attrs["training_config"])
        widths = (
            config[0]["config"]["batch_input_shape"][1],
            *(layer["config"]["units"] for layer in config[1:]),
        )
        group = file["model_weights"]
        weights = [array for name in group.attrs["layer_names"] for array in _read(group[name])]
        step, *slots = _read(file["optimizer_weights"])
    half = len(slots) // 2
    return Network(tuple(widths), weights, slots[:half], slots[half:], int(step))


def _write(group: h5py.Group, names: list[str], arrays: Arrays) -> None:
    group.attrs["weight_names"] = names
    for name, array in zip(names, arrays, strict=True):
        group[name] = array


def _read(group: h5py.Group) -> Arrays:
    return [group[name][()] for name in group.attrs["weight_names"]]


def _model_config(model: Network) -> dict[str, object]:
    first = {"batch_input_shape": [None, model.widths[0]], "dtype": "float32", "name": "input"}
    layers = [{"class_name": "InputLayer", "config": first}]
    for index, units in enumerate(model.widths[1:]):
        last = index == len(model.widths) - 2
        config = {
            "name": f"dense_{index}",
            "trainable": True,
            "dtype": "float32",
            "units": units,
            "activation": "linear" if last else "relu",
            "use_bias": True,
            "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}},
            "bias_initializer": {"class_name": "Zeros", "config": {}},
        }
        layers.append({"class_name": "Dense", "config": config})
    return {"class_name": "Sequential", "config": {"name": "sequential", "layers": layers}}


def _training_config() -> dict[str, object]:
    adam = {"learning_rate": RATE, "beta_1": BETA_1, "beta_2": BETA_2, "epsilon": EPSILON}
    return {
        "loss": "mse",
        "metrics": None,
        "optimizer_config": {"class_name": "Adam", "config": adam},
    }
