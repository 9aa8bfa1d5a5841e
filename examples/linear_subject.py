"""An example of a subject from plain functions: linear regression with momentum, as `.npz`.

saveproof run examples.linear_subject:linear
"""

import numpy as np

from saveproof import DENSE_CHAIN, Case, simple_subject


def build(case: Case) -> dict[str, np.ndarray]:
    """Return weights drawn from the case's seed, their momentum, and the number of steps."""
    shape = (case.architecture.inputs[0].shape[-1], case.architecture.layers[0].config["units"])
    kernel = np.random.default_rng(case.seed).normal(size=shape)
    return {"kernel": kernel, "momentum": np.zeros(shape), "steps": np.array(0)}


def train(model: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray) -> float:
    """Train on a batch: momentum 0.9, learning rate 0.01, mean squared error."""
    error = x @ model["kernel"] - y
    model["momentum"] = 0.9 * model["momentum"] - 0.01 * x.T @ error / len(x)
    model["kernel"], model["steps"] = model["kernel"] + model["momentum"], model["steps"] + 1
    return float(np.mean(error**2))


linear = simple_subject(
    "linear",
    capabilities=DENSE_CHAIN.but(max_layers=1),
    build=build,
    train=train,
    predict=lambda model, x: x @ model["kernel"],
    state=lambda m: {"weights": m["kernel"], "slots": m["momentum"], "iteration": m["steps"]},
    paths={"npz": (lambda m, f: np.savez(f, **m), lambda f, _: dict(np.load(f)))},
)
