"""The doctor: tests a subject's adapter on everything that the subject has, one by one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import NamedTuple

import msgspec

from saveproof.conformance.families import subjects
from saveproof.conformance.families.description import Described
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import Snapshot, same
from saveproof.conformance.model_state.subject import Subject, Unsupported
from saveproof.conformance.processes import wire
from saveproof.conformance.processes.endings import ENDING, NoAnswer, asked_again
from saveproof.conformance.processes.isolation import Child
from saveproof.conformance.runs.preflight import had
from saveproof.strategies import data
from saveproof.strategies.capabilities import Capabilities, had_of, has
from saveproof.strategies.case import (
    AnyEvent,
    Architecture,
    Call,
    Case,
    CompileSettings,
    Config,
    Evaluate,
    Fit,
    Input,
    Kind,
    Layer,
    Object,
    Predict,
    Recompile,
    ResetMetrics,
    ResetStates,
    SetLearningRate,
    SetTrainable,
    TrainingHistory,
    TrainOnBatch,
    tag_of,
)
from saveproof.strategies.declared import LOSSES
from saveproof.strategies.layers import as_had
from saveproof.strategies.targets import Target, target_of

NEVER_EMPTY = frozenset(
    (Facet.ARCHITECTURE, Facet.NAMES, Facet.WEIGHTS, Facet.OPTIMIZER, Facet.ITERATION)
)
"""Facets of which every trained model has at least one entry."""

STEPS = 2
ROWS = 4

TRY = "saveproof.conformance.doctor:try_one"

SECONDS = 120.0
"""Time limit of one trial."""


class Outcome(StrEnum):
    """What came of a trial, as it is printed."""

    WORKS = "ok"
    BROKEN = "NO"
    MISSING = "--"
    """The subject does not have it, or no snapshot shows it: that is no fault."""


class Trial(msgspec.Struct, frozen=True):
    """A request to the child process: a case to try, and what it tries."""

    subject: str
    what: str
    case: Case


class Attempt(NamedTuple):
    """The outcome of a trial: what was tried, a detail to print, and the facets with entries."""

    what: str
    outcome: Outcome
    detail: str
    shown: tuple[Facet, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is broken."""
        return self.outcome is not Outcome.BROKEN


LAYERS: tuple[tuple[tuple[int, ...], str, Config], ...] = (
    ((4,), "Dense", {"units": 3}),
    ((4,), "Activation", {"activation": "tanh"}),
    ((4,), "Dropout", {"rate": 0.3, "seed": 1}),
    ((3, 2), "Flatten", {}),
    ((4,), "Reshape", {"target_shape": [2, 2]}),
    ((4,), "BatchNormalization", {"momentum": 0.8}),
    ((4,), "LayerNormalization", {"epsilon": 0.01}),
    ((5,), "Embedding", {"input_dim": 7, "output_dim": 3}),
    ((5, 2), "Conv1D", {"filters": 3, "kernel_size": 2}),
    ((5, 5, 2), "Conv2D", {"filters": 3, "kernel_size": 2}),
    ((5, 2), "DepthwiseConv1D", {"kernel_size": 2}),
    ((5, 5, 2), "DepthwiseConv2D", {"kernel_size": 2}),
    ((5, 2), "SeparableConv1D", {"filters": 3, "kernel_size": 2}),
    ((5, 5, 2), "SeparableConv2D", {"filters": 3, "kernel_size": 2}),
    ((5, 2), "ZeroPadding1D", {"padding": 1}),
    ((4, 4, 2), "ZeroPadding2D", {"padding": 1}),
    ((4, 2), "MaxPooling1D", {"pool_size": 2}),
    ((4, 4, 2), "MaxPooling2D", {"pool_size": 2}),
    ((4, 2), "AveragePooling1D", {"pool_size": 2}),
    ((4, 4, 2), "AveragePooling2D", {"pool_size": 2}),
    ((5, 2), "GlobalAveragePooling1D", {}),
    ((4, 4, 2), "GlobalAveragePooling2D", {}),
    ((5, 2), "SimpleRNN", {"units": 3, "stateful": True}),
    ((5, 2), "LSTM", {"units": 3}),
    ((5, 2), "GRU", {"units": 3}),
    ((5, 2), "Bidirectional", {"layer": {"class_name": "GRU", "config": {"units": 3}}}),
    ((4,), "ReLU", {"negative_slope": 0.25}),
    ((4,), "LeakyReLU", {}),
    ((4,), "PReLU", {}),
    ((4,), "Softmax", {}),
    ((4,), "Add", {}),
    ((4,), "Multiply", {}),
    ((4,), "Concatenate", {}),
)
"""The layers that are tried: the shape of an input, the class, and its arguments."""

