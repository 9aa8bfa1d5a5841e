"""Tests of saveproof.strategies.data: what a case implies, everywhere the same."""

import hashlib
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from saveproof.strategies.case import (
    Case,
    Evaluate,
    Fit,
    InvalidCase,
    Predict,
    TrainOnBatch,
    from_json,
)
from saveproof.strategies.cases import cases
from saveproof.strategies.data import PROBE_ROWS, Rows, probe, rows
from saveproof.strategies.shapes import tensor_shapes
from saveproof.strategies.targets import Target, target_of

MINIMAL = Path(__file__).parent / "minimal_case.json"
MANY = settings(
    max_examples=200, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def minimal_case() -> Case:
    return from_json(MINIMAL.read_bytes())


def digest(found: Rows) -> str:
    return hashlib.sha256(b"".join(a.tobytes() for a in found.inputs + found.targets)).hexdigest()


def test_another_process_gives_the_same_rows():
    program = (
        "import sys, hashlib;"
        "from saveproof.strategies.case import from_json;"
        "from saveproof.strategies.data import rows;"
        "r = rows(from_json(sys.stdin.read()), 0);"
        "print(hashlib.sha256(b''.join(a.tobytes() for a in r.inputs + r.targets)).hexdigest())"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        input=MINIMAL.read_text(encoding="utf-8"),
        env={"PYTHONHASHSEED": "5", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    here = rows(minimal_case(), 0)

    assert here is not None
    assert found.stdout.strip() == digest(here)


def test_seed_and_event_each_change_the_rows():
    case = minimal_case()
    other = msgspec.structs.replace(case, seed=1)
    first, second, third = rows(case, 0), rows(case, 1), rows(other, 0)

    assert first
    assert second
    assert third
    assert not np.array_equal(first.inputs[0], second.inputs[0][:2])
    assert not np.array_equal(first.inputs[0], third.inputs[0])


@MANY
@given(cases())
def test_rows_have_the_shapes_that_the_model_takes_and_gives(case: Case):
    shapes = tensor_shapes(case.architecture)
    for index, event in enumerate((*case.history.before, *case.history.after)):
        found = rows(case, index)
        if found is None:
            assert not isinstance(event, TrainOnBatch | Fit | Evaluate | Predict)
            continue
        count = event.steps * event.batch_size if isinstance(event, TrainOnBatch) else event.samples

        assert [a.shape for a in found.inputs] == [
            (count, *i.shape) for i in case.architecture.inputs
        ]
        assert (found.sample_weight is not None) == getattr(event, "sample_weight", False)
        for output, loss, target in zip(
            case.architecture.outputs, case.settings.losses, found.targets, strict=True
        ):
            wanted = (count, *shapes[output][1:])
            sparse = target_of(loss) is Target.CLASS
            assert target.shape == (wanted[:-1] if sparse else wanted)


@MANY
@given(cases())
def test_values_are_finite_and_in_range(case: Case):
    found = rows(
        case,
        next(i for i, e in enumerate(case.history.before) if isinstance(e, Fit | TrainOnBatch)),
    )

    assert found is not None
    for input_, values in zip(case.architecture.inputs, found.inputs, strict=True):
        assert values.dtype == input_.dtype
        assert (values.min() >= 0 and values.max() < input_.vocabulary) or not input_.vocabulary
        assert np.abs(values).max() < 10


@MANY
@given(cases())
def test_the_probe_has_the_fixed_batch_size_or_four_rows(case: Case):
    sizes = [input_.batch_size or PROBE_ROWS for input_ in case.architecture.inputs]

    assert [len(values) for values in probe(case)] == sizes


def test_an_event_that_is_not_there_is_told():
    with pytest.raises(InvalidCase, match="event 2: the history has events 0 to 1"):
        rows(minimal_case(), 2)


def test_an_unknown_loss_is_told():
    with pytest.raises(InvalidCase, match="loss 'msee': expected one of"):
        target_of("msee")
