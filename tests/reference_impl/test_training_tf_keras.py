"""Training held against tf_keras: what its arguments do, and which of them are refused."""

import numpy as np
import pytest

import reference_impl
from reference_impl.losses.functions import UnknownClass

pytestmark = pytest.mark.frameworks

X = np.random.default_rng(5).normal(size=(10, 4)).astype("float32")
CLASSES = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 1])


def made(keras, units=3, **compiled):
    """Return a model of one layer, with the same weights whichever implementation makes it."""
    model = keras.Sequential([keras.layers.Dense(units, activation="softmax", input_shape=(4,))])
    values = np.random.default_rng(6).normal(size=4 * units).astype("float32")
    model.set_weights([values.reshape(4, units), np.zeros(units, "float32")])
    model.compile("sgd", **({"loss": "sparse_categorical_crossentropy"} | compiled))
    return model


def test_class_weights_leave_the_validation_split_alone(keras):
    told = {"validation_split": 0.3, "class_weight": {0: 1.0, 1: 5.0, 2: 0.1}}
    ours, theirs = (
        made(module, weighted_metrics=["accuracy"])
        .fit(X, CLASSES, shuffle=False, verbose=0, **told)
        .history
        for module in (reference_impl, keras)
    )

    assert ours == {name: pytest.approx(value, rel=1e-4) for name, value in theirs.items()}


@pytest.mark.parametrize("unknown", [-1, 3])
def test_targets_that_are_no_class_are_refused(keras, tf, unknown):
    classes = np.array([*CLASSES[:9], unknown])

    with pytest.raises(tf.errors.InvalidArgumentError, match=f"label value of {unknown}"):
        made(keras).fit(X, classes, verbose=0)
    with pytest.raises(UnknownClass, match=rf"found \[{unknown}\]"):
        made(reference_impl).fit(X, classes)