MERGING = frozenset(("Add", "Concatenate", "Multiply"))

OPTIMIZERS = (
    Object("SGD", {"learning_rate": 0.01, "momentum": 0.9, "nesterov": True}),
    Object("RMSprop", {"learning_rate": 0.01, "momentum": 0.3, "centered": True}),
    Object("Adam", {"learning_rate": 0.01, "amsgrad": True}),
    Object("AdamW", {"learning_rate": 0.01, "weight_decay": 0.01}),
    Object("Adagrad", {"learning_rate": 0.01}),
    Object("Adadelta", {"learning_rate": 0.01}),
    Object("Adamax", {"learning_rate": 0.01}),
    Object("Nadam", {"learning_rate": 0.01}),
)
"""The optimizers that are tried, with the arguments that add slots."""


END_ACTIVATIONS = {
    Target.REAL: "linear",
    Target.BINARY: "sigmoid",
    Target.ONE_HOT: "softmax",
    Target.CLASS: "softmax",
}
"""The activation that ends a model for a loss with such targets."""

SHAPES: dict[int, tuple[int, ...]] = {1: (4,), 2: (5, 2), 3: (4, 4, 2)}
"""An input's shape by its number of axes."""


def doctor(subject: Described, ask: Callable[[str, Case], Attempt]) -> list[Attempt]:
    """Try the adapter on each kind, layer, optimizer, loss and event that the subject has.

    `ask` runs one trial: `tried` in this process, `asked` in a child process. The subject's own
    contracts say which facets a snapshot needs. What the subject does not declare is not tried;
    without capabilities, everything is, and what is unsupported is not broken.
    """
    promised = {
        facet: path.name
        for path in subject.paths()
        for facet in path.contract.facets
        if path.contract.file_promise(facet)
    }
    declared = subject.description.capabilities is not None
    attempts = [
        _judged(ask(what, case), NEVER_EMPTY.intersection(promised), declared=declared)
        for what, case in Patients(had(subject)).every()
    ]
    shown = {facet for attempt in attempts for facet in attempt.shown}
    return [
        Attempt("environment", Outcome.WORKS, _versions(subject)),
        Attempt("save paths", Outcome.WORKS, ", ".join(path.name for path in subject.paths())),
        *attempts,
        *(
            Attempt(f"facet {facet}", Outcome.MISSING, f"{path} promises it, no snapshot shows it")
            for facet, path in promised.items()
            if facet not in shown
        ),
    ]


def _judged(attempt: Attempt, needed: frozenset[Facet], *, declared: bool) -> Attempt:
    """Return the attempt, broken where a declaration or a contract says more than it shows."""
    if attempt.outcome is Outcome.MISSING and declared:
        detail = f"the capabilities have it, but it is {attempt.detail}"
        return attempt._replace(outcome=Outcome.BROKEN, detail=detail)
    empty = [facet for facet in Facet if facet in needed and facet not in attempt.shown]
    if attempt.outcome is Outcome.WORKS and empty:
        detail = f"expected entries in every promised facet, found none in {', '.join(empty)}"
        return attempt._replace(outcome=Outcome.BROKEN, detail=detail)
    return attempt


