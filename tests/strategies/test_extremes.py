"""Extremes: every case that is given one has it, is valid, and comes from the same choices."""

import math
import unicodedata

import numpy as np
import pytest
from msgspec.structs import replace

from saveproof.conformance.families.simple import DENSE_CHAIN
from saveproof.strategies.capabilities import EVERYTHING, Capabilities
from saveproof.strategies.case import (
    MODELS,
    Case,
    Fit,
    Hop,
    Kind,
    Layer,
    Object,
    Recompile,
    SetTrainable,
    SetWeights,
    TrainingHistory,
    TrainOnBatch,
    from_json,
    to_json,
)
from saveproof.strategies.cases import cases
from saveproof.strategies.extremes import EXTREMES, Extreme, changed, extremes
from saveproof.strategies.generation import Generator, NothingGenerated
from saveproof.strategies.shapes import tensor_shapes
from saveproof.strategies.validation import validate
from tests.strategies.test_validation import minimal_case, with_architecture

ANY_NAME = Capabilities(non_ascii=MODELS)
BY_NAME = {extreme.name: extreme for extreme in EXTREMES}
FOUND = [(kind, extreme) for kind in MODELS for extreme in extremes(kind, ANY_NAME)]


def given(name: str, case: Case) -> Case | None:
    """Return the case with the extreme of that name."""
    return BY_NAME[name].change(case)


def large_weights(case: Case) -> list[int]:
    """Return the bytes of weights in float32 of more than 64 KiB, in layers that take an input."""
    shapes = tensor_shapes(case.architecture)
    found = []
    for call in case.architecture.calls:
        config = case.architecture.layer(call.layer).config
        words, wide = config.get("input_dim", 0), shapes[call.inputs[0]][-1] or 0
        width = config.get("units") or config.get("output_dim") or 0
        found.append(4 * width * (words or wide))
    return [size for size in found if size > 64 * 1024]


def steps_of_longest_training(case: Case) -> int:
    """Return the steps of the longest training event before the save."""
    return max(
        event.steps
        if isinstance(event, TrainOnBatch)
        else event.epochs * event.samples // event.batch_size
        for event in case.history.before
        if isinstance(event, TrainOnBatch | Fit)
    )


def written(case: Case) -> list[float]:
    """Return the numbers that events before the save write."""
    events = [event for event in case.history.before if isinstance(event, SetWeights)]
    return [float(value) for event in events for value in event.values]


SHOWS = {
    "large array": lambda c: bool(large_weights(c)),
    "long training": lambda c: steps_of_longest_training(c) > 127,
    "non-finite numbers": lambda c: {"nan", "inf", "-inf"} <= set(map(str, written(c))),
    "subnormal numbers": lambda c: any(0 < abs(x) < np.finfo("f4").tiny for x in written(c)),
    "names outside ASCII": lambda c: (
        not c.architecture.name.isascii()
        and any(not layer.name.isascii() for layer in c.architecture.layers)
    ),
}


@pytest.mark.parametrize(("kind", "extreme"), FOUND, ids=lambda one: getattr(one, "name", one))
def test_a_changed_case_is_valid_and_has_the_extreme(kind: Kind, extreme: Extreme):
    generator = Generator(changed(cases(kinds=(kind,), capabilities=ANY_NAME), extreme))

    for number in range(8):
        case = generator.case(str(number))

        validate(case)
        assert SHOWS[extreme.name](case)
        assert from_json(to_json(case)) == case


@pytest.mark.parametrize("extreme", EXTREMES, ids=lambda one: one.name)
def test_the_choices_of_a_changed_case_are_those_of_the_plain_one(extreme: Extreme):
    """So a defect that the plain case shows too shrinks to a plain case."""
    plain = cases(kinds=(Kind.SUBCLASSED,))
    strategy = changed(plain, extreme)
    choices = Generator(strategy).choices("0")
    seen: list[Case] = []

    def noted(case: Case) -> bool:
        seen.append(case)
        return False

    with pytest.raises(NothingGenerated):
        Generator(plain).shrink(choices, noted, lambda *_: None)

    assert extreme.change(seen[0]) == Generator(strategy).case("0")


