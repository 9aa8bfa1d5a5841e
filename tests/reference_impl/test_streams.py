"""Data that a program gives in batches, or as lists of numbers."""

import logging

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.engine.errors import DataMismatch, EmptyLoop

X = np.arange(24, dtype="float32").reshape(8, 3) / 24
Y = X[:, :1] * 2
KERNEL = np.full((3, 1), 0.1, "float32")


def model(kind=keras):
    made = kind.Sequential([kind.Input((3,)), kind.layers.Dense(1)])
    made.compile("sgd", "mean_squared_error")
    made.set_weights([KERNEL, np.zeros(1, "float32")])
    return made


def halves(count):
    """Give the two halves of the data in turn."""
    for number in range(count):
        half = slice(0, 4) if number % 2 == 0 else slice(4, 8)
        yield X[half], Y[half]


class Halves:
    """Can be gone over again, as a dataset is."""

    def __iter__(self):
        return halves(2)


def on_batches(count):
    """Return the losses of an epoch on the first batches, and the model."""
    made = model()
    losses = [made.train_on_batch(*batch) for batch in halves(count)]
    return np.mean(losses, dtype="float32"), made


@pytest.mark.parametrize("source", [lambda: halves(2), Halves])
def test_batches_train_as_arrays_in_order_do(source):
    expected = model().fit(X, Y, batch_size=4, shuffle=False).history

    assert model().fit(source()).history == expected


def test_a_generator_goes_on_with_each_epoch_and_a_dataset_begins_again():
    in_turn = model().fit(halves(6), steps_per_epoch=3, epochs=2).history["loss"]
    again = model().fit(Halves(), epochs=2).history["loss"]

    assert in_turn[0] == pytest.approx(on_batches(3)[0])
    assert again == model().fit(X, Y, batch_size=4, shuffle=False, epochs=2).history["loss"]


def test_a_generator_that_runs_out_ends_the_training_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        history = model().fit(halves(2), epochs=3)

    assert history.epoch == [0]
    assert "data: ran out after 0 of the batches" in caplog.text
    with pytest.raises(EmptyLoop, match="at least one batch, found none"):
        model().fit(halves(0))


def test_no_more_batches_are_taken_than_are_used():
    source = halves(5)
    model().fit(source, steps_per_epoch=2, epochs=2)

    assert len(list(source)) == 1


def test_batches_are_evaluated_and_predicted():
    made = model()

    assert made.evaluate(halves(2)) == pytest.approx(made.evaluate(X, Y))
    by_halves = made.predict(X, batch_size=4)
    np.testing.assert_equal(made.predict(halves(4), steps=2), by_halves)
    np.testing.assert_equal(made.predict(iter([X[:4], X[4:]])), by_halves)


def test_batches_validate_and_are_weighted_by_class():
    history = model().fit(
        ((x, np.array([[0.0], [1.0], [1.0], [0.0]])) for x, _ in halves(2)),
        class_weight={0: 1.0, 1: 3.0},
        validation_data=Halves(),
        validation_steps=1,
    )

    assert set(history.history) == {"loss", "val_loss"}


def test_what_does_not_go_with_batches_is_refused():
    with pytest.raises(DataMismatch, match=r"expected targets .* in them"):
        model().fit(halves(2), Y)
    with pytest.raises(DataMismatch, match="expected arrays to take samples from"):
        model().fit(halves(2), validation_split=0.5)
    with pytest.raises(DataMismatch, match="no number of steps for arrays, found 2"):
        model().fit(X, Y, steps_per_epoch=2)
    with pytest.raises(DataMismatch, match="found a tuple of 4"):
        model().fit(iter([(X, Y, Y, Y)]))


def test_lists_of_numbers_are_arrays():
    expected = model().fit(X, Y, shuffle=False).history

    assert model().fit(X.tolist(), Y.tolist(), shuffle=False).history == expected
    assert model().fit(X, Y[:, 0].tolist(), shuffle=False).history == expected


def test_what_is_no_data_is_refused_by_what_it_is():
    with pytest.raises(DataMismatch, match="expected arrays, lists of numbers, or an iterable"):
        model().fit(object(), Y)
    with pytest.raises(DataMismatch, match="numbers of one shape"):
        model().fit([[1.0, 2.0, 3.0], [1.0]], [[1.0], [2.0]])


@pytest.mark.frameworks
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("count", "options"),
    [(6, {"steps_per_epoch": 3, "epochs": 2}), (2, {}), (5, {"steps_per_epoch": 3, "epochs": 2})],
)
def test_losses_are_those_of_tf_keras(count, options):
    tf_keras = pytest.importorskip("tf_keras")
    histories = [
        kind_model.fit(halves(count), verbose=0, **options).history["loss"]
        for kind_model in (model(), model(tf_keras))
    ]

    np.testing.assert_allclose(*histories, rtol=1e-5)


@pytest.mark.frameworks
def test_a_dataset_of_tensorflow_is_gone_over_in_each_epoch(tf):
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(4)

    history = model().fit(dataset, epochs=2).history

    expected = model().fit(X, Y, batch_size=4, shuffle=False, epochs=2).history
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-6)
