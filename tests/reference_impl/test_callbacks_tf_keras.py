"""Callbacks held against tf_keras's: what they do to the same logs, and to the same training."""

import numpy as np
import pytest

from saveproof import reference_impl as reference

pytestmark = [pytest.mark.frameworks, pytest.mark.filterwarnings("ignore::UserWarning")]

RANDOM = np.random.default_rng(4)
X = RANDOM.normal(size=(8, 3)).astype("float32")
Y = RANDOM.normal(size=(8, 2)).astype("float32")
LOSSES = [RANDOM.integers(1, 6, 12) / 2 for _ in range(12)]


@pytest.fixture(scope="module")
def tf_keras():
    return pytest.importorskip("tf_keras")


def compiled(keras, optimizer="adam"):
    model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,))])
    model.set_weights([np.linspace(-1, 1, 6, dtype="f4").reshape(3, 2), np.zeros(2, "f4")])
    eager = {} if keras is reference else {"run_eagerly": True}
    model.compile(optimizer, "mse", metrics=["mae"], **eager)
    return model


def told(keras, name, options, losses):
    """Return the epochs that a callback lets a training take, its rates and its weights."""
    callback = getattr(keras.callbacks, name)(**options)
    model = compiled(keras, keras.optimizers.SGD(0.8))
    model.stop_training = False
    callback.set_model(model)
    callback.on_train_begin()
    rates, logs = [], {}
    for epoch, loss in enumerate(losses):
        model.set_weights([np.full(w.shape, epoch, "f4") for w in model.get_weights()])
        callback.on_epoch_begin(epoch)
        logs = {options.get("monitor", "val_loss"): loss}
        callback.on_epoch_end(epoch, logs)
        rates.append(float(model.optimizer.learning_rate.numpy()))
        if model.stop_training:
            break
    callback.on_train_end()
    return rates, {name: float(value) for name, value in logs.items()}, model.get_weights()[0][0, 0]


OPTIONS = [
    ("EarlyStopping", {}),
    ("EarlyStopping", {"patience": 2, "restore_best_weights": True}),
    ("EarlyStopping", {"patience": 2, "min_delta": 0.5, "mode": "max"}),
    ("EarlyStopping", {"patience": 3, "baseline": 0.75, "restore_best_weights": True}),
    ("EarlyStopping", {"patience": 1, "start_from_epoch": 4, "restore_best_weights": True}),
    ("EarlyStopping", {"patience": 2, "monitor": "accuracy"}),
    ("EarlyStopping", {"patience": 2, "monitor": "accuracy_loss"}),
    ("ReduceLROnPlateau", {"patience": 1}),
    ("ReduceLROnPlateau", {"patience": 2, "factor": 0.3, "min_delta": 0.5}),
    ("ReduceLROnPlateau", {"patience": 1, "factor": 0.3, "cooldown": 2, "min_lr": 0.03}),
    ("ReduceLROnPlateau", {"patience": 1, "factor": 0.5, "monitor": "my_accumulated"}),
]


@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=str)
def test_the_same_logs_have_the_same_effect(tf_keras, name, options):
    for losses in LOSSES:
        ours, theirs = (told(keras, name, options, losses) for keras in (reference, tf_keras))

        assert ours[0] == pytest.approx(theirs[0], rel=1e-6)
        assert ours[1] == pytest.approx(theirs[1], rel=1e-6)
        assert ours[2] == theirs[2]


def test_ten_epochs_under_all_of_them_are_those_of_tf_keras(tf_keras, tmp_path):
    found = []
    for keras in (reference, tf_keras):
        model, file = compiled(keras), tmp_path / f"{keras.__name__}.csv"
        callbacks = [
            keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.1 if epoch < 2 else rate),
            keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.3),
            keras.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True),
            keras.callbacks.CSVLogger(str(file)),
            keras.callbacks.BackupAndRestore(str(tmp_path / f"{keras.__name__} backup")),
        ]
        history = model.fit(
            *(X, Y), batch_size=4, epochs=10, shuffle=False, verbose=0, callbacks=callbacks
        )
        found.append((history.history, model.get_weights(), file.read_bytes().split(b"\r\n")))

    (ours, our_weights, our_lines), (theirs, their_weights, their_lines) = found
    assert list(ours) == list(theirs)
    for name, values in ours.items():
        np.testing.assert_allclose(values, theirs[name], rtol=1e-5)
    assert len(set(np.float32(ours["lr"]))) > 2
    for one, other in zip(our_weights, their_weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    assert our_lines[0] == their_lines[0]
    for one, other in zip(our_lines[1:-1], their_lines[1:-1], strict=True):
        values, expected = (
            [float(v) for v in row.split(b",") if v != b"NA"] for row in (one, other)
        )
        assert values == pytest.approx(expected, rel=1e-5)
        assert one.count(b"NA") == other.count(b"NA")


class Interrupted(RuntimeError):
    pass


@pytest.mark.parametrize("batch", [0, 1])
def test_an_interrupted_training_begins_in_the_epoch_of_tf_keras(tf_keras, tmp_path, batch):
    epochs, weights = [], []
    for keras in (reference, tf_keras):

        class Interrupt(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):  # noqa: ARG002 (Keras's signature)
                self.epoch = epoch

            def on_train_batch_begin(self, at, logs=None):  # noqa: ARG002 (Keras's signature)
                if (self.epoch, at) == (2, batch):
                    raise Interrupted

        options = {"batch_size": 4, "epochs": 10, "shuffle": False, "verbose": 0}
        backup = keras.callbacks.BackupAndRestore(str(tmp_path / keras.__name__))
        with pytest.raises(Interrupted):
            compiled(keras).fit(X, Y, **options, callbacks=[backup, Interrupt()])
        again = compiled(keras)
        epochs.append(again.fit(X, Y, **options, callbacks=[backup]).epoch)
        weights.append(again.get_weights())

    assert epochs == [list(range(2, 10))] * 2
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
