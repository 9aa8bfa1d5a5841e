import numpy as np
import pytest

from saveproof import reference_impl as keras

X = np.random.default_rng(1).normal(size=(8, 4)).astype("float32")


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    made = keras.Sequential([keras.layers.Dense(4, input_shape=(4,))])
    made.compile("sgd", "mse")
    return made


def test_a_checkpoint_an_epoch_carries_the_epoch_in_its_name(model, tmp_path):
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "e{epoch:02d}-{loss:.0f}.h5")
    model.fit(X, X, epochs=2, callbacks=[checkpoint])

    assert sorted(path.name[:3] for path in tmp_path.iterdir()) == ["e01", "e02"]
    last = sorted(tmp_path.iterdir())[-1]
    np.testing.assert_array_equal(keras.models.load_model(last).predict(X), model.predict(X))


def test_a_checkpoint_of_weights_can_be_loaded_as_weights(model, tmp_path):
    target = tmp_path / "w.h5"
    model.fit(X, X, callbacks=[keras.callbacks.ModelCheckpoint(target, save_weights_only=True)])
    expected = model.predict(X)
    model.fit(X, X)
    model.load_weights(target)

    np.testing.assert_array_equal(model.predict(X), expected)


def test_only_better_models_are_saved(model, tmp_path):
    checkpoint = keras.callbacks.ModelCheckpoint(
        tmp_path / "{epoch}.h5", monitor="loss", save_best_only=True
    )
    checkpoint.set_model(model)
    for epoch, loss in enumerate([3.0, 4.0, 2.0]):
        checkpoint.on_epoch_begin(epoch)
        checkpoint.on_epoch_end(epoch, {"loss": loss})

    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.h5", "3.h5"]


def test_without_the_log_to_judge_by_no_model_is_the_best(model, tmp_path, caplog):
    """As in tf_keras, which warns: no validation, no `val_loss`."""
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "best.h5", save_best_only=True)
    history = model.fit(X, X, epochs=2, callbacks=[checkpoint])

    assert len(history.epoch) == 2
    assert list(tmp_path.iterdir()) == []
    assert "expected a log 'val_loss'" in caplog.text


def test_a_threshold_stands_for_the_best_model_so_far(model, tmp_path):
    checkpoint = keras.callbacks.ModelCheckpoint(
        tmp_path / "{epoch}.h5", "loss", save_best_only=True, initial_value_threshold=2.5
    )
    checkpoint.set_model(model)
    for epoch, loss in enumerate([3.0, 2.0]):
        checkpoint.on_epoch_begin(epoch)
        checkpoint.on_epoch_end(epoch, {"loss": loss})

    assert [path.name for path in tmp_path.iterdir()] == ["2.h5"]


def test_a_checkpoint_after_so_many_batches_counts_over_epochs(model, tmp_path):
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}-{batch}.h5", save_freq=3)
    model.fit(X, X, batch_size=4, epochs=3, callbacks=[checkpoint])

    assert sorted(path.name for path in tmp_path.iterdir()) == ["2-1.h5", "3-2.h5"]


def test_a_callback_can_stop_the_training(model):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):  # noqa: ARG002 (Keras's signature)
            self.model.stop_training = True

    assert model.fit(X, X, epochs=5, callbacks=[Stop()]).epoch == [0]
