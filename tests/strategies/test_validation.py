"""Tests of saveproof.strategies.validation: each thing that a person may get wrong is told."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from saveproof.strategies.case import (
    Case,
    Evaluate,
    InvalidCase,
    Kind,
    SetTrainable,
    SetWeights,
    TrainingHistory,
    from_json,
)
from saveproof.strategies.validation import (
    DuplicateName,
    MisfitEvent,
    MisfitSettings,
    NotAChain,
    UnusedPart,
    validate,
)

MINIMAL = Path(__file__).parent / "minimal_case.json"
replace = msgspec.structs.replace


def minimal_case() -> Case:
    return from_json(MINIMAL.read_bytes())


def with_architecture(case: Case, **changes: object) -> Case:
    return replace(case, architecture=replace(case.architecture, **changes))


def with_after(case: Case, *events: object) -> Case:
    return replace(case, history=replace(case.history, after=events))


def with_class(case: Case, class_name: str) -> Case:
    layer = replace(case.architecture.layers[0], class_name=class_name)
    return with_architecture(case, layers=(layer,))


FAULTS: dict[str, tuple[Callable[[Case], Case], type[InvalidCase], str]] = {
    "no class": (lambda c: with_class(c, "dens"), InvalidCase, "expected the name of a class"),
    "layer named twice": (
        lambda c: with_architecture(c, layers=c.architecture.layers * 2),
        DuplicateName,
        r"model, layers: expected every name once, found twice: \['dense'\]",
    ),
    "dangling tensor": (
        lambda c: with_architecture(
            c,
            kind=Kind.FUNCTIONAL,
            calls=(replace(c.architecture.calls[0], inputs=("nowhere",)),),
        ),
        InvalidCase,
        "no tensor 'nowhere'",
    ),
    "not a chain": (
        lambda c: with_architecture(
            c, calls=(replace(c.architecture.calls[0], inputs=("dense",)),)
        ),
        NotAChain,
        "calls each layer once",
    ),
    "tensor that nothing takes": (
        lambda c: with_architecture(c, kind=Kind.FUNCTIONAL, outputs=("input",)),
        UnusedPart,
        r"tensors that nothing takes: \['dense'\]",
    ),
    "layer that nothing calls": (
        lambda c: with_architecture(c, kind=Kind.FUNCTIONAL, calls=(), outputs=("input",)),
        UnusedPart,
        r"layers that nothing calls: \['dense'\]",
    ),
    "one loss too many": (
        lambda c: replace(c, settings=replace(c.settings, losses=("mse", "mse"))),
        MisfitSettings,
        "settings.losses: expected 1, one an output, found 2",
    ),
    "partial batch": (
        lambda c: with_after(c, Evaluate(samples=3, batch_size=2)),
        MisfitEvent,
        "event 1: samples 3, expected a multiple of batch_size 2",
    ),
    "batch size against the input's": (
        lambda c: with_architecture(c, inputs=(replace(c.architecture.inputs[0], batch_size=4),)),
        MisfitEvent,
        "batch_size 2, expected 4, which input 'input' fixes",
    ),
    "layer path that is not there": (
        lambda c: with_after(c, SetTrainable(layer="dense/kernel", value=False)),
        MisfitEvent,
        "no layer 'dense/kernel'",
    ),
    "no training": (
        lambda c: replace(c, history=TrainingHistory(before=(), after=())),
        MisfitEvent,
        "expected at least one fit or train_on_batch",
    ),
    "no training after the load": (
        with_after,
        MisfitEvent,
        "history.after: expected at least one event, found none",
    ),
    "no values for a weight": (
        lambda c: with_after(c, SetWeights("dense", 0, ())),
        MisfitEvent,
        r"event 1: expected the place of a weight from 0 on, and values; found 0 and \[\]",
    ),
    "place of a weight from the end": (
        lambda c: with_after(c, SetWeights("dense", -1, ("nan",))),
        MisfitEvent,
        r"found -1 and \['nan'\]",
    ),
    "weights of a layer that is not there": (
        lambda c: with_after(c, SetWeights("dens", 0, (1.0,))),
        MisfitEvent,
        "no layer 'dens'",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told(fault: str):
    make, error, message = FAULTS[fault]

    with pytest.raises(error, match=message):
        validate(make(minimal_case()))


def test_an_unknown_field_is_refused():
    text = MINIMAL.read_text(encoding="utf-8").replace('"seed":0,', '"sede":1,"seed":0,')

    with pytest.raises(InvalidCase, match="unknown field `sede`"):
        from_json(text)
