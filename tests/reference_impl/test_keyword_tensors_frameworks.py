"""Files with tensors by keyword, between the reference, tf_keras and Keras 3."""

import numpy as np
import pytest

from saveproof import reference_impl as reference
from tests.reference_impl.keyword_models import DATA, shifted, shifted_class, started, translator

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def held_to(writer, reader, make, target, **options):
    """Assert that the reader predicts and trains as the writer does."""
    inputs, targets = DATA[make]
    model = make(writer)
    model.compile("sgd", "mean_squared_error")
    model.fit(inputs, targets, verbose=0)
    model.save(target, **options)
    objects = {"Shifted": shifted_class(reader)}
    loaded = reader.models.load_model(target, custom_objects=objects)

    np.testing.assert_allclose(predicted(loaded, inputs), predicted(model, inputs), **CLOSE)
    losses = [float(one.train_on_batch(inputs, targets)) for one in (loaded, model) * 2]
    np.testing.assert_allclose(losses[::2], losses[1::2], **CLOSE)


def predicted(model, inputs):
    return np.asarray(model.predict(inputs, verbose=0))


@pytest.mark.parametrize("make", DATA)
@pytest.mark.parametrize("name", ["m.h5", "m.keras", "saved_model"])
def test_tf_keras_reads_tensors_by_keyword(keras, tmp_path, make, name):
    options = {"dialect": "tf_keras"} if name == "m.keras" else {}

    held_to(reference, keras, make, tmp_path / name, **options)


@pytest.mark.parametrize("make", DATA)
@pytest.mark.parametrize("name", ["m.h5", "m.keras", "saved_model"])
def test_tensors_by_keyword_of_tf_keras_are_read(keras, tmp_path, make, name):
    held_to(keras, reference, make, tmp_path / name)


@pytest.mark.parametrize("make", [translator, shifted])
def test_a_graph_takes_tensors_by_keyword(keras, tf, tmp_path, make):
    del keras
    model, (inputs, _) = make(reference), DATA[make]
    model.save(tmp_path / "saved_model")

    served = tf.saved_model.load(str(tmp_path / "saved_model")).signatures["serving_default"]
    named = {name: tf.constant(one) for name, one in zip(names(served), inputs, strict=True)}
    (outputs,) = served(**named).values()

    np.testing.assert_allclose(outputs, model.predict(inputs), **CLOSE)


def names(served):
    found = served.structured_input_signature[1]
    return sorted(found, key=lambda name: int(name.rpartition("_")[2]))


@pytest.mark.parametrize("make", [translator, started])
def test_keras_3_reads_states_by_keyword(tmp_path, monkeypatch, make):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras_3 = pytest.importorskip("keras")

    held_to(reference, keras_3, make, tmp_path / "m.keras")
    held_to(keras_3, reference, make, tmp_path / "other.keras")
