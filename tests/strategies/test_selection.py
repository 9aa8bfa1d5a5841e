"""The selection of strata: of objects by their classes and arguments, of models by capabilities."""

import pytest
from hypothesis import find, given, settings

from saveproof.strategies.capabilities import EVERYTHING
from saveproof.strategies.cases import cases
from saveproof.strategies.catalogue import objects
from saveproof.strategies.catalogue.exports import Argument, ExportedClass, Exports
from saveproof.strategies.generation import Generator
from saveproof.strategies.selection import Selection, selectable
from saveproof.strategies.strata import strata_of

UNITS = Argument("units", required=True)
EXPORTS = Exports(
    (
        ExportedClass("layers", "Dense", (UNITS, Argument("use_bias", default=True))),
        ExportedClass("layers", "GRU", (UNITS, Argument("stateful", default=False))),
        ExportedClass("losses", "Huber", (Argument("delta", default=1.0), Argument("name"))),
        ExportedClass(
            "layers",
            "Bidirectional",
            (Argument("layer", required=True), Argument("merge_mode", default="concat")),
        ),
    )
)


def strata(*wanted, without=()):
    """The strata of the systematic cases of a selection."""
    chosen = Selection(wanted, tuple(without)).of(EXPORTS)
    return {name for case in objects.cases(chosen) for name in strata_of(case)}


def test_without_a_selection_everything_is_tested():
    assert strata() >= {"layers.Dense/use_bias", "layers.GRU/stateful", "losses.Huber/delta"}
    assert Selection().of(EXPORTS) is EXPORTS


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("losses", {"losses.Huber", "losses.Huber/delta", "losses.Huber/name"}),
        ("layers.Dense", {"layers.Dense", "layers.Dense/units", "layers.Dense/use_bias"}),
        (
            "layers.Dense/use_bias",
            {"layers.Dense", "layers.Dense/units", "layers.Dense/use_bias"},
        ),
    ],
)
def test_a_namespace_a_class_or_an_argument_is_selected(name, expected):
    """The plain object of a class has the arguments that the class needs."""
    assert strata(name) == expected


def test_only_the_selected_argument_is_varied():
    several = list(objects.cases(Selection(("layers.Dense/use_bias",)).of(EXPORTS)))

    assert {case.tested for case in several} == {(), ("use_bias",)}


def test_several_names_select_all_that_any_of_them_does():
    assert strata("losses.Huber/name", "layers.GRU/stateful") >= {
        *("losses.Huber/name", "layers.GRU/stateful"),
    }
    assert "losses.Huber/delta" not in strata("losses.Huber/name", "layers.GRU/stateful")


@pytest.mark.parametrize("name", ["stateful", "layers.GRU/stateful"])
def test_an_argument_is_given_by_no_object(name):
    several = list(objects.cases(Selection((), (name,)).of(EXPORTS)))

    assert not [case for case in several if "stateful" in str(case.architecture)]
    assert "layers.GRU" in strata(without=[name])


def test_a_class_is_made_by_no_object_and_in_no_object():
    """A plain Bidirectional wraps a GRU, and can't be made without one."""
    assert "layers.Bidirectional" in strata()

    several = list(objects.cases(Selection((), ("layers.GRU",)).of(EXPORTS)))

    assert "layers.GRU" not in str(several)
    assert "layers.Bidirectional" not in str(several)
    assert "layers.Dense" in str(several)


def test_an_argument_that_a_class_needs_keeps_its_plain_value():
    chosen = Selection((), ("units",)).of(EXPORTS)

    several = [case for case in objects.cases(chosen) if case.architecture.name == "layers.Dense"]

    assert {case.architecture.layers[0].config["units"] for case in several} == {3}
    assert ("units",) not in {case.tested for case in several}


@settings(max_examples=30, deadline=None, database=None)
@given(objects.drawn(Selection(("losses",), ("name",)).of(EXPORTS)))
def test_generated_objects_keep_to_the_selection(case):
    assert set(strata_of(case)) <= {"losses.Huber", "losses.Huber/delta"}


def test_a_selected_argument_still_comes_up_in_generated_objects():
    chosen = Selection(("losses.Huber/delta",)).of(EXPORTS)

    found = find(objects.drawn(chosen), lambda case: bool(case.tested))

    assert found.tested == ("delta",)


def test_the_reason_of_what_is_left_out_is_the_option():
    chosen = Selection(("losses.Huber/name",), ("delta",)).of(EXPORTS)
    dense, huber = chosen.get("layers.Dense"), chosen.get("losses.Huber")

    assert objects.class_left_out(dense) == "--stratum selects others"
    assert objects.reason_left_out(huber, "delta") == "left out by --without"
    assert objects.reason_left_out(huber, "name") == ""


def models(selection):
    had = selection.of_models(EVERYTHING)
    generator = Generator(cases(capabilities=had))
    several = (generator.case(f"selected {number}") for number in range(40))
    return {name for case in several for name in strata_of(case)}


def test_models_have_the_selected_layers_and_those_that_end_a_model():
    found = models(Selection(("layers.LSTM", "losses")))

    assert {name for name in found if name.startswith("layers.") and "/" not in name} == {
        *("layers.LSTM", "layers.Dense", "layers.Flatten", "layers.Concatenate"),
    }


def test_models_lack_what_is_left_out():
    found = models(Selection((), ("stateful", "layers.Dense/use_bias", "layers.GRU", "event:fit")))

    assert "layers.LSTM" in found
    assert not found & {
        *("layers.LSTM/stateful", "layers.Dense/use_bias", "layers.GRU", "event:fit"),
    }


def test_a_selection_of_which_models_have_nothing_leaves_no_model():
    assert Selection(("initializers",)).of_models(EVERYTHING) is None
    assert Selection((), ("layers.Dense",)).of_models(EVERYTHING) is None
    assert Selection((), ("event:fit", "event:train_on_batch")).of_models(EVERYTHING) is None
    assert Selection((), ("losses",)).of_models(EVERYTHING) is None
    assert Selection().of_models(EVERYTHING) is EVERYTHING


def test_the_names_that_select_something_are_those_of_the_exports_and_of_models():
    known = selectable([EXPORTS], [EVERYTHING.but(events=("fit",))])

    assert {"losses", "losses.Huber", "losses.Huber/delta", "layers.Conv2D"} <= {*known.wanted}
    assert {"stateful", "event:fit"} <= {*known.without} - {*known.wanted}
    assert not {"losses.Huber/gain", "event:predict", "regularizers"} & {*known.without}


def test_without_exports_the_arguments_are_those_of_the_catalogue():
    known = selectable([], [EVERYTHING])

    assert {"stateful", "layers.LSTM/stateful"} <= {*known.without}
