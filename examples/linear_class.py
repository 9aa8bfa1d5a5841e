"""An example of a subject as a class: linear regression with momentum, saved as `.npz`.

saveproof run examples.linear_class:Linear
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from saveproof.conformance.model_state.contract import Contract, Facet, Promise, promises
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.conformance.model_state.subject import Logs, Unsupported
from saveproof.strategies.capabilities import Capabilities
from saveproof.strategies.case import AnyEvent, Case, Kind, TrainOnBatch
from saveproof.strategies.data import Rows


@dataclass
class Model:
    """Weights `(features, outputs)`, their momentum, and the number of steps taken."""

    kernel: np.ndarray
    momentum: np.ndarray
    steps: np.ndarray = field(default_factory=lambda: np.array(0))


class Npz:
    """The model's arrays in one `.npz` file."""

    name = "npz"
    in_memory = False
    contract = Contract(
        "https://numpy.org/doc/stable/reference/generated/numpy.savez.html",
        promises(Promise.CODE, Facet.ARCHITECTURE, Facet.DTYPE_POLICY, Facet.TRAINABLE)
        | promises(Promise.CODE, Facet.COMPILE, Facet.OPTIMIZER, Facet.LEARNING_RATE)
        | promises(Promise.CODE, Facet.NON_TRAINABLE)
        | promises(Promise.MUST, Facet.WEIGHTS, Facet.SLOTS, Facet.ITERATION),
    )

    def save(self, model: Model, target: Path) -> Path:
        """Write the arrays by name."""
        source = target.with_suffix(".npz")
        np.savez(source, kernel=model.kernel, momentum=model.momentum, steps=model.steps)
        return source

    def load(self, source: Path, case: Case) -> Model:  # noqa: ARG002 - the file is enough
        """Read the arrays back."""
        with np.load(source) as arrays:
            return Model(arrays["kernel"], arrays["momentum"], arrays["steps"])


class Linear:
    """Supports one Dense layer and training on batches; other cases are unsupported."""

    name = "linear"
    path = Npz()
    capabilities = Capabilities(
        kinds=(Kind.SEQUENTIAL,),
        layers=("Dense",),
        arguments={"Dense": (), "SGD": (), "train_on_batch": ()},
        optimizers=("SGD",),
        schedules=(),
        losses=("mse",),
        metrics=(),
        events=("train_on_batch",),
        axes=(1,),
        max_layers=1,
    )

    def environment(self) -> Mapping[str, str]:
        """Return NumPy's version."""
        return {"numpy": np.__version__}

    def paths(self) -> Sequence[Npz]:
        """Return the one save path."""
        return [self.path]

    def seed(self, seed: int) -> None:
        """Do nothing: the subject does not use global random generators."""

    def build(self, case: Case, *, built: bool = True) -> Model:  # noqa: ARG002 - always built
        """Return a model whose weights are drawn from the case's seed."""
        if [layer.class_name for layer in case.architecture.layers] != ["Dense"]:
            raise Unsupported("expected a model of one Dense layer")
        shape = (case.architecture.inputs[0].shape[-1], case.architecture.layers[0].config["units"])
        kernel = np.random.default_rng(case.seed).normal(size=shape)
        return Model(kernel, np.zeros(shape))

    def compile(self, model: Model, case: Case) -> None:
        """Do nothing: the model needs no compilation."""

    def perform(self, model: Model, event: AnyEvent, rows: Rows | None) -> Logs:
        """Train on batches: momentum 0.9, learning rate 0.01, mean squared error."""
        if not isinstance(event, TrainOnBatch) or rows is None:
            raise Unsupported(f"expected the event TrainOnBatch, found {type(event).__name__}")
        return [self._step(model, batch) for batch in rows.batches(event.batch_size)]

    def _step(self, model: Model, batch: Rows) -> Mapping[str, float]:
        x, y = batch.inputs[0], batch.targets[0]
        error = x @ model.kernel - y.reshape(len(x), -1)
        model.momentum = 0.9 * model.momentum - 0.01 * x.T @ error / len(x)
        model.kernel = model.kernel + model.momentum
        model.steps = model.steps + 1
        return {"loss": float(np.mean(error**2))}

    def predict(self, model: Model, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the product of the inputs and the kernel."""
        return [inputs[0] @ model.kernel]

    def snapshot(self, model: Model) -> Snapshot:
        """Return the arrays, by facet."""
        return Snapshot(
            {
                Facet.WEIGHTS: {"kernel": model.kernel.copy()},
                Facet.SLOTS: {"momentum": model.momentum.copy()},
                Facet.ITERATION: {"steps": np.array(model.steps)},
            }
        )
