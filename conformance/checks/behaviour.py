"""Checks of the model's behaviour: outputs, first loss after a load, further training."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
from msgspec.structs import replace

from saveproof.conformance.checks.check import (
    Check,
    Outcome,
    Unjudged,
    frozen_since_compile,
    not_applicable,
    raised_defect,
    vacuous,
)
from saveproof.conformance.checks.facets import untrained
from saveproof.conformance.checks.metrics import is_loss, with_metric
from saveproof.conformance.checks.origins import before_updates, with_origin
from saveproof.conformance.model_state.contract import Exactness, Facet, Promise
from saveproof.conformance.model_state.snapshot import (
    Inventory,
    Snapshot,
    Value,
    differences,
    equal,
    equal_arrays,
    one_nan,
    value_difference,
)
from saveproof.conformance.model_state.trace import Step, Trace, Trajectory
from saveproof.reports.findings import Defect, DefectKind, Difference

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

SEE_OUTPUTS = "the loaded model raised an error before its training: see outputs_survive"
SEE_FIRST_LOSS = (
    "the loaded model raised an error in its first step: see first_batch_loss_is_identical"
)


def outputs_survive(trace: Trace) -> Outcome:
    """Compare the loaded model's outputs with the original's, on the probe inputs."""
    trajectories = _trajectories(trace)
    if isinstance(trajectories, Unjudged):
        return trajectories
    original, resumed = trajectories
    if not original.outputs:
        return not_applicable(f"the original itself gives no outputs{_why(original)}")
    found = tuple(output_defects(original, resumed, trace.exactness))
    if not found and untrained(trace, Facet.WEIGHTS, Facet.NON_TRAINABLE):
        return vacuous("training left the weights as they were: fresh ones give equal outputs")
    if not found and original.is_constant:
        return vacuous("the outputs are the same for every row: they depend on no input")
    return tuple(with_origin(trace, defect) for defect in found)


def first_batch_loss_is_identical(trace: Trace) -> Outcome:
    """Compare the first loss after the load with the original's: the guide's assertion."""
    trajectories = _trajectories(trace)
    if isinstance(trajectories, Unjudged):
        return trajectories
    original, resumed = trajectories
    if not original.steps:
        return not_applicable(f"the original itself can't train on{_why(original)}")
    if not resumed.steps:
        if _gave_no_outputs(original, resumed):
            return not_applicable(SEE_OUTPUTS)
        return (_raised(resumed),)
    found = _firsts(_log_defects(0, original.steps[0], resumed.steps[0], trace.exactness))
    if not found and untrained(trace, Facet.WEIGHTS, Facet.NON_TRAINABLE):
        return vacuous("training left the weights as they were: fresh ones give an equal loss")
    if not found and not any(map(math.isfinite, _log_values(original.steps[0]))):
        return vacuous("the original's first loss is no finite number: most losses give the same")
    if not found and trace.logs_are_alike:
        return vacuous("every step logs the same, whatever the rows and the weights are")
    return tuple(_explained(trace, defect) for defect in found)


def resume_trajectory_is_identical(trace: Trace) -> Outcome:
    """Compare the training after the load with the original's, step by step, state included."""
    trajectories = _trajectories(trace)
    if isinstance(trajectories, Unjudged):
        return trajectories
    original, resumed = trajectories
    if original.raised is not None:
        return not_applicable(f"the original itself can't train on{_why(original)}")
    if resumed.raised is not None and not resumed.steps:
        no_outputs = _gave_no_outputs(original, resumed)
        return not_applicable(SEE_OUTPUTS if no_outputs else SEE_FIRST_LOSS)
    found = _firsts(trajectory_defects(original, resumed, trace.exactness))
    if found:
        return tuple(_explained(trace, defect) for defect in found)
    if trace.before is None or not _moves(
        trace.before[Facet.WEIGHTS], original.steps[-1].snapshot[Facet.WEIGHTS]
    ):
        return vacuous(
            "training on moves no weight to a finite number: a lost optimizer makes no difference"
        )
    return ()


