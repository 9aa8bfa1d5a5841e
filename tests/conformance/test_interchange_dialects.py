"""What no file can make equal between Keras 2 and Keras 3 is known, and nothing more than that."""

from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from saveproof.conformance.families.keras.keras_api import KerasSubject
from saveproof.conformance.interchange.dialects import another_model, other_losses, other_steps
from saveproof.conformance.interchange.pairs import KERAS_2, KERAS_3, Pair, exchange_of
from saveproof.conformance.interchange.words import comparable
from saveproof.conformance.model_state.contract import Facet, Promise
from saveproof.conformance.model_state.snapshot import Snapshot
from saveproof.strategies.case import Call, Case, Layer, Object, from_json
from tests.conformance.test_foreign import ROOT


def between(
    dialects: tuple[str, str],
    architecture: Promise | None = None,
    squares: tuple[bool, bool] = (False, False),
) -> SimpleNamespace:
    facets = {Facet.ARCHITECTURE: architecture} if architecture else {}
    return SimpleNamespace(
        dialects=dialects,
        dialects_differ=len(set(dialects)) > 1,
        squares_occurrences=squares,
        contract=SimpleNamespace(facets=facets),
    )


WORDS = Layer("Embedding", {"name": "words", "input_dim": 7, "output_dim": 3})
ACROSS, ALIKE = between((KERAS_3, KERAS_2)), between((KERAS_3, KERAS_3))


@pytest.fixture
def minimal() -> Case:
    return from_json((ROOT / "tests/strategies/minimal_case.json").read_bytes())


def of_layer(case: Case, layer: Layer, shape: tuple[int, ...] = (4,), vocabulary: int = 0) -> Case:
    """Return the case with the one layer alone, on an input of that shape."""
    given = replace(case.architecture.inputs[0], shape=shape, vocabulary=vocabulary)
    calls = (Call(layer.config["name"], (given.name,), "out"),)
    architecture = replace(
        case.architecture, inputs=(given,), layers=(layer,), calls=calls, outputs=("out",)
    )
    return replace(case, architecture=architecture)


def compiled(case: Case, optimizer: str = "SGD", **config: float) -> Case:
    settings = replace(case.settings, optimizer=Object(optimizer, config))
    return replace(case, settings=settings)


@pytest.mark.parametrize(
    ("dialects", "architecture", "parts"),
    [
        ((KERAS_3, KERAS_2), Promise.MUST, False),
        ((KERAS_3, KERAS_2), Promise.CODE, True),
        ((KERAS_3, KERAS_2), None, True),
        ((KERAS_2, KERAS_3), Promise.MUST, True),
        ((KERAS_2, KERAS_2), Promise.CODE, False),
        ((KERAS_3, KERAS_3), None, False),
    ],
)
def test_hard_sigmoid_is_another_function_unless_the_file_says_which(
    minimal, dialects, architecture, parts
):
    lstm = Layer("LSTM", {"name": "lstm", "units": 2, "recurrent_activation": "hard_sigmoid"})
    case = of_layer(minimal, lstm, (3, 2))

    assert bool(another_model(case, between(dialects, architecture))) is parts
    assert not another_model(minimal, between(dialects, architecture))


@pytest.mark.parametrize(("class_name", "parts"), [("SimpleRNN", True), ("LSTM", False)])
def test_a_penalty_that_one_dialect_forgets_is_another_model(minimal, class_name, parts):
    config = {"name": "rnn", "units": 2, "activity_regularizer": {"class_name": "L2", "config": {}}}
    case = of_layer(minimal, Layer(class_name, config), (3, 2))

    assert bool(another_model(case, ACROSS)) is parts
    assert not another_model(case, ALIKE)


@pytest.mark.parametrize(
    ("trainable", "regularizer", "parts"),
    [(False, "kernel_regularizer", True), (True, "kernel_regularizer", False), (False, "", False)],
)
def test_the_penalty_of_a_frozen_layer_parts_losses(minimal, trainable, regularizer, parts):
    layer = minimal.architecture.layers[0]
    config = {**layer.config, "trainable": trainable, **({regularizer: {}} if regularizer else {})}

    case = of_layer(minimal, Layer(layer.class_name, config))

    assert bool(other_losses(case, ACROSS)) is parts
    assert not other_losses(case, ALIKE)


@pytest.mark.parametrize(("shape", "parts"), [((6, 6, 2), True), ((5, 3), False), ((4,), False)])
def test_normalized_images_part_steps(minimal, shape, parts):
    layer = Layer("BatchNormalization", {"name": "norm"})
    inner = of_layer(minimal, layer, shape)
    nested = Layer("Sequential", {"name": "nested"}, inner.architecture)

    for case in (inner, of_layer(minimal, nested, shape)):
        assert bool(other_steps(case, ACROSS)) is parts
        assert not other_steps(case, ALIKE)


@pytest.mark.parametrize("limit", ["clipnorm", "clipvalue", "global_clipnorm"])
def test_clipped_gradients_of_words_part_steps(minimal, limit):
    case = of_layer(minimal, WORDS, (5,), vocabulary=7)

    assert other_steps(compiled(case, **{limit: 0.5}), ACROSS)
    assert not other_steps(compiled(case, **{limit: 0.5}), ALIKE)
    assert not other_steps(compiled(case), ACROSS)
    assert not other_steps(compiled(minimal, **{limit: 0.5}), ACROSS)


@pytest.mark.parametrize(("optimizer", "parts"), [("Adam", True), ("SGD", False)])
@pytest.mark.parametrize("dialects", [(KERAS_3, KERAS_2), (KERAS_3, KERAS_3)])
def test_squared_gradients_of_words_part_steps(minimal, optimizer, parts, dialects):
    case = compiled(of_layer(minimal, WORDS, (5,), vocabulary=7), optimizer)

    assert bool(other_steps(case, between(dialects, squares=(True, False)))) is parts
    assert not other_steps(case, between(dialects, squares=(True, True)))
    assert not other_steps(compiled(minimal, optimizer), between(dialects, squares=(True, False)))


def test_a_pair_knows_what_its_sides_speak(monkeypatch):
    told = {
        "keras:tensorflow": {"keras": "3.15.1", "tensorflow": "2.21.0"},
        "keras:torch": {"keras": "3.15.1", "torch": "2.13.0"},
        "reference": {"numpy": "2.4.6"},
    }
    monkeypatch.setattr(KerasSubject, "environment", lambda self: told[self.name])
    pairs = (Pair("keras:tensorflow", "keras:torch"), Pair("reference", "keras:tensorflow"))

    alike, across = (exchange_of(pair, "archive-keras3") for pair in pairs)

    assert (alike.dialects_differ, alike.squares_occurrences) == (False, (True, False))
    assert (across.dialects, across.squares_occurrences) == ((KERAS_2, KERAS_3), (False, True))


def test_the_kernel_of_a_depthwise_convolution_has_one_name():
    """Keras 3 calls it `kernel`, Keras 2 `depthwise_kernel`."""
    named = [
        Snapshot({Facet.WEIGHTS: {f"conv/0 {name}": [1.0]}, Facet.NAMES: {"conv/0": name}})
        for name in ("kernel", "depthwise_kernel")
    ]

    assert comparable(named[0]) == comparable(named[1])
