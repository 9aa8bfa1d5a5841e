"""Checks of what the model does: its outputs, its first loss after a load, the training on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from saveproof.conformance.checks.check import (
    Check,
    Defect,
    NotApplicable,
    Outcome,
    Vacuous,
    circumstance,
    raised_defect,
)
from saveproof.conformance.checks.facets import inventory_defects, untrained
from saveproof.conformance.model_state.contract import Exactness, Facet, Promise
from saveproof.conformance.model_state.snapshot import (
    Difference,
    Snapshot,
    differences,
    equal_arrays,
    same,
    shown,
)
from saveproof.conformance.model_state.trace import Step, Trace, Trajectory

FORWARD = (Facet.WEIGHTS, Facet.NON_TRAINABLE, Facet.ARCHITECTURE, Facet.DTYPE_POLICY)
TRAINED_ON = (
    Facet.WEIGHTS,
    Facet.NON_TRAINABLE,
    Facet.SLOTS,
    Facet.ITERATION,
    Facet.LEARNING_RATE,
)
RESUMED = (
    Facet.TRAINABLE,
    Facet.OPTIMIZER,
    Facet.SLOTS,
    Facet.ITERATION,
    Facet.LEARNING_RATE,
)

ORIGINS = (
    *(Facet.SLOTS, Facet.ITERATION, Facet.LEARNING_RATE, Facet.OPTIMIZER, Facet.COMPILE),
    *(Facet.WEIGHTS, Facet.NON_TRAINABLE, Facet.RNG, Facet.RECURRENT, Facet.ARGUMENTS),
)
"""What training on rests on; the first one that the load lost names what parts later."""

FORWARD_ORIGINS = (Facet.WEIGHTS, Facet.NON_TRAINABLE, Facet.RECURRENT, Facet.ARGUMENTS)
LOSS_ORIGINS = (Facet.COMPILE, Facet.RNG, *FORWARD_ORIGINS)
"""The same for outputs, and for a loss: it is computed before the optimizer's update."""

LOG_NAMES = " log names"
"""The end of a key that says that a log has other names: it hides nothing that parts besides."""


def outputs_survive(trace: Trace) -> Outcome:
    """Hold the loaded model's outputs against the original's, on the probe inputs."""
    trajectories = _lives(trace)
    if isinstance(trajectories, NotApplicable):
        return trajectories
    original, resumed = trajectories
    if not original.outputs:
        return NotApplicable("the original itself gives no outputs")
    found = tuple(output_defects(original, resumed, trace.exactness))
    if not found and untrained(trace, Facet.WEIGHTS, Facet.NON_TRAINABLE):
        return Vacuous("training left the weights as they were: fresh ones give equal outputs")
    if not found and original.is_constant:
        return Vacuous("the outputs are the same for every row: they hang on no input")
    origin = _origin(trace, FORWARD_ORIGINS) if found else ""
    return tuple(replace(defect, key=defect.key + origin) for defect in found)


def first_batch_loss_is_identical(trace: Trace) -> Outcome:
    """Hold the first loss after the load against the original's: the guide's assertion."""
    trajectories = _lives(trace)
    if isinstance(trajectories, NotApplicable):
        return trajectories
    original, resumed = trajectories
    if not original.steps:
        return NotApplicable("the original raised in its first step")
    if not resumed.steps:
        return (_raised(resumed),)
    found = _firsts(_log_defects(0, original.steps[0], resumed.steps[0], trace.exactness))
    if not found and untrained(trace, Facet.WEIGHTS, Facet.NON_TRAINABLE):
        return Vacuous("training left the weights as they were: fresh ones give an equal loss")
    if not found and trace.logs_are_alike:
        return Vacuous("every step logs the same, whatever the rows and the weights are")
    return tuple(_explained(trace, each, LOSS_ORIGINS, circumstance(trace)) for each in found)


