"""Subclassed models that tf_keras saves without a config, for the tests that read them."""

import numpy as np

RANDOM = np.random.default_rng(11)
X = RANDOM.normal(size=(4, 6)).astype("float32")
Y = RANDOM.normal(size=(4, 3)).astype("float32")
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def with_call(keras, call, first=None):
    """Return a model that computes this of a layer's output, between two layers."""

    class Written(keras.Model):
        def __init__(self):
            super().__init__(name="written")
            self.first = first or keras.layers.Dense(6, name="first")
            self.last = keras.layers.Dense(3, name="last")

        def call(self, inputs):
            return self.last(call(self.first(inputs)))

    return Written()


def saved(model, folder, x=X, y=Y, *, optimizer="adam", steps=2):
    model.compile(optimizer, "mse")
    for _ in range(steps):
        model.train_on_batch(x, y)
    model.save(folder / "saved", save_format="tf")
    return folder / "saved"


def assert_trains_alike(again, model, x=X, y=Y):
    np.testing.assert_allclose(again.predict(x), model.predict(x, verbose=0), **CLOSE)
    found = [again.train_on_batch(x, y) for _ in range(3)]
    np.testing.assert_allclose(found, [model.train_on_batch(x, y) for _ in range(3)], **CLOSE)
