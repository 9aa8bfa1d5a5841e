"""Files of models with masks, attention and layers on each step, exchanged with tf_keras."""

import numpy as np
import pytest

from saveproof import reference_impl
from tests.reference_impl.masked_models import EXCHANGED, MODELS, compiled

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5"),
]


def saved(model, target):
    target.parent.mkdir(exist_ok=True)
    model.save(target, **({"dialect": "tf_keras"} if hasattr(model, "become") else {}))
    return target


@pytest.mark.parametrize("file", ["m.h5", "m.keras"])
@pytest.mark.parametrize("name", EXCHANGED)
def test_whole_models_are_read_both_ways(keras, tmp_path, name, file):
    _, x, y = MODELS[name]
    for writer, reader in ((keras, reference_impl), (reference_impl, keras)):
        model = compiled(writer, name, run_eagerly=True)
        model.train_on_batch(x, y)

        loaded = reader.models.load_model(saved(model, tmp_path / writer.__name__ / file))

        np.testing.assert_allclose(as_array(loaded(x)), as_array(model(x)), rtol=1e-4, atol=1e-5)
        found, expected = (one.train_on_batch(x, y) for one in (loaded, model))
        assert found == pytest.approx(expected, rel=1e-4)


def as_array(outputs):
    return np.asarray(outputs)


OPEN = {
    "SimpleRNN": lambda of: of.SimpleRNN(3, go_backwards=True),
    "LSTM": lambda of: of.LSTM(3, return_sequences=True),
    "GRU": lambda of: of.GRU(3, return_sequences=True, zero_output_for_mask=True),
    "Bidirectional": lambda of: of.Bidirectional(of.GRU(3, return_sequences=True)),
    "TimeDistributed": lambda of: of.TimeDistributed(of.Dense(3)),
    "mean": lambda of: of.GlobalAveragePooling1D(),
    "heads": lambda _: Heads(),
    "upsampling": lambda of: of.UpSampling1D(3),
    "groups": lambda of: of.GroupNormalization(2),
}


class Heads(reference_impl.layers.Layer):
    """Attention of a sequence to itself."""

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.heads = reference_impl.layers.MultiHeadAttention(2, 3)

    def call(self, inputs):
        return self.heads(inputs, inputs)


def served(model, folder):
    tf = pytest.importorskip("tensorflow")
    model.save(folder)
    return tf.saved_model.load(str(folder)).signatures["serving_default"]


@pytest.mark.parametrize("name", MODELS)
def test_a_graph_computes_the_same(tmp_path, name):
    _, x, _ = MODELS[name]
    model = compiled(reference_impl, name)
    inputs = x if isinstance(x, list) else [x]
    named = {
        symbol.layer.name: one.astype(symbol.dtype)
        for symbol, one in zip(model.inputs, inputs, strict=True)
    }

    (found,) = served(model, tmp_path / "m")(**named).values()

    np.testing.assert_allclose(found, model.predict(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", OPEN)
def test_a_graph_has_masks_and_attention_for_any_number_of_steps(tmp_path, name):
    of = reference_impl.layers
    model = reference_impl.Sequential(
        [reference_impl.Input((None, 4), name="x"), of.Masking(), OPEN[name](of)]
    )
    _, x, _ = MODELS["labels"]

    function = served(model, tmp_path / "m")

    for steps in (5, 3):
        (found,) = function(x=x[:, :steps]).values()
        np.testing.assert_allclose(found, model.predict(x[:, :steps]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["self attention", "pictures"])
def test_saved_models_are_read_both_ways(keras, tmp_path, name):
    _, x, y = MODELS[name]
    for writer, reader in ((keras, reference_impl), (reference_impl, keras)):
        model = compiled(writer, name)
        model.train_on_batch(x, y)
        model.save(tmp_path / writer.__name__)

        loaded = reader.models.load_model(tmp_path / writer.__name__)

        np.testing.assert_allclose(as_array(loaded(x)), as_array(model(x)), rtol=1e-4, atol=1e-5)
        found, expected = (one.train_on_batch(x, y) for one in (loaded, model))
        assert found == pytest.approx(expected, rel=1e-4)