def _moves(before: Inventory, after: Inventory) -> bool:
    """Return whether some element of an array has become another finite number."""
    return any(_is_moved(before.get(name), value) for name, value in after.items())


def _is_moved(before: Value, after: Value) -> bool:
    comparable = isinstance(before, np.ndarray) and isinstance(after, np.ndarray)
    if not comparable or before.shape != after.shape:
        return not equal(before, after)
    return bool((np.isfinite(after) & (after != before)).any())


def trajectory_defects(
    original: Trajectory, resumed: Trajectory, exactness: Exactness
) -> Iterator[Defect]:
    """Yield where the second trajectory diverges from the first, the first step and variable first.

    Two trajectories that both end in an error do not differ.
    """
    for index, (one, other) in enumerate(zip(original.steps, resumed.steps, strict=False)):
        yield from _log_defects(index, one, other, exactness)
        yield from _state_defects(index, one.snapshot, other.snapshot, exactness)
    if resumed.raised is not None and original.raised is None:
        yield _raised(resumed)


def output_defects(
    original: Trajectory, resumed: Trajectory, exactness: Exactness
) -> Iterator[Defect]:
    """Yield the outputs that differ by more than the contract allows."""
    if not resumed.outputs and original.outputs:
        yield _raised(resumed)
        return
    if len(original.outputs) != len(resumed.outputs):
        counts = (str(len(original.outputs)), str(len(resumed.outputs)))
        yield Defect(DefectKind.OUTPUT_COUNT, Difference("outputs", *counts))
        return
    for index, (one, other) in enumerate(zip(original.outputs, resumed.outputs, strict=True)):
        if not near(one, other, exactness):
            difference = value_difference(f"output {index}", one, other)
            yield Defect(DefectKind.OUTPUT, difference, name=str(index))


def near(one: np.ndarray, other: np.ndarray, exactness: Exactness) -> bool:
    """Return whether two arrays are equal within the contract's tolerance, or to the byte.

    A NaN is equal to a NaN.
    """
    if equal_arrays((one_nan(one),), (one_nan(other),)):
        return True
    if exactness.rtol == exactness.atol == 0.0 or one.shape != other.shape:
        return False
    a, b = one.astype(np.float64), other.astype(np.float64)
    return bool(np.allclose(b, a, rtol=exactness.rtol, atol=exactness.atol, equal_nan=True))


def _gave_no_outputs(original: Trajectory, resumed: Trajectory) -> bool:
    """Return whether the loaded model raised before its training, which outputs alone report."""
    return bool(original.outputs) and not resumed.outputs


def _firsts(defects: Iterator[Defect]) -> tuple[Defect, ...]:
    """Return the first defect, and after defects of log names the first of another kind too."""
    firsts: dict[bool, Defect] = {}
    for defect in defects:
        of_names = defect.kind is DefectKind.LOG_NAMES
        firsts.setdefault(of_names, defect)
        if not of_names:
            break
    return tuple(firsts.values())


def _explained(trace: Trace, defect: Defect) -> Defect:
    """Return the defect with its origin, or without one with the special settings of the case.

    The optimizer is among the settings where an update can have caused the defect. An exception
    needs neither: it says itself what is wrong.
    """
    if defect.kind is DefectKind.RAISED:
        return defect
    explained = with_origin(trace, with_metric(trace, defect))
    if explained.origin or explained.kind is DefectKind.LOG_NAMES:
        return explained
    optimizer = trace.case.final_settings.optimizer
    updated = not (before_updates(explained) or explained.metric)
    averages = optimizer.config.get("use_ema") and not trace.case.trained_since_compile
    return replace(
        explained,
        optimizer=optimizer.class_name if updated else "",
        before_first_average=bool(updated and averages),
        frozen_since_compile=frozen_since_compile(trace),
    )


def _trajectories(trace: Trace) -> tuple[Trajectory, Trajectory] | Unjudged:
    if trace.original is None or trace.resumed is None:
        return not_applicable("there is no loaded model to compare")
    return trace.original, trace.resumed


def _why(original: Trajectory) -> str:
    raised = original.raised
    return f": {raised.kind}: {raised.message}" if raised is not None else ""


