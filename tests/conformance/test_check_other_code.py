"""The check of other code on made-up traces: right, refused, and never silently other."""

from dataclasses import replace

import numpy as np
import pytest
from msgspec.structs import replace as with_fields

from saveproof.conformance.checks import checks_for, judge
from saveproof.conformance.checks.other_code import OTHER_CODE
from saveproof.conformance.model_state.contract import Contract, Demand, Facet, Promise, promises
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.conformance.model_state.trace import (
    OtherCode,
    Probe,
    Raised,
    Stage,
    Step,
    Trace,
    Trajectory,
)
from saveproof.reports.records import Verdict
from saveproof.strategies.case import Architecture, Call, Departure, Input, Kind, Layer
from tests.conformance.test_checks import CASE

LAYERS = (
    Layer("Dense", {"name": "a", "units": 2, "trainable": False}),
    Layer("Dense", {"name": "b", "units": 2}),
    Layer("Dense", {"name": "c", "units": 2}),
)
CALLS = (Call("a", ("x",), "a"), Call("b", ("a",), "b"), Call("c", ("b",), "c"))
MODEL = with_fields(
    CASE,
    architecture=Architecture(Kind.SUBCLASSED, "m", (Input("x", (2,)),), LAYERS, CALLS, ("c",)),
)
FACETS = promises(Promise.MUST, Facet.WEIGHTS, Facet.NON_TRAINABLE, Facet.SLOTS, Facet.ITERATION)
CODE = promises(Promise.CODE, Facet.ARCHITECTURE, Facet.DTYPE_POLICY)
TRAINED = {"a": 1.0, "b": 2.0, "c": 3.0}
GRADIENTS = {"b": 0.2, "c": 0.3}


def array(number, dtype="float32"):
    """Return two numbers, which are no fresh slot."""
    return np.array([number, -number], dtype)


def state(weights=TRAINED, slots=GRADIENTS, iteration=4, dtype="float32", frozen=("a",)):
    return Snapshot(
        {
            Facet.WEIGHTS: {f"{name}/0 kernel": array(x, dtype) for name, x in weights.items()},
            Facet.SLOTS: {f"{n} m": array(x) for n, x in enumerate(slots.values())},
            Facet.ITERATION: {"iterations": np.array(iteration)},
            Facet.TRAINABLE: {"": True, **{name: name not in frozen for name in weights}},
        }
    )


def outputs(number=1.0, *weights):
    steps = tuple(Step("TrainOnBatch", ({"loss": 1.0},), state(one)) for one in weights)
    return Trajectory((array(number),), steps)


def raised(message="weight 'kernel' has another shape here", kind="builtins.ValueError"):
    return OtherCode(raised=Raised(Stage.LOAD, kind, message, ""))


def trace_of(departure, other, demand=Demand.RIGHT, facets=FACETS):
    contract = Contract("https://example.org", facets | CODE, other_code={departure: demand})
    return Trace(
        MODEL.loaded_by(departure),
        "weights_h5",
        contract,
        frozenset(Probe),
        fresh=state(dict.fromkeys("abc", 0.0), {}),
        before=state(),
        original=outputs(),
        other_code=other,
    )


def judged(departure, other, demand=Demand.RIGHT, facets=FACETS):
    trace = trace_of(departure, other, demand, facets)
    return next(one for one in judge(trace) if one.check == OTHER_CODE)


def keys(*given, **named):
    return [defect.key for defect in judged(*given, **named).defects]


def loaded(*given, **named):
    return OtherCode(state(*given, **named), outputs())


@pytest.mark.parametrize("departure", sorted(set(Departure) - {Departure.NUMBERED}))
def test_what_is_in_its_place_passes(departure):
    assert judged(departure, loaded()).verdict is Verdict.PASS


def test_layers_are_compared_in_whatever_order_they_are():
    reverse = loaded(dict(reversed(TRAINED.items())), dict(reversed(GRADIENTS.items())))

    assert judged(Departure.ORDER, reverse).verdict is Verdict.PASS


def test_layers_are_compared_whatever_they_are_called():
    named = {"dense_3": 1.0, "dense_4": 2.0, "dense_5": 3.0}
    swapped = {"dense_3": 1.0, "dense_4": 3.0, "dense_5": 2.0}

    right = loaded(named, GRADIENTS, frozen=("dense_3",))
    assert judged(Departure.NUMBERED, right).verdict is Verdict.PASS
    assert (
        keys(Departure.NUMBERED, loaded(swapped, GRADIENTS, frozen=("dense_3",)))
        == ["weights: Dense/kernel value by other code (numbered)"] * 2
    )


def test_a_weight_that_is_another_layers_is_found_though_none_is_missing():
    found = judged(Departure.ORDER, loaded({"a": 1.0, "b": 3.0, "c": 2.0}), Demand.EITHER)

    assert found.verdict is Verdict.FAIL
    assert [defect.difference.where for defect in found.defects] == ["b/0 kernel", "c/0 kernel"]


