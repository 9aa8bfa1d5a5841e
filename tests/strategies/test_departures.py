"""Departures: what the code that loads has other than the code that saved."""

from pathlib import Path

import pytest
from hypothesis import given
from msgspec.structs import replace

from saveproof.conformance.runs.work import strategy
from saveproof.strategies.capabilities import EVERYTHING
from saveproof.strategies.case import (
    Architecture,
    Call,
    Case,
    Departure,
    Kind,
    Layer,
    Recompile,
    SetTrainable,
    from_json,
    to_json,
)
from saveproof.strategies.departures import (
    MisfitDeparture,
    counterparts,
    departed,
    departing,
    other_code,
    possible,
    with_departure,
)
from saveproof.strategies.drawing import drawing
from saveproof.strategies.generation import Generator
from saveproof.strategies.validation import validate
from tests.strategies.test_cases import MANY, PLAIN

MINIMAL = from_json((Path(__file__).parent / "minimal_case.json").read_bytes())


def model_of(kind: Kind, *layers: Layer, calls: tuple[Call, ...] = ()) -> Case:
    chain = tuple(
        Call(layer.name, (layers[n - 1].name if n else "x",), layer.name)
        for n, layer in enumerate(layers)
    )
    inputs = (replace(MINIMAL.architecture.inputs[0], name="x"),)
    of = Architecture(kind, "m", inputs, layers, calls or chain, (layers[-1].name,))
    return replace(MINIMAL, architecture=of)


def dense(name: str, **config: object) -> Layer:
    return Layer("Dense", {"name": name, "units": 3, **config})


THREE = model_of(Kind.SUBCLASSED, dense("a"), dense("b"), dense("c"))


def code_of(case: Case, departure: Departure) -> Case:
    return other_code(case.loaded_by(departure))


def flags(case: Case) -> list[bool]:
    return [layer.config.get("trainable", True) for layer in case.architecture.every_layer()]


def test_a_case_without_a_departure_has_the_json_and_the_id_that_it_had():
    text = (Path(__file__).parent / "minimal_case.json").read_bytes().strip()

    assert to_json(MINIMAL) == text
    assert MINIMAL.loaded_by(Departure.HEAD).id != MINIMAL.id
    assert from_json(to_json(MINIMAL.loaded_by(Departure.HEAD))).loading is Departure.HEAD


@MANY
@given(PLAIN)
def test_every_departure_of_a_generated_case_gives_a_valid_case(case: Case):
    for departure in Departure:
        departs = with_departure(case, departure)
        if departs.loading:
            code = other_code(departs)

            validate(departs)
            validate(code.loaded_by(None))
            assert code.loading is departure
            assert sorted(counterparts(departs).values()) == sorted(
                "/".join(address) for address, _ in case.in_force.architecture.by_address()
            )


@MANY
@given(PLAIN)
def test_the_code_that_loads_needs_no_second_look_at_the_history(case: Case):
    """A save path asks the case that it is given for the model's code once more."""
    for departure in Departure:
        if (code := departed(case.loaded_by(departure))) is not None:
            assert code.as_compiled.in_force.architecture == code.in_force.architecture
            assert code.as_compiled.settings == code.settings
            assert len(code.history.before) == len(case.history.before)


@pytest.mark.parametrize(("seed", "frozen"), [(0, [0]), (1, [1]), (2, [0, 1])])
def test_code_that_freezes_keeps_the_last_layer_training(seed, frozen):
    code = code_of(replace(THREE, seed=seed), Departure.FROZEN)

    assert [n for n, trains in enumerate(flags(code)) if not trains] == frozen


def test_code_that_thaws_needs_something_frozen():
    frozen = model_of(Kind.SEQUENTIAL, dense("a", trainable=False), dense("b"))
    late = replace(
        THREE,
        history=replace(
            THREE.history, before=(*THREE.history.before, SetTrainable(layer="a", value=False))
        ),
    )

    assert flags(code_of(frozen, Departure.THAWED)) == [True, True]
    assert flags(code_of(late, Departure.THAWED).as_compiled) == [True] * 3
    assert not code_of(late, Departure.THAWED).set_since_compile
    with pytest.raises(MisfitDeparture, match="thawed: the case has nothing"):
        validate(THREE.loaded_by(Departure.THAWED))


