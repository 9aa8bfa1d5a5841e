"""Strata: what a case has, by short names."""

import pytest

from saveproof.strategies.capabilities import EVERYTHING
from saveproof.strategies.case import Kind, Layer
from saveproof.strategies.cases import cases
from saveproof.strategies.catalogue.objects import case
from saveproof.strategies.generation import Generator
from saveproof.strategies.strata import offered, strata_of


def test_an_object_has_its_class_and_the_arguments_under_test():
    """Those that the class needs are on every object of it, and are tested by others."""
    one = case("losses.Huber", {"delta": 0.4, "name": "far"}, ("delta",))

    assert strata_of(one) == ("losses.Huber", "losses.Huber/delta")


def test_a_plain_object_has_the_arguments_that_it_was_given():
    assert strata_of(case("layers.Dense", {"units": 3})) == ("layers.Dense", "layers.Dense/units")


@pytest.fixture(scope="module")
def found():
    """The strata of many models, with a case that has each."""
    generator = Generator(cases(hops=True))
    several = [generator.case(f"strata {number}") for number in range(150)]
    return {name: one for one in several for name in strata_of(one)}


def test_a_model_has_its_layers_settings_events_and_features(found):
    assert found.keys() >= {
        *("kind:sequential", "kind:subclassed", "feature:shared layer", "feature:nested model"),
        *("event:train_on_batch", "event:recompile", "event:hop", "layers.Dense/units"),
        *("optimizers.Adam/beta_1", "losses.mse", "losses.Huber/delta", "metrics.mae"),
    }
    assert "shared layer" not in found["kind:sequential"].architecture.name
    assert found["feature:shared layer"].shares_layers


def test_objects_in_arguments_are_strata_of_their_own_namespaces(found):
    assert found.keys() >= {
        *("initializers.Identity/gain", "regularizers.L1L2/l1", "constraints.MaxNorm/max_value"),
        *("optimizers.schedules.CosineDecay/alpha", "layers.Bidirectional/layer"),
    }
    wrapped = strata_of(found["layers.Bidirectional/layer"])
    layers = found["layers.Bidirectional/layer"].architecture.every_layer()
    (inner,) = {_inner(layer) for layer in layers if layer.class_name == "Bidirectional"}
    assert f"layers.{inner}" in wrapped


def _inner(layer: Layer) -> str:
    return str(layer.config["layer"]["class_name"])


def test_every_class_event_and_feature_of_a_model_was_offered(found):
    could = {
        name
        for kind in (Kind.SEQUENTIAL, Kind.FUNCTIONAL, Kind.SUBCLASSED)
        for name in offered(kind, EVERYTHING, hops=True)
    }
    rooms = ("layers.", "optimizers.", "losses.", "metrics.", "event:", "feature:")

    assert {n for n in found if n.startswith(rooms) and "/" not in n} <= could


def test_a_subject_is_offered_only_what_it_has():
    had = EVERYTHING.but(layers=("Dense",), events=("fit",), nesting=False, optimizers=("SGD",))

    could = offered(Kind.SEQUENTIAL, had)

    assert [name for name in could if name.startswith(("layers.", "optimizers.SGD"))] == [
        *("layers.Dense", "optimizers.SGD"),
    ]
    assert [name for name in could if ":" in name] == [
        *("event:fit", "feature:random numbers in training"),
    ]
    assert offered(Kind.OBJECT, EVERYTHING) == ()