def resume_trajectory_is_identical(trace: Trace) -> Outcome:
    """Hold the training after the load against the original's, step by step, state included."""
    trajectories = _lives(trace)
    if isinstance(trajectories, NotApplicable):
        return trajectories
    original, resumed = trajectories
    if original.raised is not None:
        return NotApplicable("the original itself can't train on")
    found = _firsts(trajectory_defects(original, resumed, trace.exactness))
    if found:
        course = _course(trace, resumed)
        return tuple(_explained(trace, defect, ORIGINS, course) for defect in found)
    if trace.before is None or same(
        trace.before[Facet.WEIGHTS], original.steps[-1].snapshot[Facet.WEIGHTS]
    ):
        return Vacuous("training on moves no weight: a lost optimizer makes no difference")
    return ()


def trajectory_defects(
    original: Trajectory, resumed: Trajectory, exactness: Exactness
) -> Iterator[Defect]:
    """Yield where the second life leaves the first, the first step and variable first.

    Two lives that both end in an error do not part there.
    """
    for index, (one, other) in enumerate(zip(original.steps, resumed.steps, strict=False)):
        yield from _log_defects(index, one, other, exactness)
        yield from _state_defects(index, one.snapshot, other.snapshot, exactness)
    if resumed.raised is not None and original.raised is None:
        yield _raised(resumed)


def output_defects(
    original: Trajectory, resumed: Trajectory, exactness: Exactness
) -> Iterator[Defect]:
    """Yield the outputs that part by more than the contract allows."""
    if not resumed.outputs and original.outputs:
        yield _raised(resumed)
        return
    if len(original.outputs) != len(resumed.outputs):
        counts = (str(len(original.outputs)), str(len(resumed.outputs)))
        yield Defect("outputs: count", "number of outputs", Difference("outputs", "count", *counts))
        return
    for index, (one, other) in enumerate(zip(original.outputs, resumed.outputs, strict=True)):
        if not near(one, other, exactness):
            parted = Difference(f"output {index}", "value", shown(one), shown(other))
            yield Defect("outputs: value", f"output {index} differs", parted)


def near(one: np.ndarray, other: np.ndarray, exactness: Exactness) -> bool:
    """Say whether two arrays are as near as the contract asks; without tolerance, to the byte."""
    if equal_arrays((one,), (other,)):
        return True
    if exactness.rtol == exactness.atol == 0.0 or one.shape != other.shape:
        return False
    a, b = one.astype(np.float64), other.astype(np.float64)
    return bool(np.allclose(b, a, rtol=exactness.rtol, atol=exactness.atol, equal_nan=True))


def _origin(trace: Trace, facets: Sequence[Facet]) -> str:
    """Return what the load lost already, to be part of a key: what parts later comes of it.

    Flags are left out: a nested model's own, which is lost often, does not bear on training.
    """
    before, loaded = trace.before, trace.loaded
    if before is None or loaded is None:
        return ""
    lost = (
        defect.key
        for facet in facets
        if trace.contract.file_promise(facet)
        for defect in inventory_defects(trace, facet, before[facet], loaded[facet])
        if not defect.difference.where.endswith("/trainable")
    )
    first = next(lost, None)
    return "" if first is None else f", from {first}"


def _firsts(defects: Iterator[Defect]) -> tuple[Defect, ...]:
    """Return the first defect; where it is of a log's names, the first other one beside it."""
    firsts: dict[bool, Defect] = {}
    for defect in defects:
        of_names = defect.key.endswith(LOG_NAMES)
        firsts.setdefault(of_names, defect)
        if not of_names:
            break
    return tuple(firsts.values())


def _explained(trace: Trace, defect: Defect, origins: Sequence[Facet], course: str) -> Defect:
    """Return the defect with what it comes of in its key: a log's names come of compiling alone."""
    if defect.key.endswith(LOG_NAMES):
        origins, course = (Facet.COMPILE,), ""
    return replace(defect, key=defect.key + (_origin(trace, origins) or course))


def _course(trace: Trace, resumed: Trajectory) -> str:
    """Return what the steps were, where the load lost nothing, to be part of a key."""
    optimizer = trace.case.final_settings.optimizer
    steps = "" if resumed.raised else f" with {optimizer.class_name}"
    if steps and optimizer.config.get("use_ema") and not trace.case.trained_since_compile:
        steps += " before its first average"
    return steps + circumstance(trace)


def _lives(trace: Trace) -> tuple[Trajectory, Trajectory] | NotApplicable:
    if trace.original is None or trace.resumed is None:
        return NotApplicable("there is no loaded model to look at")
    return trace.original, trace.resumed