@pytest.mark.parametrize(("widths", "order"), [((3, 4, 5), "cba"), ((3, 3, 3), "acb")])
def test_code_in_another_order_exchanges_what_is_alike_or_else_reverses_all(widths, order):
    """The input has 4 numbers: the first layer's kernel has another shape than the next two."""
    case = model_of(
        Kind.SUBCLASSED, *(dense(name, units=n) for name, n in zip("abc", widths, strict=True))
    )

    code = code_of(case, Departure.ORDER)

    assert "".join(layer.name for layer in code.architecture.layers) == order
    assert code.architecture.calls == case.architecture.calls


def test_layers_that_are_alike_are_exchanged_whatever_the_number():
    assert {departing(THREE, n, tuple(Departure)).loading for n in range(9)} == {Departure.ORDER}


def test_code_in_another_order_calls_parallel_branches_in_reverse():
    layers = (dense("a"), dense("b"), Layer("Add", {"name": "sum"}))
    calls = (Call("a", ("x",), "a"), Call("b", ("x",), "b"), Call("sum", ("a", "b"), "sum"))
    branches = model_of(Kind.FUNCTIONAL, *layers, calls=calls)
    chain = model_of(Kind.FUNCTIONAL, dense("a"), dense("b"))

    code = code_of(branches, Departure.ORDER)

    assert [call.layer for call in code.architecture.calls] == ["b", "a", "sum"]
    assert departed(chain.loaded_by(Departure.ORDER)) is None


def test_a_second_model_goes_on_numbering_layers_by_class():
    inner = model_of(Kind.SEQUENTIAL, dense("deep")).architecture
    case = model_of(
        Kind.SEQUENTIAL, dense("a"), Layer("Sequential", {"name": "inner"}, inner), dense("b")
    ).loaded_by(Departure.NUMBERED)
    late = SetTrainable(layer="inner/deep", value=False)
    case = replace(case, history=replace(case.history, before=(*case.history.before, late)))

    assert counterparts(case) == {
        "dense_3": "a",
        "sequential_1": "inner",
        "sequential_1/dense_4": "inner/deep",
        "dense_5": "b",
    }
    assert other_code(case).history.before[-1].layer == "sequential_1/dense_4"


def test_another_head_is_wider():
    code = code_of(THREE, Departure.HEAD)

    assert [layer.config["units"] for layer in code.architecture.layers] == [3, 3, 6]
    assert (
        departed(
            model_of(Kind.SEQUENTIAL, Layer("Flatten", {"name": "f"})).loaded_by(Departure.HEAD)
        )
        is None
    )


def test_another_dtype_turns_the_default_and_others():
    case = model_of(Kind.SEQUENTIAL, dense("a"), dense("b", dtype="float16"))

    code = code_of(case, Departure.DTYPE)

    assert [layer.config.get("dtype") for layer in code.architecture.layers] == ["float64", None]


def test_another_optimizer_is_that_of_a_recompile_too():
    settings = MINIMAL.settings
    case = replace(
        MINIMAL,
        history=replace(
            MINIMAL.history, before=(*MINIMAL.history.before, Recompile(settings=settings))
        ),
    )

    code = code_of(case, Departure.OPTIMIZER)

    assert settings.optimizer.class_name == "SGD"
    assert code.final_settings.optimizer.class_name == code.settings.optimizer.class_name == "Adam"


def test_only_a_subclassed_model_can_be_unbuilt():
    assert departed(THREE.loaded_by(Departure.UNBUILT)) == THREE.in_force
    assert departed(MINIMAL.loaded_by(Departure.UNBUILT)) is None


@pytest.mark.parametrize("kind", Kind)
def test_thirty_cases_have_every_departure_that_their_kind_of_model_can_have(kind):
    generator = Generator(strategy(str(kind), hops=False, capabilities=EVERYTHING))
    cases = [generator.case(f"departures {number}") for number in range(30)]
    can = {one for one in Departure if any(departed(case.loaded_by(one)) for case in cases)}

    have = {departing(case, n, tuple(Departure)).loading for n, case in enumerate(cases)}

    assert have == can


def test_without_departures_a_case_stays_as_it_is():
    assert departing(MINIMAL, 3, ()) == MINIMAL


def test_a_subject_has_no_departure_to_what_it_lacks():
    had = EVERYTHING.but(dtypes=("float32",), optimizers=("SGD",), events=("fit",))

    lacking = set(Departure) - set(possible(tuple(Departure), had))

    assert lacking == {Departure.DTYPE, Departure.OPTIMIZER, Departure.FIRST_STEP}


def test_the_drawing_names_the_departure():
    assert "loaded by other code: head" in drawing(MINIMAL.loaded_by(Departure.HEAD))
