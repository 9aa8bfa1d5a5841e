"""Training held against tf_keras: what its arguments do, and which of them are refused."""

import numpy as np
import pytest

from saveproof import reference_impl
from saveproof.reference_impl.engine.errors import EmptyLoop
from saveproof.reference_impl.losses.functions import UnknownClass

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


@pytest.mark.parametrize(
    "call",
    [
        lambda model: model.fit(X, CLASSES, batch_size=0, verbose=0),
        lambda model: model.fit(X, CLASSES, batch_size=-1, verbose=0),
        lambda model: model.fit(X, CLASSES, epochs=0, verbose=0),
        lambda model: model.fit(X[:0], CLASSES[:0], verbose=0),
        lambda model: model.fit(X, CLASSES, validation_data=(X[:0], CLASSES[:0]), verbose=0),
        lambda model: model.evaluate(X, CLASSES, batch_size=0, verbose=0),
        lambda model: model.evaluate(X[:0], CLASSES[:0], verbose=0),
        lambda model: model.predict(X, batch_size=-1, verbose=0),
        lambda model: model.predict(X[:0], verbose=0),
    ],
)
def test_a_loop_without_a_batch_is_refused(keras, call):
    with pytest.raises(ValueError, match=r"positive|non-empty"):
        call(made(keras))
    with pytest.raises(EmptyLoop, match=r"expected a positive number|expected at least one sample"):
        call(made(reference_impl))


def test_no_epoch_is_left_where_the_first_is_beyond_the_last(keras):
    for module in (reference_impl, keras):
        model = made(module)

        assert model.fit(X, CLASSES, epochs=1, initial_epoch=1, verbose=0).history == {}


def test_a_list_of_dictionaries_holds_the_metrics_of_each_output(keras):
    """Their keys say nothing: the list is by output."""
    ours, theirs = (
        _two_outputs(module, metrics=[{"left": "mae"}, {"other": ["mse", "mae"]}])
        for module in (reference_impl, keras)
    )

    assert ours == {name: pytest.approx(value, rel=1e-4) for name, value in theirs.items()}


def test_outputs_in_a_dictionary_are_told_apart_by_their_keys(keras):
    ours, theirs = (_keyed(module) for module in (reference_impl, keras))

    assert ours == {name: pytest.approx(value, rel=1e-4) for name, value in theirs.items()}


def _keyed(keras):
    """Return the logs of a batch of a model whose outputs' keys aren't in their layers' order."""
    given = keras.Input((4,))
    outputs = {
        key: keras.layers.Dense(1, kernel_initializer="ones", name=name)(given)
        for key, name in (("last", "a"), ("first", "b"))
    }
    model = keras.Model(given, outputs)
    model.compile(
        "sgd",
        {"last": "mse", "first": "mae"},
        metrics={"last": "mae"},
        loss_weights={"last": 2.0, "first": 1.0},
    )
    targets = {"last": X[:, :1], "first": X[:, 1:2]}
    weights = {"last": np.arange(10.0), "first": np.ones(10)}
    return model.train_on_batch(X, targets, sample_weight=weights, return_dict=True)


def _two_outputs(keras, **compiled):
    """Return the logs of a batch of a model with two outputs, whose weights are ones."""
    given = keras.Input((4,))
    outputs = [
        keras.layers.Dense(1, kernel_initializer="ones", name=name)(given)
        for name in ("left", "right")
    ]
    model = keras.Model(given, outputs)
    model.compile("sgd", "mse", **compiled)
    return model.train_on_batch(X, [X[:, :1], X[:, 1:2]], return_dict=True)
