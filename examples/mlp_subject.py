"""An example of a subject: dense tanh layers in plain NumPy, saved without pickle.

saveproof run examples.mlp_subject:mlp
"""

from itertools import pairwise
from typing import Any

import numpy as np

from saveproof import Case, simple_subject

RATE, MOMENTUM = 0.05, 0.9


class Network:
    """Dense tanh layers, trained by SGD with momentum on the mean squared error."""

    def __init__(self, sizes: list[int], seed: int) -> None:
        draw, pairs = np.random.default_rng(seed), list(pairwise(sizes))
        self.weights = [draw.normal(0, 0.5, pair) for pair in pairs]
        self.velocity = [np.zeros(pair) for pair in pairs]
        self.steps = 0

    def activations(self, x: np.ndarray) -> list[np.ndarray]:
        """Return the inputs, and the outputs of each layer."""
        values = [x.astype(float)]
        for weights in self.weights:
            values.append(np.tanh(values[-1] @ weights))
        return values

    def train(self, x: np.ndarray, y: np.ndarray) -> float:
        """Take one step on a batch and return the loss before it."""
        values = self.activations(x)
        error = values[-1] - y
        slope = error / len(x)
        for i in reversed(range(len(self.weights))):
            slope = slope * (1 - values[i + 1] ** 2)
            change, slope = values[i].T @ slope, slope @ self.weights[i].T
            self.velocity[i] = MOMENTUM * self.velocity[i] - RATE * change
            self.weights[i] = self.weights[i] + self.velocity[i]
        self.steps += 1
        return float(np.mean(error**2))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return everything that the model has, by name."""
        named = {f"weights {i}": w for i, w in enumerate(self.weights)}
        named |= {f"velocity {i}": v for i, v in enumerate(self.velocity)}
        return {**named, "steps": np.array(self.steps)}


def build(case: Case) -> Network:
    """Return a new network."""
    units = [layer.config["units"] for layer in case.architecture.layers]
    return Network([case.architecture.inputs[0].shape[-1], *units], case.seed)


def load(file: Any, case: Case) -> Network:
    """Return the network of the file."""
    model, arrays = build(case), np.load(file)
    model.weights = [arrays[f"weights {i}"] for i in range(len(model.weights))]
    model.velocity = [arrays[f"velocity {i}"] for i in range(len(model.velocity))]
    model.steps = int(arrays["steps"])
    return model


def state(model: Network) -> dict[str, Any]:
    """Return the state by facet."""
    arrays = model.arrays()
    return {
        "weights": {name: a for name, a in arrays.items() if name.startswith("weights")},
        "slots": {name: a for name, a in arrays.items() if name.startswith("velocity")},
        "iteration": model.steps,
    }


mlp = simple_subject(
    "NumPy network",
    build=build,
    train=Network.train,
    predict=lambda model, x: model.activations(x)[-1],
    state=state,
    paths={"npz": (lambda m, f: np.savez(f, **m.arrays()), load)},
)
