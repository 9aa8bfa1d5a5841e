"""The doctor: tests a subject's adapter on each kind of model, layer and optimizer."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import msgspec

from saveproof.conformance.families import subjects
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import Snapshot, same
from saveproof.conformance.model_state.subject import Offering, Subject, Unsupported
from saveproof.conformance.processes import wire
from saveproof.conformance.processes.endings import ENDING, NoAnswer, asked_again
from saveproof.conformance.processes.isolation import Child
from saveproof.strategies import data
from saveproof.strategies.case import (
    Architecture,
    Call,
    Case,
    CompileSettings,
    Config,
    Input,
    Kind,
    Layer,
    Object,
    TrainingHistory,
    TrainOnBatch,
)

NEVER_EMPTY = (Facet.ARCHITECTURE, Facet.NAMES, Facet.WEIGHTS, Facet.OPTIMIZER, Facet.ITERATION)
"""Facets of which every trained model has at least one entry."""

STEPS = 2

TRY = "saveproof.conformance.doctor:try_one"

SECONDS = 120.0
"""Time limit of one trial."""


class Trial(msgspec.Struct, frozen=True):
    """A request to the child process: a case to try, and what it tries."""

    subject: str
    what: str
    case: Case


class Attempt(NamedTuple):
    """The outcome of a trial: `what` was tried, whether it works, and a detail to print."""

    what: str
    ok: bool
    detail: str


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
    ((5, 2), "SimpleRNN", {"units": 3}),
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


def doctor(subject: Offering, ask: Callable[[str, Case], Attempt]) -> list[Attempt]:
    """Try the adapter, then each kind of model, layer and optimizer; return the outcomes.

    `ask` runs one trial: `tried` in this process, `asked` in a child process.
    """
    return [
        Attempt("environment", True, _versions(subject)),
        Attempt("save paths", True, ", ".join(path.name for path in subject.paths())),
        *(ask(f"kind {kind}", _case(kind=kind)) for kind in Kind),
        *(ask(f"layer {name}", _case(*layer)) for layer in LAYERS for name in layer[1:2]),
        *(ask(f"optimizer {one.class_name}", _case(optimizer=one)) for one in OPTIMIZERS),
    ]


def asked(child: Child, subject: str, what: str, case: Case) -> Attempt:
    """Run one trial in a child process that serves `TRY`, and that may crash or hang."""
    message = wire.encode(Trial(subject, what, case))
    try:
        answer = asked_again(lambda: child.call(message, seconds=SECONDS))
    except NoAnswer as error:
        return Attempt(what, False, error.summary)
    return wire.decode(answer, Attempt)


def try_one(message: bytes) -> bytes:
    """Run one trial; request and answer are encoded by `saveproof.conformance.processes.wire`."""
    trial = wire.decode(message, Trial)
    return wire.encode(tried(_subject(trial.subject), trial.what, trial.case))


@cache
def _subject(spec: str) -> Subject:
    return subjects.resolve(spec)


def _versions(subject: Offering) -> str:
    return ", ".join(f"{name} {version}" for name, version in subject.environment().items())


def tried(subject: Subject, what: str, case: Case) -> Attempt:
    """Run one trial in this process."""
    try:
        return Attempt(what, *_walked_through(subject, case))
    except ENDING:
        raise
    except Unsupported as error:
        return Attempt(what, False, f"unsupported: {error}")
    except BaseException as error:  # noqa: BLE001 - to report whatever is raised is its work
        return Attempt(what, False, f"{type(error).__name__}: {error}")


def _walked_through(subject: Subject, case: Case) -> tuple[bool, str]:
    subject.seed(case.seed)
    model = subject.build(case)
    logs = subject.perform(model, case.history.before[0], data.rows(case, 0))
    outputs = subject.predict(model, data.probe(case))
    seen = subject.snapshot(model)
    empty = [facet for facet in NEVER_EMPTY if not seen[facet]]
    if len(logs) != STEPS or not all("loss" in log for log in logs):
        return False, f"expected {STEPS} logs with a loss, found {list(logs)}"
    if len(outputs) != len(case.architecture.outputs):
        return False, f"expected {len(case.architecture.outputs)} outputs, found {len(outputs)}"
    if empty:
        return False, f"expected entries in every facet, found none in {', '.join(empty)}"
    if other := _altered(seen):
        return False, (
            "expected arrays and JSON values in a snapshot, and lists instead of tuples, "
            f"found other values in {', '.join(other)}"
        )
    return True, f"loss {logs[-1]['loss']:.4f}, output {outputs[0].shape}"


def _altered(seen: Snapshot) -> list[Facet]:
    """Return the facets that change when the snapshot is sent to another process."""
    received = wire.decode(wire.encode(seen), Snapshot)
    return [facet for facet in seen.facets if not same(seen[facet], received[facet])]


def _case(
    shape: tuple[int, ...] = (4,),
    class_name: str = "Dense",
    config: Config = {"units": 3},  # noqa: B006 - never written to
    *,
    kind: Kind = Kind.FUNCTIONAL,
    optimizer: Object = OPTIMIZERS[0],
) -> Case:
    """Return a case with the tried layer between an input and a Dense layer, and some training."""
    words = class_name == "Embedding"
    given = Input("given", shape, "int32" if words else "float32", 7 if words else 0)
    tried = Layer(class_name, {"name": "tried", **config})
    layers = (
        tried,
        Layer("Flatten", {"name": "flat"}),
        Layer("Dense", {"name": "end", "units": 2}),
    )
    taken = ("given", "given") if class_name in MERGING else ("given",)
    calls = (Call("tried", taken, "a"), Call("flat", ("a",), "b"), Call("end", ("b",), "c"))
    settings = CompileSettings(optimizer, ("mse",))
    history = TrainingHistory(before=(TrainOnBatch(STEPS, 4),), after=())
    architecture = Architecture(kind, "patient", (given,), layers, calls, ("c",))
    return Case(architecture, settings, history, seed=1)
