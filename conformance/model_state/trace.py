"""Traces: the record of one case on one save path."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from msgspec.structs import replace

from saveproof.conformance.model_state.contract import Contract, Exactness, Facet
from saveproof.conformance.model_state.snapshot import (
    Inventory,
    Snapshot,
    differences,
    is_constant,
)
from saveproof.reports.findings import Difference
from saveproof.strategies.case import Case


class Probe(StrEnum):
    """Observations beyond the round trip itself; each takes about as long as another round trip."""

    SECOND_GENERATION = "second generation"
    ANOTHER_PROCESS = "another process"
    UNBUILT = "unbuilt"
    TWIN = "twin"
    CONDUCT = "conduct"
    OTHER_CODE = "other code"


class Stage(StrEnum):
    """The stage of a trace at which a subject raised."""

    BUILD = "build"
    TRAIN = "train"
    SAVE = "save"
    LOAD = "load"
    RESUME = "resume"
    SECOND_GENERATION = "second generation"
    ANOTHER_PROCESS = "another process"


@dataclass(frozen=True)
class Raised:
    """An exception of the subject: its stage, class, message and traceback.

    It is `declared` if it is `Unsupported`: the subject can't do what the case asks for.
    `function` is the framework's innermost function that raised, if one is known.
    """

    stage: Stage
    kind: str
    message: str
    traceback: str
    declared: bool = False
    function: str = ""


@dataclass(frozen=True)
class Step:
    """One step of training after the save: its logs, and the model after it."""

    event: str
    logs: tuple[Mapping[str, float], ...]
    snapshot: Snapshot


@dataclass(frozen=True)
class Trajectory:
    """A model's outputs on the probe inputs at the save, and its training after it.

    `outputs` has an array an output. `raised` ends the steps early.
    """

    outputs: tuple[np.ndarray, ...]
    steps: tuple[Step, ...]
    raised: Raised | None = None

    @property
    def is_constant(self) -> bool:
        """Whether no output depends on its row."""
        return all(map(is_constant, self.outputs))


@dataclass(frozen=True)
class OtherProcess:
    """The record of another process: the model that it loaded, and its outputs and training."""

    loaded: Snapshot
    trajectory: Trajectory


@dataclass(frozen=True)
class OtherCode:
    """The record of a load into other code: the loaded model and its outputs, or the exception."""

    loaded: Snapshot | None = None
    trajectory: Trajectory | None = None
    raised: Raised | None = None


@dataclass(frozen=True)
class Link:
    """A reference to another file: its sort, and its sort and target in words."""

    sort: str
    words: str


@dataclass(frozen=True)
class FailedSave:
    """A save over an earlier file on a disk without room for it, and a load after it.

    `raised` is the exception of the save, None where it raised none. `survived` is the model that
    was loaded after it, and `lost` the exception of that load.
    """

    raised: Raised | None = None
    survived: Snapshot | None = None
    lost: Raised | None = None


@dataclass(frozen=True)
class Conduct:
    """The side effects of a second load, and of a save over the first file with its load.

    `links` are the references to other files in the source, `litter` the files next to the source,
    `held` the source's files that stayed open. `loading` and `saving` are the changes of the
    process and the folder in the load and the save, `drawing` those of the process-wide generators
    in the save. `again` is the model of the second load, which `is_first` if it is the first model
    itself. `kept` is the original at the save over the first file, `replaced` the model loaded
    after that save, `remnants` the files that still hold bytes of the first save. `overwritten` are
    the changes of the folder in a save that must not overwrite, `failed_save` is one that fails.
    `raised` is the exception that ended it early.
    """

    links: Mapping[str, Link]
    litter: tuple[str, ...]
    loading: tuple[Difference, ...] | None = None
    again: Snapshot | None = None
    is_first: bool = False
    kept: Snapshot | None = None
    saving: tuple[Difference, ...] | None = None
    drawing: tuple[Difference, ...] | None = None
    remnants: tuple[str, ...] = ()
    replaced: Snapshot | None = None
    held: tuple[str, ...] = ()
    overwritten: tuple[Difference, ...] | None = None
    failed_save: FailedSave | None = None
    raised: Raised | None = None


@dataclass(frozen=True)
class Trace:
    """One case through one save path.

    Of the original model, `fresh` is the state before training, `before` the one before the save,
    `saved` the one after it, and `logs` has the logs of its training before the save. `loaded` is
    the loaded model, `second` the model after one more save and load. `anew` is the same model,
    built once more from other seeds: it is there only where fresh weights came back that `fresh`
    does not have. A field that was not reached
    or not asked for is None. `seconds` is the time of all.
    """

    case: Case
    path: str
    contract: Contract
    probes: frozenset[Probe]
    in_memory: bool = False
    fresh: Snapshot | None = None
    before: Snapshot | None = None
    logs: tuple[Mapping[str, float], ...] = ()
    saved: Snapshot | None = None
    loaded: Snapshot | None = None
    second: Snapshot | None = None
    anew: Snapshot | None = None
    original: Trajectory | None = None
    resumed: Trajectory | None = None
    other_process: OtherProcess | None = None
    conduct: Conduct | None = None
    other_code: OtherCode | None = None
    raised: Raised | None = None
    unbuilt: Raised | None = None
    spoiled: Raised | None = None
    """The exception of training after a save, where training without the save raises none."""
    twin: Difference | None = None
    """Where a twin, a second model built, trained and saved alike, first differs from the original.

    The twin is built only where the probe was asked for and a trajectory differs.
    """
    seconds: float = 0.0

    @property
    def fault(self) -> str:
        """The exception of the original model that no save caused; empty if none or declared."""
        raised = None if self.original is None else self.original.raised
        if raised is None or raised.declared or self.spoiled is not None:
            return ""
        return f"{raised.stage} raised {raised.kind}: {raised.message}"

    @property
    def is_refused(self) -> bool:
        """Whether the contract has the case's kind of model refused."""
        return self.case.architecture.kind in self.contract.refuses

    @property
    def logs_are_alike(self) -> bool:
        """Whether the original's logs are the same for all rows, or empty."""
        steps = () if self.original is None else self.original.steps
        logs = [*self.logs, *(log for step in steps for log in step.logs)]
        return not any(logs) or (
            len(logs) > 1 and len({repr(sorted(log.items())) for log in logs}) == 1
        )

    @property
    def exactness(self) -> Exactness:
        """The tolerance for outputs, losses and trained state on this case."""
        return self.contract.exactness.of(self.case)


