"""Places of entries: classes and names of variables, never the name of a layer."""

import pytest
from msgspec.structs import replace

from saveproof.conformance.checks.facets import inventory_defects
from saveproof.conformance.checks.places import OF_LAYERS, place
from saveproof.conformance.execution.adapter import Adapter
from saveproof.conformance.interchange.words import comparable
from saveproof.conformance.model_state.contract import Facet
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.conformance.model_state.trace import Trace
from saveproof.conformance.processes import wire
from saveproof.conformance.processes.foreign import protocol
from saveproof.strategies.case import Layer
from tests.conformance.test_checks import CASE, EVERYTHING

INNER = replace(CASE.architecture, layers=(Layer("LSTM", {"name": "activation"}),))
LAYERS = (
    *CASE.architecture.layers,
    Layer("Sequential", {"name": "block"}, model=INNER),
    Layer("ReLU", {"name": "activation"}),
)
NESTED = replace(CASE, architecture=replace(CASE.architecture, layers=LAYERS))


def trace(**classes):
    snapshot = Snapshot({}, {name.replace("__", "/"): one for name, one in classes.items()})
    return Trace(NESTED, "h5", EVERYTHING, frozenset(), before=snapshot)


@pytest.mark.parametrize(
    ("facet", "entry", "found"),
    [
        (Facet.WEIGHTS, "dense/0 kernel", "Dense/kernel"),
        (Facet.WEIGHTS, "block/activation/1 bias", "Sequential/LSTM/bias"),
        (Facet.ARGUMENTS, "dense/activation", "Dense/activation"),
        (Facet.ARGUMENTS, "dense/kernel_initializer/seed", "Dense/kernel_initializer/seed"),
        (Facet.TRAINABLE, "block", "Sequential"),
        (Facet.TRAINABLE, "", ""),
        (Facet.RNG, "block/activation/0", "Sequential/LSTM"),
        (Facet.SHARING, "dense/call 1", "Dense/call 1"),
        (Facet.NAMES, "layers", "layers"),
        (Facet.ARCHITECTURE, "layers/0/config/activation", "activation"),
        (Facet.ARCHITECTURE, "input_layers/0/1", "input_layers"),
        (Facet.SLOTS, "3 momentum", "momentum"),
        (Facet.SLOTS, "3 ", ""),
        (Facet.COMPILE, "loss/0", "0"),
        (Facet.LEARNING_RATE, "learning_rate/config/rate", "learning_rate/config/rate"),
        (Facet.METRICS, "0 loss/1", ""),
    ],
)
def test_a_place_has_classes_for_the_layers_of_the_case(facet, entry, found):
    classes, name = place(trace(), facet, entry)

    assert "/".join(filter(None, (*classes, name))) == found


@pytest.mark.parametrize(
    ("facet", "entry", "found"),
    [
        (Facet.WEIGHTS, "dense_7/0 kernel", "kernel"),
        (Facet.WEIGHTS, "kernel", "kernel"),
        (Facet.ARGUMENTS, "outer/dense_7/kernel_initializer/seed", "seed"),
        (Facet.TRAINABLE, "dense_7", ""),
        (Facet.SHARING, "outer/dense_7", ""),
        (Facet.RNG, "dropout_7/0", ""),
    ],
)
def test_of_a_layer_that_nobody_knows_no_name_is_left(facet, entry, found):
    assert place(trace(), facet, entry) == ((), found)


def test_a_subject_may_say_what_its_own_names_belong_to():
    told = trace(net="Sequential", net__0="Linear")

    assert place(told, Facet.WEIGHTS, "net/0/0 weight") == (("Sequential", "Linear"), "weight")
    assert place(told, Facet.TRAINABLE, "net/0") == (("Sequential", "Linear"), "")


def test_keys_have_no_name_of_a_layer_whatever_differs():
    entries = {"dense/0 kernel": 1, "dense_7/0 kernel": 1, "block/activation/1 bias": 1}
    found = [
        defect.key
        for facet in OF_LAYERS
        for defect in inventory_defects(trace(), facet, entries, {"odd/0 kernel": 1})
    ]

    assert found
    assert not [key for key in found if "dense" in key or "odd" in key or "block" in key]


def test_classes_of_layers_reach_the_checks_from_wherever_the_subject_is():
    snapshot = Snapshot({Facet.WEIGHTS: {"net/0 weight": 1.0}}, {"net": "Linear"})

    class Foreign:
        def snapshot(self, model):
            return model

    assert protocol.snapshot_of(protocol.pairs(snapshot)) == snapshot
    assert wire.decode(wire.encode(snapshot), Snapshot) == snapshot
    assert Adapter(Foreign()).snapshot(snapshot) == snapshot
    assert comparable(snapshot).classes == snapshot.classes