def test_a_weight_that_is_not_there_is_missing():
    assert keys(Departure.FROZEN, loaded({"a": 1.0, "b": 2.0}, {"b": 0.2})) == [
        "weights: Dense/kernel missing by other code (frozen)"
    ]


@pytest.mark.parametrize(("departure", "verdict"), [("dtype", "pass"), ("optimizer", "fail")])
def test_only_code_of_another_dtype_may_cast(departure, verdict):
    other = loaded(dtype="float64")

    assert judged(Departure(departure), other, Demand.EITHER).verdict == verdict


def test_a_slot_of_another_weight_is_found():
    """The thawed layer comes first, and takes the slots of the next one."""
    moved = loaded(slots={"a": 0.2, "b": 0.3, "c": 0.0}, frozen=())

    assert keys(Departure.THAWED, moved) == ["optimizer slots: m lost by other code (thawed)"] * 3


def test_slots_that_no_document_promises_may_be_fresh_but_not_anothers():
    unpromised = {**FACETS, Facet.SLOTS: Promise.SHOULD}
    fresh = loaded(slots={"b": 0.0, "c": 0.0})
    swapped = loaded(slots={"b": 0.3, "c": 0.2})

    assert judged(Departure.FIRST_STEP, fresh, facets=unpromised).verdict is Verdict.PASS
    assert len(keys(Departure.FIRST_STEP, swapped, facets=unpromised)) == 2
    assert len(keys(Departure.FIRST_STEP, fresh)) == 2


def test_another_optimizer_has_slots_and_steps_of_its_own():
    other = loaded(slots={"b": 0.3, "c": 0.2}, iteration=0)

    assert judged(Departure.OPTIMIZER, other).verdict is Verdict.PASS
    assert "iteration: iterations value by other code (first step)" in keys(
        Departure.FIRST_STEP, other
    )


@pytest.mark.parametrize("demand", [Demand.EITHER, Demand.REFUSED])
def test_a_refusal_that_says_why_is_as_good(demand):
    assert judged(Departure.DTYPE, raised(), demand).verdict is Verdict.REFUSED


def test_a_refusal_is_a_defect_where_the_values_have_a_place():
    assert keys(Departure.FROZEN, raised()) == [
        "load: raised builtins.ValueError: weight … has another shape here by other code (frozen)"
    ]


def test_a_refusal_must_say_why():
    unclear = raised("kernel", "builtins.KeyError")

    assert keys(Departure.HEAD, unclear, Demand.REFUSED) == [
        "refusal: unclear builtins.KeyError by other code (head)"
    ]


def test_code_that_must_be_refused_and_is_not():
    assert keys(Departure.HEAD, loaded(), Demand.REFUSED) == [
        "refusal: missing by other code (head)"
    ]


@pytest.mark.parametrize(("departure", "count"), [("thawed", 1), ("dtype", 0)])
def test_outputs_are_the_same_where_the_code_computes_the_same(departure, count):
    other = replace(loaded(), trajectory=outputs(2.0))

    assert len(keys(Departure(departure), other)) == count


def test_training_on_is_the_same_where_the_code_trains_the_same():
    all_of_it = promises(Promise.MUST, tuple(Facet))
    trace = trace_of(Departure.UNBUILT, loaded(), facets=all_of_it)
    moved = {**TRAINED, "c": 3.5}
    trace = replace(trace, original=outputs(1.0, moved))
    strayed = replace(trace.other_code, trajectory=outputs(1.0, {**TRAINED, "c": 3.6}))
    same = replace(trace.other_code, trajectory=outputs(1.0, moved))

    def found(other):
        (one,) = (j for j in judge(replace(trace, other_code=other)) if j.check == OTHER_CODE)
        return [defect.key for defect in one.defects]

    assert found(strayed) == ["resume: first step weights by other code (unbuilt)"]
    assert not found(same)


def test_untrained_weights_show_nothing():
    trace = replace(trace_of(Departure.FROZEN, loaded()), fresh=state())

    (one,) = (judgement for judgement in judge(trace) if judgement.check == OTHER_CODE)
    assert one.verdict is Verdict.VACUOUS


def test_without_a_load_nothing_is_judged():
    assert judged(Departure.FROZEN, None).verdict is Verdict.NOT_APPLICABLE


def test_a_case_without_a_departure_is_not_asked():
    trace = replace(trace_of(Departure.FROZEN, loaded()), case=MODEL)

    assert OTHER_CODE not in {judgement.check for judgement in judge(trace)}


def test_only_a_path_that_needs_code_has_the_check():
    contract = trace_of(Departure.FROZEN, None).contract

    assert OTHER_CODE in {check.name for check in checks_for(contract)}
    assert OTHER_CODE not in {check.name for check in checks_for(replace(contract, other_code={}))}
