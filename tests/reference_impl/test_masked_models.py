"""Models with masks, attention and layers on each step come back from every format."""

import numpy as np
import pytest

from saveproof import reference_impl as keras
from tests.reference_impl.masked_models import MODELS, WORDS, compiled

FORMATS = {
    "h5": ("m.h5", "tf_keras"),
    "h5 of Keras 3": ("m.h5", "keras"),
    "keras": ("m.keras", "keras"),
    "keras of tf_keras": ("m.keras", "tf_keras"),
    "savedmodel": ("m", None),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("form", FORMATS)
def test_a_whole_model_comes_back_and_trains_further(tmp_path, name, form):
    _, x, y = MODELS[name]
    model, (file, dialect) = compiled(keras, name), FORMATS[form]
    model.train_on_batch(x, y)
    model.save(tmp_path / file, **({} if dialect is None else {"dialect": dialect}))

    loaded = keras.models.load_model(tmp_path / file)

    np.testing.assert_equal(loaded.predict(x), model.predict(x))
    for _ in range(2):
        assert loaded.train_on_batch(x, y) == model.train_on_batch(x, y)
    np.testing.assert_equal(loaded.get_weights(), model.get_weights())


class Reader(keras.Model):
    """A model of the user's own that masks, attends and reads step by step."""

    def __init__(self):
        super().__init__()
        self.words = keras.layers.Embedding(7, 4, mask_zero=True)
        self.heads = keras.layers.MultiHeadAttention(2, 3)
        self.both = keras.layers.Bidirectional(keras.layers.GRU(3, return_sequences=True))
        self.mean = keras.layers.GlobalAveragePooling1D()

    def call(self, inputs):
        x = self.words(inputs)
        return self.mean(self.both(x + self.heads(x, x)), mask=self.words.compute_mask(inputs))


def test_a_model_of_a_class_that_is_not_known_keeps_its_masks(tmp_path):
    model = Reader()
    model.compile("sgd", "mse")
    model.train_on_batch(WORDS, np.ones((4, 6)))
    model.save(tmp_path / "m")

    loaded = keras.models.load_model(tmp_path / "m")

    assert type(loaded).__name__ == "Revived"
    np.testing.assert_equal(loaded.predict(WORDS), model.predict(WORDS))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("file", ["w.h5", "w.weights.h5", "checkpoint"])
def test_weights_come_back(tmp_path, name, file):
    _, x, y = MODELS[name]
    model, other = compiled(keras, name), compiled(keras, name)
    model.train_on_batch(x, y)
    model.save_weights(tmp_path / file)

    other.load_weights(tmp_path / file)

    np.testing.assert_equal(other.predict(x), model.predict(x))


@pytest.mark.parametrize("name", MODELS)
def test_a_config_is_the_same_after_a_round_trip(name):
    model = compiled(keras, name)

    again = type(model).from_config(model.get_config())

    assert again.get_config() == model.get_config()
    assert keras.models.model_from_json(model.to_json()).to_json() == model.to_json()
