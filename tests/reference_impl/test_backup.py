"""A training that is interrupted, and continues from the backup of `BackupAndRestore`."""

import json

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.loading import LoadError

X = np.random.default_rng(1).normal(size=(8, 4)).astype("float32")
V = np.random.default_rng(2).normal(size=(4, 4)).astype("float32")


def made():
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Dense(4, input_shape=(4,)),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.5, seed=3),
        keras.layers.Dense(4),
    ]
    model = keras.Sequential(layers)
    model.compile("adam", "mse", metrics=["mae"])
    return model


class Interrupted(RuntimeError):
    pass


class Interrupt(keras.callbacks.Callback):
    """Raises before a batch of an epoch."""

    def __init__(self, epoch, batch):
        self.at, self.epoch = (epoch, batch), None

    def on_epoch_begin(self, epoch, logs=None):  # noqa: ARG002 (Keras's signature)
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):  # noqa: ARG002 (Keras's signature)
        if (self.epoch, batch) == self.at:
            raise Interrupted


def state_of(model):
    variables = [*model.weights, *model.optimizer.variables, model.optimizer.learning_rate]
    variables += [state for each in model.layers for state in each.extra_state.values()]
    variables += [variable for metric in model.metrics for variable in metric.variables]
    return [variable.value.tobytes() for variable in variables]


FIT = {"epochs": 4, "batch_size": 2, "validation_data": (V, V)}


@pytest.mark.parametrize("at", [(0, 3), (1, 0), (1, 1), (2, 2), (3, 3)])
@pytest.mark.parametrize("save_freq", ["epoch", 1, 2, 3])
def test_an_interrupted_training_comes_to_the_end_of_one_without_interruption(
    tmp_path, save_freq, at
):
    """To the last bit: weights, optimizer, metrics, dropout, and the order of the samples."""
    whole = made()
    history = whole.fit(X, X, **FIT).history
    backup = lambda: keras.callbacks.BackupAndRestore(tmp_path / "b", save_freq=save_freq)  # noqa: E731
    with pytest.raises(Interrupted):
        made().fit(X, X, **FIT, callbacks=[backup(), Interrupt(*at)])

    resumed = made()
    if (tmp_path / "b").exists():  # otherwise training begins again, with the same random numbers
        keras.utils.set_random_seed(77)
    later = resumed.fit(X, X, **FIT, callbacks=[backup()]).history
    assert state_of(resumed) == state_of(whole)
    for name, values in later.items():
        assert values == history[name][len(history[name]) - len(values) :], name
    assert not (tmp_path / "b").exists()


def test_a_model_that_is_not_built_yet_is_restored_with_its_first_batch(tmp_path, caplog):
    """Its first batch draws random numbers, so samples are in another order from then on."""

    class Written(keras.Model):
        def __init__(self):
            super().__init__()
            self.one = keras.layers.Dense(4)

        def call(self, inputs):
            return self.one(inputs)

    def compiled():
        keras.utils.set_random_seed(0)
        model = Written()
        model.compile("adam", "mse")
        return model

    options = {**FIT, "shuffle": False}
    whole = compiled()
    whole.fit(X, X, **options)
    backup = lambda: keras.callbacks.BackupAndRestore(tmp_path, save_freq=3)  # noqa: E731
    with pytest.raises(Interrupted):
        compiled().fit(X, X, **options, callbacks=[backup(), Interrupt(2, 1)])
    assert "not built" not in caplog.text
    resumed = compiled()
    resumed.fit(X, X, **options, callbacks=[backup()])

    assert state_of(resumed) == state_of(whole)
    assert "is not built: build it before fit" in caplog.text


def test_a_save_that_fails_leaves_the_backup_before(tmp_path, monkeypatch):
    whole = made()
    whole.fit(X, X, **FIT)
    model = made()

    class Break(keras.callbacks.Callback):
        """Lets the third backup fail after its checkpoint was begun."""

        def on_epoch_begin(self, epoch, logs=None):  # noqa: ARG002 (Keras's signature)
            if epoch == 2:

                def broken(prefix):
                    prefix.with_name(prefix.name + ".index").write_bytes(b"half")
                    raise Interrupted

                monkeypatch.setattr(self.model, "save_weights", broken)

    callbacks = [Break(), keras.callbacks.BackupAndRestore(tmp_path)]
    with pytest.raises(Interrupted):
        model.fit(X, X, **FIT, callbacks=callbacks)
    resumed = made()
    history = resumed.fit(X, X, **FIT, callbacks=[keras.callbacks.BackupAndRestore(tmp_path)])

    assert history.epoch == [2, 3]
    assert state_of(resumed) == state_of(whole)


def test_the_backup_stays_on_request_and_other_files_always_do(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    backup = keras.callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    made().fit(X, X, epochs=2, callbacks=[backup])
    again = keras.callbacks.BackupAndRestore(tmp_path)
    history = made().fit(X, X, epochs=3, callbacks=[again])

    assert history.epoch == [2]
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("prefix", "../other", "prefix: expected one of"),
        ("generator", [1, 2, 3], "generator: expected four numbers"),
        ("generator", [1, 2, 3, -1], "generator: expected four numbers"),
        ("epoch", "two", "epoch: expected an integer"),
        ("batches", -1, "batches: expected at least 0"),
        ("output_shapes", 3, "output_shapes: expected a list"),
    ],
)
def test_a_damaged_backup_is_refused_and_says_where(tmp_path, key, value, match):
    backup = keras.callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    made().fit(X, X, callbacks=[backup])
    file = tmp_path / "progress.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))

    with pytest.raises(LoadError, match=match):
        made().fit(X, X, callbacks=[keras.callbacks.BackupAndRestore(tmp_path)])


def test_a_backup_before_preemption_is_not_offered(tmp_path):
    with pytest.raises(NotImplementedError, match="save_before_preemption is not offered"):
        keras.callbacks.BackupAndRestore(tmp_path, save_before_preemption=True)
