"""Checks of the model's behaviour: outputs, first loss after a load, further training."""

from collections.abc import Iterator, Mapping, Sequence

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
from saveproof.conformance.checks.facets import inventory_defects, untrained
from saveproof.conformance.model_state.contract import Exactness, Facet, Promise
from saveproof.conformance.model_state.snapshot import (
    Snapshot,
    differences,
    equal_arrays,
    same,
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

ORIGINS = (
    *(Facet.SLOTS, Facet.ITERATION, Facet.LEARNING_RATE, Facet.OPTIMIZER, Facet.COMPILE),
    *(Facet.WEIGHTS, Facet.NON_TRAINABLE, Facet.RNG, Facet.RECURRENT, Facet.ARGUMENTS),
)
"""Facets that training uses; the first one that the load lost is the origin of a divergence."""

FORWARD_ORIGINS = (Facet.WEIGHTS, Facet.NON_TRAINABLE, Facet.RECURRENT, Facet.ARGUMENTS)
LOSS_ORIGINS = (Facet.COMPILE, Facet.RNG, *FORWARD_ORIGINS)
"""The same for outputs, and for a loss, which is computed before the optimizer's update."""


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
    origin = _origin(trace, FORWARD_ORIGINS) if found else None
    return tuple(replace(defect, origin=origin) for defect in found)


def first_batch_loss_is_identical(trace: Trace) -> Outcome:
    """Compare the first loss after the load with the original's: the guide's assertion."""
    trajectories = _trajectories(trace)
    if isinstance(trajectories, Unjudged):
        return trajectories
    original, resumed = trajectories
    if not original.steps:
        return not_applicable(f"the original itself can't train on{_why(original)}")
    if not resumed.steps:
        return (_raised(resumed),)
    found = _firsts(_log_defects(0, original.steps[0], resumed.steps[0], trace.exactness))
    if not found and untrained(trace, Facet.WEIGHTS, Facet.NON_TRAINABLE):
        return vacuous("training left the weights as they were: fresh ones give an equal loss")
    if not found and trace.logs_are_alike:
        return vacuous("every step logs the same, whatever the rows and the weights are")
    return tuple(_explained(trace, defect, LOSS_ORIGINS) for defect in found)


def resume_trajectory_is_identical(trace: Trace) -> Outcome:
    """Compare the training after the load with the original's, step by step, state included."""
    trajectories = _trajectories(trace)
    if isinstance(trajectories, Unjudged):
        return trajectories
    original, resumed = trajectories
    if original.raised is not None:
        return not_applicable(f"the original itself can't train on{_why(original)}")
    found = _firsts(trajectory_defects(original, resumed, trace.exactness))
    if found:
        return tuple(
            _explained(trace, defect, ORIGINS, steps=not resumed.raised) for defect in found
        )
    if trace.before is None or same(
        trace.before[Facet.WEIGHTS], original.steps[-1].snapshot[Facet.WEIGHTS]
    ):
        return vacuous("training on moves no weight: a lost optimizer makes no difference")
    return ()


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
    """Return whether two arrays are equal within the contract's tolerance, or to the byte."""
    if equal_arrays((one,), (other,)):
        return True
    if exactness.rtol == exactness.atol == 0.0 or one.shape != other.shape:
        return False
    a, b = one.astype(np.float64), other.astype(np.float64)
    return bool(np.allclose(b, a, rtol=exactness.rtol, atol=exactness.atol, equal_nan=True))


def _origin(trace: Trace, facets: Sequence[Facet]) -> Defect | None:
    """Return the first state that the load lost, which explains later differences.

    Flags are left out: a nested model's own flag is lost often and does not affect training.
    """
    before, loaded = trace.before, trace.loaded
    if before is None or loaded is None:
        return None
    lost = (
        defect
        for facet in facets
        if trace.contract.file_promise(facet)
        for defect in inventory_defects(trace, facet, before[facet], loaded[facet])
        if defect.name.rpartition("/")[2] != "trainable"
    )
    return next(lost, None)


def _firsts(defects: Iterator[Defect]) -> tuple[Defect, ...]:
    """Return the first defect, and after defects of log names the first of another kind too."""
    firsts: dict[bool, Defect] = {}
    for defect in defects:
        of_names = defect.kind is DefectKind.LOG_NAMES
        firsts.setdefault(of_names, defect)
        if not of_names:
            break
    return tuple(firsts.values())


def _explained(
    trace: Trace, defect: Defect, origins: Sequence[Facet], *, steps: bool = False
) -> Defect:
    """Return the defect with its origin, or without one with the special settings of the case.

    Names of logs depend on compiling alone; with `steps`, the optimizer is among the settings.
    """
    if defect.kind is DefectKind.LOG_NAMES:
        return replace(defect, origin=_origin(trace, (Facet.COMPILE,)))
    if origin := _origin(trace, origins):
        return replace(defect, origin=origin)
    optimizer = trace.case.final_settings.optimizer
    averages = optimizer.config.get("use_ema") and not trace.case.trained_since_compile
    return replace(
        defect,
        optimizer=optimizer.class_name if steps else "",
        before_first_average=bool(steps and averages),
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


def _differing_logs(
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


def _trajectory_promise(trace: Trace) -> Promise | None:
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
        promise=_trajectory_promise,
        find=resume_trajectory_is_identical,
        needs_determinism=True,
        trains_on=True,
    ),
)