def _raised(trajectory: Trajectory) -> Defect:
    if trajectory.raised is None:
        return Defect(
            DefectKind.NO_TRAINING, Difference("training", "a step", "none"), action="resume"
        )
    return raised_defect(trajectory.raised, "resume", where="training", expected="a step")


def _log_defects(index: int, one: Step, other: Step, exactness: Exactness) -> Iterator[Defect]:
    if len(one.logs) != len(other.logs):
        counts = (f"{len(one.logs)} logs", f"{len(other.logs)} logs")
        yield Defect(DefectKind.LOG_COUNT, Difference("", *counts), step=index + 1, event=one.event)
    for expected, found in zip(one.logs, other.logs, strict=False):
        for name in _differing_logs(expected, found, exactness):
            kind = DefectKind.LOG if name in expected and name in found else DefectKind.LOG_NAMES
            difference = value_difference(name, expected.get(name), found.get(name))
            yield Defect(kind, difference, name=name, step=index + 1, event=one.event)


def _log_values(step: Step) -> Iterator[float]:
    return (value for log in step.logs for value in log.values())


def _differing_logs(
    expected: Mapping[str, float], found: Mapping[str, float], exactness: Exactness
) -> Iterator[str]:
    """Yield the names of logs that differ, losses first: they explain more than a metric."""
    for name in sorted(dict.fromkeys((*expected, *found)), key=lambda name: not is_loss(name)):
        a, b = expected.get(name), found.get(name)
        if a is None or b is None or not near(np.array(a), np.array(b), exactness):
            yield name


def _state_defects(
    index: int, one: Snapshot, other: Snapshot, exactness: Exactness
) -> Iterator[Defect]:
    for facet in TRAINED_ON:
        for difference in differences(one[facet], other[facet]):
            if not _within(one, other, facet, difference.where, exactness):
                yield Defect(DefectKind.TRAINED_STATE, difference, facet=facet, step=index + 1)


def _within(one: Snapshot, other: Snapshot, facet: Facet, name: str, exactness: Exactness) -> bool:
    a, b = one[facet].get(name), other[facet].get(name)
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        return False
    return a.dtype == b.dtype and near(a, b, exactness)


def forward_facets(trace: Trace) -> tuple[Facet, ...]:
    """Return the facets that outputs depend on, for this case."""
    return FORWARD + ((Facet.RECURRENT,) if trace.case.is_stateful else ())


def loss_facets(trace: Trace) -> tuple[Facet, ...]:
    """Return the facets that a training loss depends on, for this case.

    The harness compiles the model if the contract does not cover compile settings.
    """
    compiled = (Facet.COMPILE,) if trace.contract.file_promise(Facet.COMPILE) else ()
    random = (Facet.RNG,) if trace.case.is_stochastic else ()
    return (*forward_facets(trace), Facet.TRAINABLE, *compiled, *random)


def trajectory_promise(trace: Trace) -> Promise | None:
    """Return the promise that training after the load is that of the saved model."""
    return trace.contract.promise(*loss_facets(trace), *RESUMED)


BEHAVIOUR_CHECKS = (
    Check(
        "outputs_survive",
        "The loaded model gives the same outputs as the saved model.",
        FORWARD,
        promise=lambda trace: trace.contract.promise(*forward_facets(trace)),
        find=outputs_survive,
        needs_determinism=True,
    ),
    Check(
        "first_batch_loss_is_identical",
        "The first training loss after the load equals that of the saved model.",
        FORWARD,
        promise=lambda trace: trace.contract.promise(*loss_facets(trace)),
        find=first_batch_loss_is_identical,
        needs_determinism=True,
        trains_on=True,
    ),
    Check(
        "resume_trajectory_is_identical",
        "Training after the load gives the same losses, weights and optimizer state as "
        "training without the save.",
        (*FORWARD, Facet.COMPILE, *RESUMED),
        promise=trajectory_promise,
        find=resume_trajectory_is_identical,
        needs_determinism=True,
        trains_on=True,
    ),
)
