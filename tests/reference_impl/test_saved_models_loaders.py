"""SavedModels of generated models through TensorFlow's own loaders: they compute the same.

`pytest tests/reference_impl/test_saved_models_loaders.py --models 500 -s` writes the distances.
"""

import logging
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from saveproof.conformance.families.keras.reference import reference
from saveproof.conformance.model_state.subject import Unsupported
from saveproof.reference_impl.nest import leaves
from saveproof.strategies import data
from saveproof.strategies.case import Hop
from saveproof.strategies.cases import cases

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.timeout(0),
]

SEED = 11
TOLERANCE = 1e-6
HALF = 2.0**-7
"""The tolerance of models that compute in bfloat16 somewhere: a unit in its last place."""
ROUNDING = 4.0
"""Tolerances that TensorFlow's own sums in single precision may be away from the exact ones."""


@dataclass
class Figures:
    """Distances by loader, in tolerances."""

    single: dict[str, list[float]] = field(default_factory=dict)
    half: dict[str, list[float]] = field(default_factory=dict)

    def note(self, loader, found, expected, *, half):
        tolerance = HALF if half else TOLERANCE
        distance = max(distance_of(*pair, tolerance) for pair in zip(found, expected, strict=True))
        (self.half if half else self.single).setdefault(loader, []).append(distance)

    def lines(self):
        for name, distances in (("single precision", self.single), ("half", self.half)):
            for loader, each in distances.items():
                beyond = sum(distance > 1.0 for distance in each)
                yield (
                    f"{loader}: {len(each)} models, {name}, furthest {max(each):.3f} tolerances, "
                    f"{beyond} beyond one"
                )


def distance_of(found, expected, tolerance):
    found, expected = (np.asarray(each, np.float64) for each in (found, expected))
    assert found.shape == expected.shape
    if not found.size:
        return 0.0
    return float(np.max(np.abs(found - expected) / (tolerance * (1 + np.abs(expected)))))


@pytest.fixture(scope="module")
def tf():
    found = pytest.importorskip("tensorflow")
    found.get_logger().setLevel("ERROR")
    logging.getLogger("absl").setLevel("ERROR")
    return found


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


def test_every_loader_of_tensorflow_computes_the_same(tf, keras, tmp_path_factory, request):
    """Held to 1e-6, but for one model in a hundred, whose own sums TensorFlow rounds otherwise."""
    count, figures, subject = request.config.getoption("--models"), Figures(), reference()
    folder = tmp_path_factory.mktemp("loaders") / "saved"

    @seed(SEED)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(max_layers=4))
    def hold(case):
        model = brought_up(subject, case)
        if model is not None:
            model.save(folder, save_format="tf")
            for loader, found, expected in through_loaders(tf, keras, folder, model, case):
                half = "bfloat16" in str(case.architecture)
                figures.note(loader, found, expected, half=half)

    hold()

    for line in figures.lines():
        request.config.get_terminal_writer().line(line)
    single = np.concatenate(list(figures.single.values()))
    assert single.max() <= ROUNDING
    assert np.mean(single > 1.0) <= 0.01
    assert all(max(each) <= 1.0 for each in figures.half.values())


def brought_up(subject, case):
    """Return the case's model as it is before the save, None if it can't be had."""
    try:
        subject.seed(case.seed)
        model = subject.build(case)
        for index, event in enumerate(case.history.before):
            if not isinstance(event, Hop):
                subject.perform(model, event, data.rows(case, index))
    except Unsupported:
        return None
    return model


def through_loaders(tf, keras, folder, model, case):
    """Yield each loader's name, what came out of it, and what comes out of the model."""
    inputs = [np.asarray(each) for each in data.probe(case)]
    given_names = model.graph.input_names if model.graph else numbered("input", inputs)
    expected = [tensor.value for tensor in leaves(model(one_or_list(inputs), training=False))]
    names = model.output_names or numbered("output", expected)
    named = dict(zip(given_names, inputs, strict=True))

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
        signature = loaded.signature_def["serving_default"]
        found = session.run(
            [signature.outputs[name].name for name in names],
            {signature.inputs[key].name: value for key, value in named.items()},
        )
    yield "tf.compat.v1.saved_model.load", found, expected

    loaded = tf.saved_model.load(str(folder))
    tensors = {key: tf.constant(value) for key, value in named.items()}
    found = loaded.signatures["serving_default"](**tensors)
    yield "tf.saved_model.load, signature", [found[name] for name in names], expected

    loaded = tf.saved_model.load(str(folder))
    found = tf.nest.flatten(loaded(one_or_list(list(tensors.values()))))
    yield "tf.saved_model.load, call", found, expected

    # A layer of Keras takes one argument, a signature of several inputs keywords only.
    endpoint = "serving_default" if len(inputs) == 1 else "__call__"
    layer = keras.layers.TFSMLayer(str(folder), call_endpoint=endpoint)
    found = layer(one_or_list(list(tensors.values())))
    flat = [found[name] for name in names] if len(inputs) == 1 else tf.nest.flatten(found)
    yield "keras.layers.TFSMLayer", flat, expected


def numbered(word, items):
    return [f"{word}_{number}" for number, _ in enumerate(items, start=1)]


def one_or_list(items):
    return items[0] if len(items) == 1 else items
