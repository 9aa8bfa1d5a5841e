"""Subjects from plain functions, for a library with a few kinds of layer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from saveproof.conformance.families import environment
from saveproof.conformance.model_state.contract import STRUCTURE, Contract, Facet, Promise, promises
from saveproof.conformance.model_state.snapshot import Inventory, Snapshot
from saveproof.conformance.model_state.subject import Logs, Model, Unsupported
from saveproof.strategies.capabilities import Capabilities
from saveproof.strategies.case import AnyEvent, Case, Fit, Kind, Predict, TrainOnBatch
from saveproof.strategies.data import Rows

CODE = (
    *(*STRUCTURE, Facet.NON_TRAINABLE, Facet.TRAINABLE, Facet.COMPILE),
    *(Facet.OPTIMIZER, Facet.LEARNING_RATE),
)
"""Facets that the model's code supplies where a path does not keep them."""

DENSE_CHAIN = Capabilities(
    kinds=(Kind.SEQUENTIAL,),
    layers=("Dense",),
    arguments={"Dense": (), "SGD": (), "train_on_batch": (), "fit": ()},
    optimizers=("SGD",),
    schedules=(),
    losses=("mse",),
    metrics=(),
    events=("train_on_batch", "fit", "predict"),
    dtypes=("float32",),
    axes=(1,),
    max_layers=3,
)
"""A chain of dense layers without arguments, trained with SGD on the mean squared error."""


RESUMABLE = ("weights", "slots", "iteration")
"""What a path keeps if its words do not say."""


class InvalidWords(ValueError):
    """The words of a contract, or of a state, name no facet."""


Build = Callable[[Case], Model]
Train = Callable[[Model, Any, Any], float | Mapping[str, float]]
Predicting = Callable[[Model, Any], Any]
State = Callable[[Model], Mapping[str, Any]]
Save = Callable[[Model, Path], object]
Load = Callable[[Path, Case], Model]
Kept = Contract | str | Sequence[str]


class SimplePath(NamedTuple):
    """A save path of two functions; it writes one file, whose suffix is its name."""

    name: str
    contract: Contract
    write: Save
    read: Load
    in_memory: bool = False

    def save(self, model: Model, target: Path) -> Path:
        """Save the model in the file."""
        source = target.with_suffix(f".{self.name}")
        self.write(model, source)
        return source

    def load(self, source: Path, case: Case) -> Model:
        """Load the file."""
        return self.read(source, case)


@dataclass(frozen=True)
class SimpleSubject:
    """A subject of functions; see `simple_subject`."""

    name: str
    capabilities: Capabilities
    packages: tuple[str, ...]
    make: Build
    train: Train
    compute: Predicting
    state: State
    offered: tuple[SimplePath, ...]
    start: Callable[[int], object]

    def environment(self) -> Mapping[str, str]:
        """Return the versions of the packages."""
        return {package: environment.version(package) for package in self.packages}

    def paths(self) -> Sequence[SimplePath]:
        """Return the save paths."""
        return self.offered

    def seed(self, seed: int) -> None:
        """Seed the process-wide generators."""
        self.start(seed)

    def build(self, case: Case, *, built: bool = True) -> Model:  # noqa: ARG002 - always built
        """Return a new model."""
        return self.make(case)

    def compile(self, model: Model, case: Case) -> None:
        """Do nothing: a model trains as it is built or loaded."""

    def perform(self, model: Model, event: AnyEvent, rows: Rows | None) -> Logs:
        """Train batch by batch, or predict."""
        if rows is not None and isinstance(event, TrainOnBatch):
            return [*self._steps(model, rows, event.batch_size)]
        if rows is not None and isinstance(event, Fit):
            epochs = ([*self._steps(model, rows, event.batch_size)] for _ in range(event.epochs))
            return [_mean(steps) for steps in epochs]
        if rows is not None and isinstance(event, Predict):
            self.predict(model, rows.inputs)
            return []
        raise Unsupported(f"a simple subject has no event {type(event).__name__}")

    def predict(self, model: Model, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the outputs, one array each."""
        answer = self.compute(model, _one_or_several(inputs))
        return [np.array(one) for one in (answer if isinstance(answer, list | tuple) else [answer])]

    def snapshot(self, model: Model) -> Snapshot:
        """Return the state, in copies."""
        return Snapshot({facet(word): _copied(word, v) for word, v in self.state(model).items()})

    def _steps(self, model: Model, rows: Rows, size: int) -> Iterator[Mapping[str, float]]:
        for batch in rows.batches(size):
            x, y = _one_or_several(batch.inputs), _one_or_several(batch.targets)
            answer = self.train(model, x, y)
            yield answer if isinstance(answer, Mapping) else {"loss": float(answer)}


def simple_subject(
    name: str,
    *,
    build: Build,
    train: Train,
    predict: Predicting,
    state: State,
    paths: Mapping[str, tuple[Save, Load] | tuple[Save, Load, Kept]],
    capabilities: Capabilities = DENSE_CHAIN,
    document: str = "",
    packages: Sequence[str] = ("numpy",),
    seed: Callable[[int], object] = lambda _: None,
) -> SimpleSubject:
    """Return a subject of plain functions.

    Args:
        name: what reports call it.
        build: returns a new model for a case, with weights that depend on `case.seed` alone.
        train: trains on one batch `(model, x, y)`, in place; returns the loss, or logs by name.
        predict: returns the output for inputs `(model, x)`, or a list of outputs.
        state: returns the state of a model by words for facets, such as `weights`, `slots` and
            `iteration`: an array, or arrays by name.
        paths: by name, `(save, load)` or `(save, load, keeps)`. `save(model, file)` writes the
            file, and `load(file, case)` returns the model. `keeps` are words for what the file
            brings back, a list or one text: by default, the weights, slots and iteration that an
            exact resume needs. The case's code supplies the rest. A `Contract` says it in full.
        capabilities: what cases may contain; by default a chain of up to three dense layers.
        document: the page that promises what `keeps` says.
        packages: whose versions a report shows.
        seed: seeds process-wide random generators, if the library has any.

    Raises:
        InvalidWords: a word names no facet.
    """
    offered = tuple(
        SimplePath(at, _contract(*kept, document=document), save, load)
        for at, (save, load, *kept) in paths.items()
    )
    return SimpleSubject(
        name, capabilities, tuple(packages), build, train, predict, state, offered, seed
    )


def facet(word: str) -> Facet:
    """Return the facet of a word: its name in full, or short.

    >>> facet("slots") is facet("optimizer slots")
    True

    Raises:
        InvalidWords: there is none.
    """
    by_word = {short: one for one in Facet for short in (one.name.lower(), str(one))}
    if word not in by_word:
        raise InvalidWords(f"facet: expected one of {', '.join(by_word)}; found {word!r}")
    return by_word[word]


def _contract(kept: Kept = RESUMABLE, *, document: str) -> Contract:
    if isinstance(kept, Contract):
        return kept
    words = kept.split() if isinstance(kept, str) else kept
    promised = promises(Promise.CODE, CODE) | promises(Promise.MUST, *map(facet, words))
    return Contract(document, promised)


def _one_or_several(arrays: Sequence[np.ndarray]) -> Any:
    return arrays[0] if len(arrays) == 1 else list(arrays)


def _copied(word: str, values: Any) -> Inventory:
    by_name = values if isinstance(values, Mapping) else {word: values}
    return {name: np.array(value) for name, value in by_name.items()}


def _mean(logs: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    return {name: float(np.mean([log[name] for log in logs])) for name in logs[0]}
