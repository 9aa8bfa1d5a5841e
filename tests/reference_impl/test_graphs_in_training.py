"""SavedModels of models that call layers with `training=True`, whatever they are asked for."""

import numpy as np
import pytest

from saveproof import reference_impl as reference
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
    "half precision": lambda layers: layers.Dropout(0.5, dtype="mixed_bfloat16"),
    "in a model": lambda layers: reference.Sequential([layers.Dropout(0.5)]),
}


@pytest.mark.parametrize("make", DROPPING.values(), ids=DROPPING)
def test_a_model_that_always_drops_comes_back(tmp_path, make):
    model = called_in_training(reference, make, (5, 3))
    model.save(tmp_path / "m")

    loaded = reference.models.load_model(tmp_path / "m")

    np.testing.assert_equal(loaded.predict(ONES), model.predict(ONES))


def test_masks_of_states_in_training_are_refused_by_name(tmp_path):
    model = called_in_training(reference, lambda of: of.GRU(2, recurrent_dropout=0.5), (5, 3))

    with pytest.raises(UntraceableOperation, match=r"layer 'gru.*recurrent_dropout=0.5.*HDF5"):
        model.save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.frameworks
@pytest.mark.parametrize("make", DROPPING.values(), ids=DROPPING)
def test_a_graph_drops_at_random(tf, tmp_path, make):
    called_in_training(reference, make, (5, 3)).save(tmp_path / "m")

    served = tf.saved_model.load(str(tmp_path / "m")).signatures["serving_default"]
    first, second = (np.asarray(next(iter(served(tf.constant(ONES)).values()))) for _ in range(2))

    if first.any():
        assert set(np.unique(first)) == {0, 2}
        assert (first != second).any()
    if make is DROPPING["noise shape"]:
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
