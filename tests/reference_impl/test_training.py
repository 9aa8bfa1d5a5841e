import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.engine.errors import DataMismatch, UncompiledModel

RANDOM = np.random.default_rng(1)
X = RANDOM.normal(size=(10, 4)).astype("float32")
Y = RANDOM.normal(size=(10, 2)).astype("float32")


def made(*, seed=5, **settings):
    keras.utils.set_random_seed(seed)
    keras.backend.clear_session()
    model = keras.Sequential(
        [
            keras.layers.Dense(6, activation="relu", input_shape=(4,)),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(2),
        ]
    )
    model.compile(**({"optimizer": "adam", "loss": "mse"} | settings))
    return model


def test_a_run_repeats_to_the_last_bit_from_its_seed():
    runs = [made().fit(X, Y, batch_size=3, epochs=4).history for _ in range(2)]

    assert runs[0] == runs[1]
    assert made(seed=6).fit(X, Y, batch_size=3, epochs=4).history != runs[0]


def test_shuffling_draws_a_new_order_from_the_process_generator():
    histories = [made().fit(X, Y, batch_size=3, shuffle=flag).history for flag in (True, False)]

    assert histories[0] != histories[1]


def test_train_on_batch_returns_the_loss_before_the_update():
    model = made()
    model.layers[1].rate = 0.0
    before = model.evaluate(X, Y)

    assert model.train_on_batch(X, Y) == pytest.approx(before, rel=1e-6)
    assert model.train_on_batch(X, Y) != pytest.approx(before, rel=1e-6)


def test_metrics_start_anew_after_each_batch_unless_told_otherwise():
    model = made(metrics=["mae"])
    model.fit(X, Y)
    assert model.test_on_batch(X, Y) == model.test_on_batch(X, Y)
    first = model.test_on_batch(X, Y, reset_metrics=False)
    kept = model.test_on_batch(X[:1], Y[:1], reset_metrics=False)

    assert kept != model.test_on_batch(X[:1], Y[:1])
    assert first[0] != kept[0]


def test_the_last_batch_counts_by_its_size():
    model = made()

    assert model.evaluate(X, Y, batch_size=3) == pytest.approx(model.evaluate(X, Y), rel=1e-6)


def test_history_holds_an_entry_an_epoch_with_validation_from_the_end_of_the_data():
    model = made(metrics=["mae"])
    history = model.fit(X, Y, epochs=3, initial_epoch=1, validation_split=0.2)

    assert history.epoch == [1, 2]
    assert list(history.history) == ["loss", "mae", "val_loss", "val_mae"]
    assert history.history["val_loss"][-1] == pytest.approx(model.evaluate(X[8:], Y[8:])[0])


def test_a_sample_of_weight_zero_does_not_count():
    weights = np.array([1.0] * 9 + [0.0], "float32")

    assert made().test_on_batch(X, Y, sample_weight=weights) == pytest.approx(
        made().test_on_batch(X[:9], Y[:9]) * 0.9
    )


def test_class_weights_need_every_class():
    with pytest.raises(DataMismatch, match="found none for \\[2\\]"):
        made(loss="sparse_categorical_crossentropy").train_on_batch(
            X, np.arange(10) % 3, class_weight={0: 1.0, 1: 2.0}
        )


def test_data_of_different_lengths_are_refused():
    with pytest.raises(DataMismatch, match="\\[9, 10\\]"):
        made().fit(X, Y[:9])


def test_training_before_compile_is_refused():
    with pytest.raises(UncompiledModel, match=r"compile\(\) it before"):
        keras.Sequential([keras.layers.Dense(1, input_shape=(4,))]).fit(X, Y)


def test_losses_and_metrics_are_taken_by_the_names_of_the_outputs():
    given = keras.Input((4,), name="given")
    one, two = keras.layers.Dense(2, name="one")(given), keras.layers.Dense(2, name="two")(given)
    model = keras.Model(given, [one, two])
    model.compile(
        "sgd",
        loss={"one": "mse", "two": "mae"},
        loss_weights={"one": 0.5, "two": 2.0},
        metrics={"two": ["mse"]},
    )
    logs = model.train_on_batch(X, {"two": Y, "one": Y}, return_dict=True)

    assert list(logs) == ["loss", "one_loss", "two_loss", "two_mse"]
    assert logs["loss"] == pytest.approx(0.5 * logs["one_loss"] + 2 * logs["two_loss"], rel=1e-6)


def test_a_layer_frozen_after_compile_trains_until_the_next_compile():
    """Keras's rule, whichever of `fit` and `train_on_batch` trains."""
    model = made()
    model.layers[0].trainable = False
    for train in (model.fit, model.train_on_batch):
        before = model.get_weights()[0]
        train(X, Y)
        assert not np.array_equal(before, model.get_weights()[0])
    assert not model.layers[0].trainable
    model.compile("sgd", "mse")
    before = model.get_weights()[0]
    model.train_on_batch(X, Y)

    np.testing.assert_array_equal(before, model.get_weights()[0])


def test_a_frozen_layer_keeps_its_weights():
    model = made()
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    before = model.get_weights()
    model.fit(X, Y, epochs=2)

    np.testing.assert_array_equal(before[0], model.get_weights()[0])
    assert not np.array_equal(before[2], model.get_weights()[2])


def test_the_moving_average_replaces_the_weights_when_fit_ends():
    optimizer = keras.optimizers.SGD(0.1, use_ema=True)
    model = made(optimizer=optimizer)
    model.fit(X, Y, epochs=2)

    np.testing.assert_array_equal(model.get_weights()[0], optimizer.variables[1].value)


def test_predict_joins_batches():
    model = made()

    np.testing.assert_allclose(model.predict(X, batch_size=3), model.predict(X), rtol=1e-5)
    assert model.predict(X).shape == (10, 2)


def test_stateful_layers_start_anew_after_reset_states():
    model = keras.Sequential(
        [keras.layers.LSTM(3, stateful=True, batch_input_shape=(2, 4, 3)), keras.layers.Dense(1)]
    )
    x = RANDOM.normal(size=(2, 4, 3)).astype("float32")
    first, second = model.predict(x), model.predict(x)
    model.reset_states()

    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(model.predict(x), first)