@dataclass(frozen=True)
class Patients:
    """The cases that try one thing each, of what a subject has."""

    had: Capabilities

    def every(self) -> Iterator[tuple[str, Case]]:
        """Yield what each case tries, and the case."""
        had = self.had
        for kind in had.kinds:
            yield f"kind {kind}", self._case(*self._plain, kind=kind)
        for shape, name, config in LAYERS:
            if has(had.layers, name) and self._fits(name, shape):
                yield f"layer {name}", self._case(shape, name, config)
        for one in OPTIMIZERS:
            if has(had.optimizers, one.class_name):
                yield f"optimizer {one.class_name}", self._case(*self._plain, optimizer=one)
        for loss in had_of(LOSSES, had.losses):
            yield f"loss {loss}", self._case(*self._plain, loss=loss)
        for event in self._events():
            if has(had.events, tag_of(type(event))):
                yield f"event {tag_of(type(event))}", self._case(*self._plain, event=event)

    @property
    def _plain(self) -> tuple[tuple[int, ...], str, Config]:
        return SHAPES[self.had.axes[0]], "Dense", {"units": 3}

    def _fits(self, name: str, shape: tuple[int, ...]) -> bool:
        several = name in MERGING and Kind.FUNCTIONAL not in self.had.kinds
        alone = self.had.max_layers == 1 and name != "Dense"
        return len(shape) in self.had.axes and not several and not alone

    def _events(self) -> Iterator[AnyEvent]:
        yield TrainOnBatch(STEPS, ROWS)
        yield Fit(1, 2 * ROWS, ROWS)
        yield Evaluate(2 * ROWS, ROWS)
        yield Predict(ROWS, ROWS)
        yield SetTrainable("tried", value=False)
        yield SetLearningRate(0.02)
        yield Recompile(self._settings(self._optimizer(OPTIMIZERS[0]), LOSSES[0]))
        yield ResetMetrics()
        yield ResetStates()

    def _case(
        self,
        shape: tuple[int, ...],
        class_name: str,
        config: Config,
        *,
        kind: Kind | None = None,
        optimizer: Object = OPTIMIZERS[0],
        loss: str = LOSSES[0],
        event: AnyEvent | None = None,
    ) -> Case:
        """Return a case with the tried layer between an input and a Dense layer, and some training.

        Flatten is between the two where the subject has it; a model of one layer has that alone.
        """
        had = self.had
        kinds = (Kind.FUNCTIONAL, *had.kinds)
        taken = had_of(LOSSES, had.losses)
        chosen = loss if loss in taken else taken[0]
        config = as_had(class_name, config, had)
        words = class_name == "Embedding"
        batch_size = ROWS if config.get("stateful") else None
        given = Input("given", shape, *(("int32", 7) if words else ("float32", 0)), batch_size)
        layers = [Layer(class_name, {"name": "tried", **config}), *self._ending(chosen)]
        last = "given"
        calls = []
        for layer in layers:
            several = class_name in MERGING and layer.name == "tried"
            calls.append(Call(layer.name, (last,) * (2 if several else 1), layer.name))
            last = layer.name
        trains = TrainOnBatch(STEPS, ROWS)
        first = trains if has(had.events, tag_of(TrainOnBatch)) else Fit(STEPS, ROWS, ROWS)
        before = (first,) if event is None else (first, event)
        architecture = Architecture(
            kind or next(one for one in kinds if one in had.kinds),
            *("patient", (given,), tuple(layers), tuple(calls), (last,)),
        )
        settings = self._settings(self._optimizer(optimizer), chosen)
        return Case(architecture, settings, TrainingHistory(before, ()), seed=1)

    def _ending(self, loss: str) -> Iterator[Layer]:
        had = self.had
        if had.max_layers == 1:
            return
        if has(had.layers, "Flatten") and had.max_layers is None:
            yield Layer("Flatten", {"name": "flat"})
        activation = END_ACTIVATIONS[target_of(loss)]
        ended: Config = {"units": 2} | (
            {} if activation == "linear" else {"activation": activation}
        )
        yield Layer("Dense", {"name": "end", **as_had("Dense", ended, had)})

    def _optimizer(self, wanted: Object) -> Object:
        """Return the optimizer, or the first of the subject's, with the arguments that it has."""
        one = next(o for o in (wanted, *OPTIMIZERS) if has(self.had.optimizers, o.class_name))
        return Object(
            one.class_name,
            {
                name: value
                for name, value in one.config.items()
                if name == "learning_rate" or self.had.takes(one.class_name, name)
            },
        )

    def _settings(self, optimizer: Object, loss: str) -> CompileSettings:
        metrics = had_of(("mae",), self.had.metrics)
        made = Object(loss) if loss[0].isupper() else loss
        return CompileSettings(optimizer, (made,), (metrics,) if metrics else ())


