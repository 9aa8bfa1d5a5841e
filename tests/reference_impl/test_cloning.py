"""Clones of models of the user's own classes."""

import numpy as np
import pytest

from saveproof import reference_impl as keras
from tests.reference_impl.graph_classes import (
    More,
    Own,
    OwnStack,
    Scale,
    Stack,
    Stated,
    around,
    given,
)

X = np.random.default_rng(16).normal(size=(4, 3)).astype("float32")


class Deep(keras.Model):
    def __init__(self):
        super().__init__()
        self.last = keras.layers.Dense(2)

    def call(self, inputs):
        return self.last(inputs)


class StatedDeep(Deep):
    def get_config(self):
        return {}


CLONED = {
    "stack": (lambda: Stack([keras.Input((3,)), Scale(), keras.layers.Dense(2)]), "Sequential"),
    "open stack": (lambda: Stack([Scale(), keras.layers.Dense(2)]), "Sequential"),
    "own stack": (lambda: OwnStack(5), "Sequential"),
    "own": (lambda: Own(5), "Model"),
    "stated": (lambda: Stated(5), "Stated"),
    "given": (given, "Given"),
    "more": (lambda: More(5), "More"),
    "nested": (lambda: around(Own(5)), "Model"),
    "nested stack": (lambda: around(OwnStack(5)), "Model"),
    "subclassed inside": (lambda: around(StatedDeep()), "Model"),
}


@pytest.mark.parametrize(("make", "kind"), CLONED.values(), ids=CLONED)
def test_a_clone_needs_no_custom_objects(make, kind):
    model = make()
    expected = model.predict(X)
    model.layers[0].trainable = False

    clone = keras.models.clone_model(model)
    clone.predict(X)
    clone.set_weights(model.get_weights())

    assert (type(clone).__name__, clone.name) == (kind, model.name)
    assert [one.trainable for one in clone.layers] == [one.trainable for one in model.layers]
    assert clone.layers[-1] is not model.layers[-1]
    np.testing.assert_equal(clone.predict(X), expected)


def test_a_subclassed_model_is_not_cloned():
    model = Deep()
    model(X)

    with pytest.raises(ValueError, match=r"define Deep\.get_config"):
        keras.models.clone_model(model)
