"""Callbacks that stop and record a training, and set its learning rate."""

import math

import numpy as np
import pytest

from saveproof import reference_impl as keras

X = np.random.default_rng(1).normal(size=(8, 4)).astype("float32")
V = np.random.default_rng(2).normal(size=(4, 4)).astype("float32")


def made(optimizer="adam"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(4, input_shape=(4,))])
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def epochs_of(callback, losses, *, monitor="loss"):
    """Give the callback these logs, epoch by epoch, and return what it changed by each.

    The result is the epoch at which it stopped the training, and the learning rates.
    """
    model = made(keras.optimizers.SGD(1.0))
    callback.set_model(model)
    callback.on_train_begin()
    rates = []
    for epoch, loss in enumerate(losses):
        model.set_weights([np.full_like(each, epoch) for each in model.get_weights()])
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, {monitor: loss})
        rates.append(float(model.optimizer.learning_rate.numpy()))
        if model.stop_training:
            break
    callback.on_train_end()
    weight = int(model.get_weights()[0].flat[0])
    return len(rates) - 1, weight, rates


STOPPING = keras.callbacks.EarlyStopping

STOPS = {
    # patience counts epochs since the best one, which is epoch 1
    "patience": ({"patience": 2}, [3.0, 1.0, 2.0, 2.0, 2.0], 3, 3),
    "never after the first epoch": ({}, [3.0, 3.0, 3.0], 1, 1),
    "a small change is none": ({"min_delta": 0.5, "patience": 1}, [3.0, 2.75, 2.0], 1, 1),
    "the best weights": ({"patience": 2, "restore_best_weights": True}, [3.0, 1.0, 2.0, 2.0], 3, 1),
    "at the end of fit too": ({"patience": 9, "restore_best_weights": True}, [3.0, 1.0, 2.0], 2, 1),
    # 2.0 is the best so far, but not below the baseline, so the patience ends
    "a baseline": ({"patience": 2, "baseline": 1.5}, [3.0, 2.0, 2.5, 2.5], 2, 2),
    "a baseline that is beaten": ({"patience": 2, "baseline": 1.5}, [1.0, 3.0, 3.0, 3.0], 2, 2),
    "from an epoch on": ({"patience": 1, "start_from_epoch": 3}, [1.0, 9.0, 9.0, 5.0, 6.0], 4, 4),
    "rising": ({"patience": 1, "mode": "max"}, [1.0, 2.0, 1.5], 2, 2),
    "not a number": ({"patience": 1, "restore_best_weights": True}, [math.nan, math.nan], 1, 0),
}


@pytest.mark.parametrize("case", STOPS)
def test_training_stops_after_epochs_without_improvement(case):
    options, losses, last, weight = STOPS[case]

    assert epochs_of(STOPPING("loss", **options), losses)[:2] == (last, weight)


@pytest.mark.parametrize("monitor", ["val_accuracy", "auc"])
def test_a_log_that_should_rise_is_known_by_its_name(monitor):
    stopping = STOPPING(monitor, patience=1)

    assert epochs_of(stopping, [1.0, 2.0, 3.0, 2.0], monitor=monitor)[0] == 3


def test_without_the_log_training_goes_on_and_a_warning_says_so(caplog):
    assert epochs_of(STOPPING(), [1.0, 1.0, 1.0])[0] == 2
    assert "expected a log 'val_loss' to compare, found ['loss']; training goes on" in caplog.text


def test_the_patience_starts_anew_with_each_fit():
    stopping = STOPPING("loss", patience=2)

    assert [epochs_of(stopping, [1.0, 2.0, 2.0, 2.0])[0] for _ in range(2)] == [2, 2]


def test_lines_tell_of_the_end_and_of_the_weights(capsys):
    epochs_of(STOPPING("loss", patience=1, restore_best_weights=True, verbose=1), [1.0, 2.0])

    assert capsys.readouterr().out == "Epoch 2: early stopping\nRestoring the weights of epoch 1\n"


