"""SavedModels of models that call layers with `training=True`, whatever they are asked for."""

import numpy as np
import pytest

from saveproof import reference_impl as reference
from saveproof.reference_impl.layers.arguments import LayerArgumentError
from saveproof.reference_impl.saving.savedmodel.graphs.symbol import UntraceableOperation

X = np.random.default_rng(9).normal(size=(4, 5, 6, 3)).astype("float32")
ONES = np.ones((4, 5, 3), "float32")


def called_in_training(keras, make, shape):
    given = keras.Input(shape)
    return keras.Model(given, make(keras.layers)(given, training=True))


DROPPING = {
    "dropout": lambda layers: layers.Dropout(0.5),
    "noise shape": lambda layers: layers.Dropout(0.5, noise_shape=(None, 1, None)),
    "all": lambda layers: layers.Dropout(1.0),
    "spatial": lambda layers: layers.SpatialDropout1D(0.5),
    "on each step": lambda layers: layers.TimeDistributed(layers.Dropout(0.5)),
    "half precision": lambda layers: layers.Dropout(0.5, dtype="mixed_bfloat16"),
    "in a model": lambda layers: reference.Sequential([layers.Dropout(0.5)]),
}


@pytest.mark.parametrize("make", DROPPING.values(), ids=DROPPING)
def test_a_model_that_always_drops_comes_back(tmp_path, make):
    model = called_in_training(reference, make, (5, 3))
    model.save(tmp_path / "m")

    loaded = reference.models.load_model(tmp_path / "m")

    np.testing.assert_equal(loaded.predict(ONES), model.predict(ONES))


class Attending(reference.layers.Layer):
    """Attention of a sequence to itself."""

    def __init__(self, layer, **arguments):
        super().__init__()
        self.layer, self.arguments = layer, arguments

    def call(self, inputs):
        return self.layer([inputs, inputs], **self.arguments)

    def get_config(self):
        return {"layer": self.layer, **self.arguments}


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda of: of.GRU(2, recurrent_dropout=0.5), (5, 3), "'gru.*recurrent_dropout=0.5.*HDF5"),
        (lambda of: Attending(of.Attention(dropout=0.5)), (5, 3), "'attention.*dropout=0.5.*HDF5"),
        (
            lambda of: Attending(of.Attention(), use_causal_mask=True),
            (None, 3),
            "'attention.*use_causal_mask=True needs known numbers of steps",
        ),
        (lambda of: of.Conv1DTranspose(2, 2), (None, 3), r"'conv1d_transpose.*\(None, None, 3\)"),
    ],
)
def test_what_a_graph_does_not_have_is_refused_by_name(tmp_path, make, shape, message):
    model = called_in_training(reference, make, shape)

    with pytest.raises((UntraceableOperation, LayerArgumentError), match=f"layer {message}"):
        model.save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.frameworks
@pytest.mark.parametrize("name", ["GaussianNoise", "GaussianDropout"])
def test_a_graph_has_noise(tf, tmp_path, name):
    """A deviation of 0.5 around the ones of the input."""
    given = {"GaussianNoise": 0.5, "GaussianDropout": 0.2}[name]
    called_in_training(reference, lambda of: getattr(of, name)(given), (50, 30)).save(
        tmp_path / "m"
    )

    served = tf.saved_model.load(str(tmp_path / "m")).signatures["serving_default"]
    (noise,) = served(tf.constant(np.ones((4, 50, 30), "float32"))).values()

    assert np.mean(noise) == pytest.approx(1, abs=0.05)
    assert np.std(noise) == pytest.approx(0.5, abs=0.05)


@pytest.mark.frameworks
@pytest.mark.parametrize("make", DROPPING.values(), ids=DROPPING)
def test_a_graph_drops_at_random(tf, tmp_path, make):
    called_in_training(reference, make, (5, 3)).save(tmp_path / "m")

    served = tf.saved_model.load(str(tmp_path / "m")).signatures["serving_default"]
    first, second = (np.asarray(next(iter(served(tf.constant(ONES)).values()))) for _ in range(2))

    if first.any():
        assert set(np.unique(first)) == {0, 2}
        assert (first != second).any()
    if make in (DROPPING["noise shape"], DROPPING["spatial"]):
        np.testing.assert_equal(first, np.broadcast_to(first[:, :1], first.shape))


@pytest.mark.frameworks
@pytest.mark.parametrize("make", ["LSTM", "SimpleRNN"])
@pytest.mark.parametrize("steps", [5, None])
def test_a_graph_drops_the_inputs_of_recurrent_layers(tf, tmp_path, make, steps):
    model = called_in_training(
        reference,
        lambda of: getattr(of, make)(2, dropout=1.0 - 1e-7, return_sequences=True),
        (steps, 3),
    )
    model.save(tmp_path / "m")
    without = reference.Sequential([getattr(reference.layers, make)(2, return_sequences=True)])
    without.build((None, 5, 3))
    without.set_weights(model.get_weights())

    served = tf.saved_model.load(str(tmp_path / "m")).signatures["serving_default"]
    (outputs,) = served(tf.constant(ONES)).values()

    np.testing.assert_allclose(outputs, without.predict(np.zeros_like(ONES)), atol=1e-6)


@pytest.mark.frameworks
@pytest.mark.parametrize("shape", [(3,), (None, None, 3), (5, 6, 3)])
@pytest.mark.parametrize("trainable", [True, False])
def test_a_graph_normalizes_by_the_batch_as_tf_keras_does(tf, keras, tmp_path, shape, trainable):
    model, other = (
        called_in_training(one, lambda of: of.BatchNormalization(), shape)
        for one in (reference, keras)
    )
    model.layers[1].trainable = other.layers[1].trainable = trainable
    model.save(tmp_path / "m")
    x = X[:, 0, 0] if len(shape) == 1 else X

    restored = tf.saved_model.load(str(tmp_path / "m"))
    (outputs,) = restored.signatures["serving_default"](tf.constant(x)).values()

    np.testing.assert_allclose(outputs, other(x), rtol=1e-5, atol=1e-5)
    for found, expected in zip(restored.variables, other.weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