def asked(child: Child, subject: str, what: str, case: Case) -> Attempt:
    """Run one trial in a child process that serves `TRY`, and that may crash or hang."""
    message = wire.encode(Trial(subject, what, case))
    try:
        answer = asked_again(lambda: child.call(message, seconds=SECONDS))
    except NoAnswer as error:
        return Attempt(what, Outcome.BROKEN, error.summary)
    return wire.decode(answer, Attempt)


def try_one(message: bytes) -> bytes:
    """Run one trial; request and answer are encoded by `saveproof.conformance.processes.wire`."""
    trial = wire.decode(message, Trial)
    return wire.encode(tried(_subject(trial.subject), trial.what, trial.case))


@cache
def _subject(spec: str) -> Subject:
    return subjects.resolve(spec)


def _versions(subject: Described) -> str:
    return ", ".join(f"{name} {version}" for name, version in subject.environment().items())


def tried(subject: Subject, what: str, case: Case) -> Attempt:
    """Run one trial in this process."""
    try:
        return _walked_through(subject, what, case)
    except ENDING:
        raise
    except Unsupported as error:
        return Attempt(what, Outcome.MISSING, f"not supported: {error}")
    except BaseException as error:  # noqa: BLE001 - to report whatever is raised is its work
        return Attempt(what, Outcome.BROKEN, f"{type(error).__name__}: {error}")


def _walked_through(subject: Subject, what: str, case: Case) -> Attempt:
    subject.seed(case.seed)
    model = subject.build(case)
    first, *others = case.history.before
    logs = list(subject.perform(model, first, data.rows(case, 0)) or ())
    for index, event in enumerate(others, 1):
        subject.perform(model, event, data.rows(case, index))
    outputs = subject.predict(model, data.probe(case))
    seen = subject.snapshot(model)
    shown = tuple(facet for facet in seen.facets if seen[facet])
    if len(logs) != STEPS or not all("loss" in log for log in logs):
        wrong = f"expected {STEPS} logs with a loss, found {logs}"
    elif len(outputs) != len(case.architecture.outputs):
        wrong = f"expected {len(case.architecture.outputs)} outputs, found {len(outputs)}"
    elif other := _altered(seen):
        wrong = (
            "expected arrays and JSON values in a snapshot, and lists instead of tuples, "
            f"found other values in {', '.join(other)}"
        )
    else:
        works = f"loss {logs[-1]['loss']:.4f}, output {outputs[0].shape}"
        return Attempt(what, Outcome.WORKS, works, shown)
    return Attempt(what, Outcome.BROKEN, wrong, shown)


def _altered(seen: Snapshot) -> list[Facet]:
    """Return the facets that change when the snapshot is sent to another process."""
    received = wire.decode(wire.encode(seen), Snapshot)
    return [facet for facet in seen.facets if not same(seen[facet], received[facet])]