PLATEAUS = {
    "patience": ({"factor": 0.5, "patience": 2}, [2.0, 2.0, 2.0, 2.0, 2.0], [1, 1, 0.5, 0.5, 0.25]),
    "a small change is none": (
        {"factor": 0.5, "patience": 1, "min_delta": 0.5},
        [2.0, 1.75, 1.0],
        [1, 0.5, 0.5],
    ),
    "cooldown": (
        {"factor": 0.5, "patience": 1, "cooldown": 2},
        [2.0] * 5,
        [1, 0.5, 0.5, 0.25, 0.25],
    ),
    "a smallest rate": (
        {"factor": 0.25, "patience": 1, "min_lr": 0.125},
        [2.0] * 4,
        [1, 0.25, 0.125, 0.125],
    ),
    "rising": ({"factor": 0.5, "patience": 1, "mode": "max"}, [1.0, 2.0, 2.0], [1, 1, 0.5]),
}


@pytest.mark.parametrize("case", PLATEAUS)
def test_the_rate_is_reduced_on_a_plateau(case):
    options, losses, rates = PLATEAUS[case]

    assert epochs_of(keras.callbacks.ReduceLROnPlateau("loss", **options), losses)[2] == rates


def test_a_schedule_gets_the_epoch_and_the_rate_and_the_rate_is_logged():
    by_both = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5**epoch)
    by_epoch = keras.callbacks.LearningRateScheduler(lambda epoch: 1.0 / (1 + epoch))
    model = made(keras.optimizers.SGD(1.0))
    history = model.fit(X, X, epochs=3, callbacks=[by_both]).history

    assert history["lr"] == [1.0, 0.5, 0.125]
    assert model.fit(X, X, epochs=2, callbacks=[by_epoch]).history["lr"] == [1.0, 0.5]


@pytest.mark.parametrize("returned", [1, "fast", None])
def test_a_schedule_that_gives_no_float_is_refused(returned):
    callback = keras.callbacks.LearningRateScheduler(lambda _: returned)

    with pytest.raises(ValueError, match=f"expected a float .* epoch 0, found {returned!r}"):
        made().fit(X, X, callbacks=[callback])


def test_an_optimizer_with_a_schedule_of_its_own_has_no_rate_to_set():
    model = made(keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)))

    with pytest.raises(TypeError, match="has a ExponentialDecay"):
        model.fit(X, X, callbacks=[keras.callbacks.LearningRateScheduler(lambda _: 0.1)])


@pytest.mark.parametrize(
    ("callback", "options", "match"),
    [
        ("EarlyStopping", {"mode": "least"}, "expected mode auto, min or max, found 'least'"),
        ("ReduceLROnPlateau", {"mode": "least"}, "expected mode auto, min or max, found 'least'"),
        ("ReduceLROnPlateau", {"factor": 1.0}, "expected a factor below 1, found 1.0"),
        ("BackupAndRestore", {"backup_dir": "b", "save_freq": 0}, "save_freq: expected 'epoch'"),
    ],
)
def test_an_argument_that_cannot_be_meant_is_refused(callback, options, match):
    with pytest.raises(ValueError, match=f"{callback}: {match}"):
        getattr(keras.callbacks, callback)(**options)


def test_the_logs_of_each_epoch_are_a_line(tmp_path):
    file = tmp_path / "log.csv"
    logger = keras.callbacks.CSVLogger(file, separator=";")
    history = made().fit(X, X, epochs=2, validation_data=(V, V), callbacks=[logger]).history
    names = ["loss", "mae", "val_loss", "val_mae"]
    lines = [[str(epoch), *(str(history[name][epoch]) for name in names)] for epoch in (0, 1)]

    rows = [line.split(";") for line in file.read_bytes().decode().split("\r\n")]
    assert rows == [["epoch", *names], *lines, [""]]


@pytest.mark.parametrize("append", [False, True])
def test_a_log_is_continued_without_a_second_heading_or_begun_anew(tmp_path, append):
    file = tmp_path / "log.csv"
    made().fit(X, X, epochs=2, callbacks=[keras.callbacks.CSVLogger(file)])
    before = file.read_bytes()
    logger = keras.callbacks.CSVLogger(file, append=append)
    made().fit(X, X, epochs=3, initial_epoch=2, callbacks=[logger])

    lines = file.read_bytes().splitlines()
    assert lines[0] == b"epoch,loss,mae,val_loss,val_mae"
    assert [line[:1] for line in lines[1:]] == ([b"0", b"1", b"2"] if append else [b"2"])
    assert file.read_bytes().startswith(before) is append