def same_trajectory(one: Trajectory, other: Trajectory) -> bool:
    """Return whether two trajectories are equal to the last bit, exceptions included."""
    return trajectory_difference(one, other) is None


def trajectory_difference(one: Trajectory, other: Trajectory) -> Difference | None:
    """Return the first difference of two trajectories; None where they are equal to the last bit.

    Exceptions are compared by whether there is one.
    """
    return next(_trajectory_differences(one, other), None)


def _trajectory_differences(one: Trajectory, other: Trajectory) -> Iterator[Difference]:
    yield from differences(_by_index(one.outputs), _by_index(other.outputs))
    for number, (a, b) in enumerate(zip(one.steps, other.steps, strict=False), 1):
        for difference in _step_differences(a, b):
            yield replace(difference, where=f"step {number}: {difference.where}")
    if (one.raised is None) != (other.raised is None) or len(one.steps) != len(other.steps):
        yield Difference("training", _end(one), _end(other))


def _end(of: Trajectory) -> str:
    raised = "no exception" if of.raised is None else f"{of.raised.kind}: {of.raised.message}"
    return f"{len(of.steps)} steps, {raised}"


def _by_index(outputs: Sequence[np.ndarray]) -> Inventory:
    return {f"output {index}": output for index, output in enumerate(outputs)}


def _step_differences(one: Step, other: Step) -> Iterator[Difference]:
    yield from differences(_by_log(one), _by_log(other))
    for facet in (Facet.WEIGHTS, Facet.NON_TRAINABLE, Facet.SLOTS):
        yield from differences(one.snapshot[facet], other.snapshot[facet])


def _by_log(step: Step) -> Inventory:
    return {f"log {n}: {name}": log[name] for n, log in enumerate(step.logs, 1) for name in log}