def _raised(trajectory: Trajectory) -> Defect:
    raised = trajectory.raised
    if raised is None:
        parted = Difference("training", "missing", "a step", "none")
        return Defect("resume: missing", "the loaded model did not train", parted)
    return raised_defect(
        raised, doing="resume", who="the loaded model", where="training", expected="a step"
    )


def _log_defects(index: int, one: Step, other: Step, exactness: Exactness) -> Iterator[Defect]:
    step = f"step {index + 1}"
    if len(one.logs) != len(other.logs):
        counts = (f"{len(one.logs)} logs", f"{len(other.logs)} logs")
        parted = Difference(f"{step} ({one.event})", "count", *counts)
        yield Defect(f"resume: {_step(index)} logs", f"{step} has other logs", parted)
    for expected, found in zip(one.logs, other.logs, strict=False):
        for name in _parted_logs(expected, found, exactness):
            values = (repr(expected.get(name)), repr(found.get(name)))
            parted = Difference(f"{step} ({one.event}): {name}", "value", *values)
            what = " loss" if name in expected and name in found else LOG_NAMES
            yield Defect(f"resume: {_step(index)}{what}", f"{name} differs in {step}", parted)


def _parted_logs(
    expected: Mapping[str, float], found: Mapping[str, float], exactness: Exactness
) -> Iterator[str]:
    for name in dict.fromkeys((*expected, *found)):
        a, b = expected.get(name), found.get(name)
        if a is None or b is None or not near(np.array(a), np.array(b), exactness):
            yield name


def _state_defects(
    index: int, one: Snapshot, other: Snapshot, exactness: Exactness
) -> Iterator[Defect]:
    for facet in TRAINED_ON:
        for parted in differences(one[facet], other[facet]):
            if _within(one, other, facet, parted.where, exactness):
                continue
            where = f"step {index + 1}: {facet}: {parted.where}"
            placed = Difference(where, parted.what, parted.expected, parted.found)
            message = f"{facet} part in step {index + 1}"
            yield Defect(f"resume: {_step(index)} {facet}", message, placed)


def _within(one: Snapshot, other: Snapshot, facet: Facet, name: str, exactness: Exactness) -> bool:
    a, b = one[facet].get(name), other[facet].get(name)
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        return False
    return a.dtype == b.dtype and near(a, b, exactness)


def _step(index: int) -> str:
    return "first step" if index == 0 else "later step"


def forward_facets(trace: Trace) -> tuple[Facet, ...]:
    """Return the facets that outputs rest on, for this case."""
    return FORWARD + ((Facet.RECURRENT,) if trace.case.is_stateful else ())


def loss_facets(trace: Trace) -> tuple[Facet, ...]:
    """Return the facets that a training loss rests on, for this case.

    Where the contract does not speak of compile settings, the harness compiles.
    """
    compiled = (Facet.COMPILE,) if trace.contract.file_promise(Facet.COMPILE) else ()
    random = (Facet.RNG,) if trace.case.is_stochastic else ()
    return (*forward_facets(trace), Facet.TRAINABLE, *compiled, *random)


def _trajectory_promise(trace: Trace) -> Promise | None:
    return trace.contract.promise(*loss_facets(trace), *RESUMED)


BEHAVIOUR_CHECKS = (
    Check(
        "outputs_survive",
        "The model that comes back gives the outputs of the model that was saved.",
        FORWARD,
        promise=lambda trace: trace.contract.promise(*forward_facets(trace)),
        find=outputs_survive,
        needs_determinism=True,
    ),
    Check(
        "first_batch_loss_is_identical",
        "The first training loss after the load is that of the model that was saved.",
        FORWARD,
        promise=lambda trace: trace.contract.promise(*loss_facets(trace)),
        find=first_batch_loss_is_identical,
        needs_determinism=True,
        trains_on=True,
    ),
    Check(
        "resume_trajectory_is_identical",
        "Training on after the load gives the losses, weights and optimizer state "
        "of training on without the save.",
        (*FORWARD, Facet.COMPILE, *RESUMED),
        promise=_trajectory_promise,
        find=resume_trajectory_is_identical,
        needs_determinism=True,
        trains_on=True,
    ),
)
