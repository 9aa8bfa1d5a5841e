"""The trial of a new environment: a subject builds, trains, saves and loads a model there.

`python -m saveproof.conformance.readiness SUBJECT` runs in the environment, and ends with an error
that says what failed.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from saveproof.conformance.doctor import tried
from saveproof.conformance.execution.runner import Question, record
from saveproof.conformance.families import subjects
from saveproof.conformance.model_state.subject import SavePath, Subject, Unsupported
from saveproof.strategies.case import (
    Architecture,
    Call,
    Case,
    CompileSettings,
    Input,
    Kind,
    Layer,
    Object,
    TrainingHistory,
    TrainOnBatch,
)


def failure(subject: Subject) -> str:
    """Return what failed; empty if a model was built and trained, and a save path restored it.

    One save path is enough: that others raise may be what a run is to find.
    """
    case = _case()
    attempt = tried(subject, "build and train a Dense model", case)
    if not attempt.ok:
        return f"{attempt.what}: {attempt.detail}"
    failures = []
    for path in subject.paths():
        failed = _round_trip(subject, path, case)
        if not failed:
            return ""
        failures.append(f"save and load through {path.name}: {failed}")
    return "; ".join(failures) or "expected at least one save path, found none"


def _round_trip(subject: Subject, path: SavePath, case: Case) -> str:
    with tempfile.TemporaryDirectory(prefix="saveproof-") as folder:
        try:
            (seen,) = record(subject, case, (Question(path.name, frozenset()),), Path(folder))
        except Unsupported as error:
            return f"unsupported: {error}"
    if isinstance(seen, Unsupported):
        return f"unsupported: {seen}"
    return f"{seen.raised.kind}: {seen.raised.message}" if seen.raised else ""


def _case() -> Case:
    layers = tuple(_layers())
    inputs = ("given", *(layer.name for layer in layers))
    calls = tuple(
        Call(layer.name, (before,), layer.name)
        for layer, before in zip(layers, inputs, strict=False)
    )
    return Case(
        Architecture(Kind.FUNCTIONAL, "trial", (Input("given", (4,)),), layers, calls, inputs[-1:]),
        CompileSettings(Object("Adam", {"learning_rate": 0.01}), ("mse",)),
        TrainingHistory(before=(TrainOnBatch(2, 4),), after=()),
        seed=1,
    )


def _layers() -> Iterator[Layer]:
    yield Layer("Dense", {"name": "first", "units": 3})
    yield Layer("BatchNormalization", {"name": "normalized"})
    yield Layer("Dense", {"name": "last", "units": 2})


if __name__ == "__main__":
    sys.exit(failure(subjects.resolve(sys.argv[1])) or 0)