def test_a_case_that_saves_on_the_way_has_no_extreme():
    """The fault of the path would be in both models then."""
    case = replace(minimal_case(), history=TrainingHistory((TrainOnBatch(1, 2), Hop()), ()))
    generator = Generator(changed(_just(case), BY_NAME["subnormal numbers"]))

    with pytest.raises(NothingGenerated):
        generator.case("0")


def _just(case: Case):
    return cases(layers=("Dense",)).map(lambda _: case)


def test_the_large_weight_is_no_matrix_with_equal_rows():
    """A fault in its last rows could not be seen."""
    identity = {"class_name": "Identity", "config": {}}
    dense = minimal_case().architecture.layers[0]
    layer = replace(dense, config={**dense.config, "kernel_initializer": identity})

    assert given("large array", minimal_case()) is not None
    assert given("large array", with_architecture(minimal_case(), layers=(layer,))) is None


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_numbers_of_float32_are_written_into_weights_in_float32_alone(dtype: str):
    dense = minimal_case().architecture.layers[0]
    layer = replace(dense, config={**dense.config, "dtype": dtype})
    case = with_architecture(minimal_case(), layers=(layer,))

    assert given("subnormal numbers", case) is None
    assert given("non-finite numbers", case) is None
    assert given("large array", case) is None


def test_a_nan_spreads_in_training_before_infinities_are_written():
    case = given("non-finite numbers", minimal_case())

    assert case is not None
    first, trained, last = case.history.before
    assert isinstance(first, SetWeights)
    assert isinstance(trained, TrainOnBatch)
    assert isinstance(last, SetWeights)
    assert math.isnan(float(first.values[0]))
    assert "inf" in last.values


def test_a_loss_of_two_classes_is_given_no_nan():
    settings = replace(minimal_case().settings, losses=(Object("BinaryCrossentropy"),))

    assert given("non-finite numbers", replace(minimal_case(), settings=settings)) is None


def test_only_the_optimizer_in_force_is_trained_long():
    before = (TrainOnBatch(1, 2), Recompile(minimal_case().settings))
    history = replace(minimal_case().history, before=before)

    assert given("long training", minimal_case()) is not None
    assert given("long training", replace(minimal_case(), history=history)) is None


def test_a_fit_is_made_as_long_as_training_on_batches():
    history = replace(minimal_case().history, before=(Fit(epochs=2, samples=2, batch_size=2),))

    case = given("long training", replace(minimal_case(), history=history))

    assert case is not None
    assert steps_of_longest_training(case) == 130


def test_a_new_name_is_the_one_in_calls_and_events_too():
    frozen = SetTrainable("dense", value=False)
    history = replace(minimal_case().history, before=(TrainOnBatch(1, 2), frozen))

    case = given("names outside ASCII", replace(minimal_case(), history=history))

    assert case is not None
    validate(case)
    (name,) = (layer.name for layer in case.architecture.layers)
    assert case.history.before[1] == SetTrainable(name, value=False)
    for form in ("NFC", "NFKC"):
        assert unicodedata.normalize(form, name) != name
        assert unicodedata.normalize(form, case.architecture.name) != case.architecture.name


def test_a_model_without_weights_is_not_renamed():
    flat = Layer("Flatten", {"name": "dense"})

    assert given("names outside ASCII", with_architecture(minimal_case(), layers=(flat,))) is None


@pytest.mark.parametrize(
    ("had", "missing"),
    [
        (EVERYTHING, {"names outside ASCII"}),
        (ANY_NAME, set()),
        (ANY_NAME.but(not_in_names="_"), {"names outside ASCII"}),
        (DENSE_CHAIN, {"names outside ASCII", "non-finite numbers", "subnormal numbers"}),
    ],
)
def test_a_subject_is_given_the_extremes_that_it_can_have(had: Capabilities, missing: set[str]):
    found = {extreme.name for extreme in extremes(Kind.SEQUENTIAL, had)}

    assert found == BY_NAME.keys() - missing
