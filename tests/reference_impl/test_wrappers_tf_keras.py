"""Bidirectional held against tf_keras: outputs, training, names, config and every file."""

import os

import numpy as np
import pytest

from saveproof import reference_impl

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5"),
]

X = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(3, 2)).astype("float32")

WRAPPED = {
    "lstm": lambda k: k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True, name="a")),
    "gru": lambda k: k.layers.Bidirectional(k.layers.GRU(3, name="a"), merge_mode="ave"),
    "backwards": lambda k: k.layers.Bidirectional(
        k.layers.SimpleRNN(3, go_backwards=True, return_sequences=True, name="a"), merge_mode="mul"
    ),
    "two": lambda k: k.layers.Bidirectional(
        k.layers.GRU(3, name="a"), backward_layer=k.layers.LSTM(3, go_backwards=True, name="b")
    ),
}


@pytest.fixture(scope="module")
def tf_keras():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return pytest.importorskip("tf_keras")


def model(keras, make):
    wrapped = make(keras)
    made = keras.Sequential(
        [keras.Input((5, 4)), wrapped, keras.layers.Flatten(), keras.layers.Dense(2, name="d")],
        name="m",
    )
    made.compile(keras.optimizers.Adam(0.01), "mean_squared_error")
    return made


@pytest.mark.parametrize("name", WRAPPED)
def test_training_names_and_config_agree(tf_keras, name):
    ours, theirs = (model(keras, WRAPPED[name]) for keras in (reference_impl, tf_keras))
    ours.set_weights(theirs.get_weights())

    assert [w.name for w in ours.weights] == [
        w.name.replace(theirs.layers[0].name, ours.layers[0].name) for w in theirs.weights
    ]
    for _ in range(3):
        found, expected = (float(one.train_on_batch(X, Y)) for one in (ours, theirs))
        assert found == pytest.approx(expected, rel=1e-5)
    found, expected = (one.layers[0].get_config() for one in (ours, theirs))
    assert {**found, "name": ""} == {**expected, "name": ""}


@pytest.mark.parametrize("file", ["m.h5", "m.keras", "m"])
@pytest.mark.parametrize("name", WRAPPED)
def test_files_are_read_both_ways(tf_keras, tmp_path, name, file):
    for writer, reader in ((tf_keras, reference_impl), (reference_impl, tf_keras)):
        saved = model(writer, WRAPPED[name])
        saved.train_on_batch(X, Y)
        target = tmp_path / writer.__name__ / file
        target.parent.mkdir()
        saved.save(target, **({} if writer is tf_keras else {"dialect": "tf_keras"}))
        loaded = reader.models.load_model(target)

        expected = saved.predict(X, verbose=0)
        assert np.allclose(loaded.predict(X, verbose=0), expected, atol=1e-6)
