"""The lost state that a difference in behaviour comes from: of what was lost, what can explain it.

Only state that decides the quantity which differs can be its origin: an optimizer can't change the
first loss after a load, and a regularizer can't change an output.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from saveproof.conformance.checks.facets import inventory_defects
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import equal
from saveproof.conformance.model_state.trace import Trace
from saveproof.reports.findings import Defect, DefectKind

OUTPUTS: Sequence[Facet] = (
    *(Facet.WEIGHTS, Facet.NON_TRAINABLE, Facet.RECURRENT, Facet.ARGUMENTS),
    *(Facet.DTYPE_POLICY, Facet.SHARING, Facet.ARCHITECTURE),
)
"""What outputs depend on; here as below, what explains a difference best comes first."""

TRAINING: Sequence[Facet] = (*OUTPUTS, Facet.TRAINABLE, Facet.RNG)
"""What outputs in training depend on: flags for batch normalization, generators for dropout."""

LOGS: Sequence[Facet] = (Facet.COMPILE, *TRAINING)
"""What losses and metrics depend on; every event begins with metrics that are reset."""

OPTIMIZER: Sequence[Facet] = (
    *(Facet.SLOTS, Facet.ITERATION, Facet.LEARNING_RATE, Facet.OPTIMIZER),
)
"""What an update depends on beside its gradients."""

TRAINED: Mapping[str, Sequence[Facet]] = {
    Facet.WEIGHTS: (*OPTIMIZER, *LOGS),
    Facet.NON_TRAINABLE: (Facet.NON_TRAINABLE, *TRAINING),
    Facet.SLOTS: (*OPTIMIZER, *LOGS),
    Facet.ITERATION: (Facet.ITERATION, *OPTIMIZER),
    Facet.LEARNING_RATE: (Facet.LEARNING_RATE, *OPTIMIZER),
}
"""What trained state depends on, by its facet, where losses before it were as expected."""

ONE_UPDATE = "TrainOnBatch"
"""The event whose logs are from before its only update."""

_OUTPUT = frozenset({DefectKind.OUTPUT, DefectKind.OUTPUT_COUNT})
_NAMES = frozenset({DefectKind.LOG_NAMES, DefectKind.LOG_COUNT})
_CONFIGS = frozenset({Facet.ARGUMENTS, Facet.ARCHITECTURE})

_IN_METRICS = re.compile(r"(?:weighted_)?metrics(?:/|$)")
"""Compile settings that decide no loss."""

_IN_NOTHING = re.compile(r"(?:^|/)(?:trainable|name|\w*initializer)(?:/|$)")
"""Arguments that decide nothing after a load; flags are in a facet of their own."""

_IN_UPDATES = re.compile(r"(?:^|/)(?:\w*constraint|momentum)(?:/|$)")
"""Arguments that decide the state after a step, but neither an output nor a log before it."""

_IN_TRAINING = re.compile(
    r"(?:^|/)(?:\w*regularizer|rate|dropout|recurrent_dropout|noise_shape|seed)(?:/|$)"
)
"""Arguments that decide logs and updates, but no output."""


def with_origin(trace: Trace, defect: Defect) -> Defect:
    """Return the defect with the first state that the load lost and that explains it, if any."""
    return replace(defect, origin=next(_explaining(trace, defect), None))


def before_updates(defect: Defect) -> bool:
    """Return whether the difference is older than every update after the load."""
    return defect.kind in _OUTPUT or (
        defect.kind is DefectKind.LOG and defect.step == 1 and defect.event == ONE_UPDATE
    )


def _explaining(trace: Trace, defect: Defect) -> Iterator[Defect]:
    before, loaded = trace.before, trace.loaded
    if before is None or loaded is None:
        return
    for facet in dict.fromkeys(_decisive(defect)):
        if trace.contract.file_promise(facet):
            for lost in inventory_defects(trace, facet, before[facet], loaded[facet]):
                if _decides(trace, lost, defect):
                    yield lost


def _decisive(defect: Defect) -> Sequence[Facet]:
    """Return the facets that decide the quantity which differs."""
    if defect.kind in _OUTPUT:
        return OUTPUTS
    if defect.kind in _NAMES:
        return (Facet.COMPILE,)
    if defect.kind is DefectKind.INITIAL:
        return (Facet.ARGUMENTS,)
    if defect.kind is DefectKind.LOG:
        return LOGS if before_updates(defect) else (*LOGS, *OPTIMIZER)
    return TRAINED.get(Facet(defect.facet), ()) if defect.facet else ()


def _decides(trace: Trace, lost: Defect, defect: Defect) -> bool:
    """Return whether this entry of a facet decides the quantity which differs."""
    where = lost.difference.where
    if defect.kind is DefectKind.INITIAL:
        return _initializes(where, defect.difference.where)
    if lost.facet == Facet.TRAINABLE:
        return _is_of_layer(trace, where)
    if lost.facet == Facet.SLOTS and defect.facet != Facet.SLOTS:
        return _is_used(trace, where)
    if lost.facet == Facet.COMPILE:
        return defect.kind in _NAMES or bool(defect.metric) == bool(_IN_METRICS.match(where))
    if lost.facet not in _CONFIGS:
        return True
    idle = [_IN_NOTHING]
    idle += [_IN_UPDATES] if before_updates(defect) else []
    idle += [_IN_TRAINING] if defect.kind in _OUTPUT else []
    return not any(pattern.search(where) for pattern in idle)


def _initializes(argument: str, weight: str) -> bool:
    """Return whether the argument is of the initializer of the weight, such as `dense/0 kernel`."""
    layer, _, numbered = weight.rpartition("/")
    name = numbered.partition(" ")[2].removesuffix("_kernel")
    return argument.startswith(f"{layer}/") and f"/{name}_initializer/" in f"{argument}/"


def _is_used(trace: Trace, slot: str) -> bool:
    """Return whether further training changes the slot: it does not where a variable is frozen."""
    steps = () if trace.original is None else trace.original.steps
    slots = [step.snapshot[Facet.SLOTS] for step in steps]
    kept = {} if trace.before is None else trace.before[Facet.SLOTS]
    if not slots or slot not in kept:
        return True
    return any(slot not in after or not equal(kept[slot], after[slot]) for after in slots)


def _is_of_layer(trace: Trace, where: str) -> bool:
    """Return whether a flag is a layer's: that of a nested model only sets those of its layers."""
    layers = trace.case.architecture.by_address()
    models = {"/".join(address) for address, layer in layers if layer.model is not None}
    return bool(where) and where not in models
