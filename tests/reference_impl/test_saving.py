"""What comes back from a file, and what is refused."""

import json
import shutil

import h5py
import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.engine.errors import UnbuiltModel
from saveproof.reference_impl.layers.serialization import MalformedEntry, UnknownLayer
from saveproof.reference_impl.saving.errors import MissingPart, UnreadableFile, WrongPart
from saveproof.reference_impl.saving.format import FormatNotOffered
from saveproof.reference_impl.saving.model_files import TargetExists
from saveproof.reference_impl.saving.model_state.restore import WeightsMismatch
from saveproof.reference_impl.saving.model_state.restore_training import OptimizerMismatch

RANDOM = np.random.default_rng(2)
X = RANDOM.normal(size=(6, 4, 3)).astype("float32")
Y = RANDOM.normal(size=(6, 2)).astype("float32")


def stateful(optimizer):
    """A model with every kind of state: generators, recurrent states, moving means, slots."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(11)
    model = keras.Sequential(
        [
            keras.layers.LSTM(3, stateful=True, batch_input_shape=(6, 4, 3), dropout=0.2),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.4),
            keras.layers.Dense(2, kernel_constraint="non_neg", kernel_regularizer="l2"),
        ]
    )
    model.compile(optimizer, "mse", metrics=["mae"], weighted_metrics=["mse"])
    for _ in range(3):
        model.train_on_batch(X, Y, reset_metrics=False)
    return model


def state_of(model):
    return [
        *(variable.value for variable in model.weights),
        *(state.value for layer in model.flatten_layers() for state in layer.extra_state.values()),
        *(variable.value for metric in model.metrics for variable in metric.variables),
        *(variable.value for variable in model.optimizer.variables),
        *(variable.value for variable in model.optimizer.extra_state.values()),
        model.optimizer.learning_rate.value,
    ]


def assert_same(one, other):
    assert len(one) == len(other)
    for first, second in zip(one, other, strict=True):
        assert first.dtype == second.dtype
        np.testing.assert_array_equal(first, second)


OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(0.01, amsgrad=True, clipnorm=1.0),
    "nadam": lambda: keras.optimizers.Nadam(0.01),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01, momentum=0.9, centered=True),
    "average": lambda: keras.optimizers.SGD(0.1, momentum=0.9, use_ema=True),
    "lion": lambda: keras.optimizers.Lion(0.001),
    "adafactor": lambda: keras.optimizers.Adafactor(0.05),
    "ftrl": lambda: keras.optimizers.Ftrl(0.05),
    "schedule": lambda: keras.optimizers.SGD(
        keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_whole_model_resumes_to_the_last_bit(tmp_path, name):
    model = stateful(OPTIMIZERS[name]())
    model.save(tmp_path / "m.h5")
    loaded = keras.models.load_model(tmp_path / "m.h5")

    assert_same(state_of(model), state_of(loaded))
    assert loaded.get_config() == model.get_config()
    for _ in range(3):
        assert loaded.train_on_batch(X, Y) == model.train_on_batch(X, Y)
    assert_same(state_of(model), state_of(loaded))


def test_saving_changes_nothing_in_the_model(tmp_path):
    model = stateful("adam")
    before = [value.copy() for value in state_of(model)]
    model.save(tmp_path / "m.h5")

    assert_same(before, state_of(model))


def test_the_second_generation_equals_the_first(tmp_path):
    stateful("adam").save(tmp_path / "1.h5")
    keras.models.load_model(tmp_path / "1.h5").save(tmp_path / "2.h5")

    with h5py.File(tmp_path / "1.h5") as one, h5py.File(tmp_path / "2.h5") as other:
        assert one.attrs["model_config"] == other.attrs["model_config"]
        assert one.attrs["training_config"] == other.attrs["training_config"]
        assert_same([one["saveproof_state/arrays"][()]], [other["saveproof_state/arrays"][()]])


def test_a_layer_frozen_after_the_first_step_keeps_its_slots(tmp_path):
    model = stateful("adam")
    model.layers[0].trainable = False
    model.train_on_batch(X, Y)
    model.save(tmp_path / "m.h5")
    loaded = keras.models.load_model(tmp_path / "m.h5")

    assert_same(state_of(model), state_of(loaded))
    assert not loaded.layers[0].trainable
    assert loaded.train_on_batch(X, Y) == model.train_on_batch(X, Y)
    assert_same(state_of(model), state_of(loaded))


def test_a_thawed_layer_inside_a_frozen_model_stays_so(tmp_path):
    inside = keras.Input((4,))
    inner = keras.Model(inside, keras.layers.Dense(2)(keras.layers.Dense(3)(inside)))
    given = keras.Input((4,))
    model = keras.Model(given, inner(given))
    inner.trainable = False
    inner.layers[1].trainable = True
    model.save(tmp_path / "m.h5")

    loaded = keras.models.load_model(tmp_path / "m.h5")
    assert [layer.trainable for layer in loaded.flatten_layers()] == [
        layer.trainable for layer in model.flatten_layers()
    ]


def test_metrics_of_several_outputs_keep_their_names(tmp_path):
    given = keras.Input((4,), name="given")
    outputs = [keras.layers.Dense(2, name=name)(given) for name in ("one", "two")]
    model = keras.Model(given, outputs)
    model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=[["mae"], ["mse"]])
    model.train_on_batch(X[:, :, 0], [Y, Y])
    model.save(tmp_path / "m.h5")

    assert keras.models.load_model(tmp_path / "m.h5").metrics_names == model.metrics_names


def test_a_model_saved_without_its_optimizer_comes_back_uncompiled(tmp_path):
    model = stateful("adam")
    model.save(tmp_path / "m.h5", include_optimizer=False)

    assert keras.models.load_model(tmp_path / "m.h5").optimizer is None
    stateful("adam").save(tmp_path / "m.h5")
    assert keras.models.load_model(tmp_path / "m.h5", compile=False).optimizer is None


def test_a_compiled_model_that_took_no_step_comes_back_so(tmp_path):
    model = keras.Sequential([keras.layers.Dense(2, input_shape=(4,))])
    model.compile("adam", "mse", metrics=["accuracy"])
    model.save(tmp_path / "m.h5")
    loaded = keras.models.load_model(tmp_path / "m.h5")

    assert not loaded.optimizer.built
    assert loaded.compiled.arguments.metrics == ["accuracy"]


def test_a_file_without_the_extra_state_is_read(tmp_path):
    stateful("adam").save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        del file["saveproof_state"]

    loaded = keras.models.load_model(tmp_path / "m.h5")
    assert int(loaded.optimizer.iterations.value) == 3


def test_weights_of_a_whole_model_file_can_be_loaded(tmp_path):
    model = stateful("adam")
    model.save(tmp_path / "m.h5")
    expected = model.get_weights()
    model.train_on_batch(X, Y)
    model.load_weights(tmp_path / "m.h5")

    assert_same(expected, model.get_weights())


@pytest.mark.parametrize("name", ["w.h5", "w.hdf5", "w.keras", "folder/w.h5"])
def test_weights_go_through_every_name_that_means_hdf5(tmp_path, name):
    model = stateful("adam")
    model.save_weights(tmp_path / name)
    expected = model.get_weights()
    model.train_on_batch(X, Y)
    model.load_weights(tmp_path / name)

    assert_same(expected, model.get_weights())


def dense(*units, names=None):
    model = keras.Sequential(name="stack")
    for number, count in enumerate(units):
        shape = {"input_shape": (4,)} if number == 0 else {}
        name = names[number] if names else f"d{number}"
        model.add(keras.layers.Dense(count, name=name, **shape))
    return model


def test_weights_by_name_leave_other_layers_alone(tmp_path):
    source, model = dense(3, 2, names=["a", "b"]), dense(3, 5, names=["a", "c"])
    source.save_weights(tmp_path / "w.h5")
    kept = model.layers[1].get_weights()
    model.load_weights(tmp_path / "w.h5", by_name=True)

    assert_same(source.layers[0].get_weights(), model.layers[0].get_weights())
    assert_same(kept, model.layers[1].get_weights())


def test_bfloat16_weights_come_back(tmp_path):
    model = keras.Sequential([keras.layers.Dense(3, dtype="bfloat16", input_shape=(4,))])
    model.save(tmp_path / "m.h5")

    assert_same(model.get_weights(), keras.models.load_model(tmp_path / "m.h5").get_weights())


def test_equal_weight_names_inside_a_nested_model_do_not_collide(tmp_path):
    def inner(name):
        inside = keras.Input((4,))
        return keras.Model(inside, keras.layers.Dense(4, name="same")(inside), name=name)

    given = keras.Input((4,))
    both = keras.Model(given, inner("two")(inner("one")(given)), name="both")
    outside = keras.Input((4,))
    model = keras.Model(outside, both(outside))
    model.save(tmp_path / "m.h5")

    assert_same(model.get_weights(), keras.models.load_model(tmp_path / "m.h5").get_weights())


def test_weights_that_do_not_fit_name_the_layer_and_change_nothing(tmp_path):
    dense(3, 2).save_weights(tmp_path / "w.h5")
    model = dense(3, 5)
    before = model.get_weights()

    with pytest.raises(WeightsMismatch, match=r"layer 'd1'.*shape \(3, 5\).*shape \(3, 2\)"):
        model.load_weights(tmp_path / "w.h5")
    with pytest.raises(WeightsMismatch, match=r"expected weights of 3 layers .* found 2"):
        dense(3, 2, 2).load_weights(tmp_path / "w.h5")
    assert_same(before, model.get_weights())


def test_a_subclassed_model_is_refused_whole_and_unbuilt(tmp_path):
    class Sub(keras.Model):
        def __init__(self):
            super().__init__(name="sub")
            self.out = keras.layers.Dense(2)

        def call(self, inputs):
            return self.out(inputs)

    model = Sub()
    for save in (model.save, model.save_weights):
        with pytest.raises(UnbuiltModel, match="'sub': expected weights to save"):
            save(tmp_path / "m.h5")
    model(X)
    with pytest.raises(NotImplementedError, match="a subclassed model is defined by its code"):
        model.save(tmp_path / "m.h5")
    model.save_weights(tmp_path / "w.h5")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w.h5"]


@pytest.mark.parametrize(
    ("call", "name", "arguments"),
    [
        ("save", "m", {"save_format": "onnx"}),
        ("save", "m.h5", {"save_format": "npz"}),
        ("save_weights", "w.h5", {"save_format": "npz"}),
        ("save_weights", "w.h5", {"save_format": "tf"}),
    ],
)
def test_formats_that_are_not_offered_are_refused(tmp_path, call, name, arguments):
    with pytest.raises(FormatNotOffered, match="HDF5"):
        getattr(dense(2), call)(tmp_path / name, **arguments)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_target_is_kept_if_so_asked(tmp_path):
    (tmp_path / "m.h5").write_text("mine")

    with pytest.raises(TargetExists):
        dense(2).save(tmp_path / "m.h5", overwrite=False)
    assert (tmp_path / "m.h5").read_text() == "mine"


def test_a_save_that_fails_leaves_the_old_file(tmp_path):
    dense(2).save(tmp_path / "m.h5")
    before = (tmp_path / "m.h5").read_bytes()

    with pytest.raises(ValueError, match="is not a valid path"):
        dense(2, names=["."]).save(tmp_path / "m.h5")
    assert (tmp_path / "m.h5").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


class Damage:
    """Ways to damage a file, and the error that says so."""

    @staticmethod
    def cut_short(path):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    @staticmethod
    def not_hdf5(path):
        path.write_text("no model here")

    @staticmethod
    def no_config(path):
        with h5py.File(path, "a") as file:
            del file.attrs["model_config"]

    @staticmethod
    def config_not_json(path):
        with h5py.File(path, "a") as file:
            file.attrs["model_config"] = "{"

    @staticmethod
    def no_weights(path):
        with h5py.File(path, "a") as file:
            del file["model_weights"]

    @staticmethod
    def no_dataset(path):
        with h5py.File(path, "a") as file:
            del file["model_weights/d1/d1/kernel:0"]

    @staticmethod
    def no_layer(path):
        with h5py.File(path, "a") as file:
            del file["model_weights/d1"]

    @staticmethod
    def no_slot(path):
        with h5py.File(path, "a") as file:
            del file["optimizer_weights/Adam/m/d0/kernel:0"]

    @staticmethod
    def text_for_numbers(path):
        with h5py.File(path, "a") as file:
            del file["model_weights/d1/d1/bias:0"]
            file["model_weights/d1/d1/bias:0"] = ["one", "two"]

    @staticmethod
    def wrong_shape(path):
        with h5py.File(path, "a") as file:
            del file["model_weights/d1/d1/bias:0"]
            file["model_weights/d1/d1/bias:0"] = np.zeros(7, "float32")

    @staticmethod
    def extra_state_cut(path):
        with h5py.File(path, "a") as file:
            packed = file["saveproof_state/arrays"][()]
            del file["saveproof_state/arrays"]
            file["saveproof_state/arrays"] = packed[:-1]

    @staticmethod
    def unknown_optimized(path):
        with h5py.File(path, "a") as file:
            index = json.loads(file["saveproof_state"].attrs["index"])
            file["saveproof_state"].attrs["index"] = json.dumps({**index, "optimized": [99]})

    @staticmethod
    def no_optimizer(path):
        with h5py.File(path, "a") as file:
            file.attrs["training_config"] = '{"loss": "mse"}'

    @staticmethod
    def keras_1(path):
        with h5py.File(path, "a") as file:
            file["model_weights"].attrs["keras_version"] = "1.2.0"


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (Damage.cut_short, UnreadableFile, "truncated"),
        (Damage.not_hdf5, UnreadableFile, "not an HDF5 file"),
        (Damage.no_config, MissingPart, "no model_config"),
        (Damage.config_not_json, WrongPart, "'model_config': not JSON"),
        (Damage.no_weights, MissingPart, "no group 'model_weights'"),
        (Damage.no_dataset, MissingPart, "no dataset 'model_weights/d1/d1/kernel:0'"),
        (Damage.no_layer, MissingPart, "no group 'model_weights/d1'"),
        (Damage.no_slot, MissingPart, "no dataset 'optimizer_weights/Adam/m/d0/kernel:0'"),
        (Damage.text_for_numbers, WrongPart, "expected numbers"),
        (Damage.wrong_shape, WeightsMismatch, r"'d1/bias:0': expected shape \(2,\).*\(7,\)"),
        (Damage.extra_state_cut, WrongPart, "saveproof_state/arrays"),
        (Damage.unknown_optimized, OptimizerMismatch, "below 4, found"),
        (Damage.no_optimizer, MalformedEntry, "no optimizer_config"),
        (Damage.keras_1, WrongPart, "Keras 1"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, damage, error, message):
    model = dense(3, 2)
    model.compile("adam", "mse")
    model.train_on_batch(X[:, :, 0], Y)
    model.save(tmp_path / "m.h5")
    damage(tmp_path / "m.h5")

    with pytest.raises(error, match=message) as caught:
        keras.models.load_model(tmp_path / "m.h5")
    assert caught.value.args


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        keras.models.load_model(tmp_path / "none.h5")
    with pytest.raises(MissingPart, match="not a SavedModel"):
        keras.models.load_model(tmp_path)
    (tmp_path / "m.keras").write_bytes(b"PK\3\4rest")
    with pytest.raises(UnreadableFile, match="not a complete zip file"):
        keras.models.load_model(tmp_path / "m.keras")
    (tmp_path / "c.index").touch()
    with pytest.raises(UnreadableFile, match="checkpoint"):
        dense(2).load_weights(tmp_path / "c")


def test_a_file_of_weights_is_no_model(tmp_path):
    dense(2).save_weights(tmp_path / "w.h5")

    with pytest.raises(MissingPart, match=r"no model_config.*load_weights"):
        keras.models.load_model(tmp_path / "w.h5")


def test_custom_losses_and_metrics_come_back_from_custom_objects(tmp_path):
    def far(y_true, y_pred):
        return keras.losses.mean_squared_error(y_true, y_pred) * 3.0

    model = dense(3, 2)
    model.compile("sgd", far, metrics=[far])
    model.train_on_batch(X[:, :, 0], Y)
    model.save(tmp_path / "m.h5")

    with pytest.raises(ValueError, match="'far'"):
        keras.models.load_model(tmp_path / "m.h5")
    loaded = keras.models.load_model(tmp_path / "m.h5", custom_objects={"far": far})
    assert loaded.train_on_batch(X[:, :, 0], Y) == model.train_on_batch(X[:, :, 0], Y)


def test_a_registered_layer_needs_no_custom_objects(tmp_path):
    @keras.utils.register_keras_serializable(package="saveproof")
    class Halved(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 0.5

    try:
        keras.Sequential([Halved(input_shape=(4,))]).save(tmp_path / "m.h5")
        loaded = keras.models.load_model(tmp_path / "m.h5")
    finally:
        del keras.utils.get_custom_objects()["saveproof>Halved"]

    assert isinstance(loaded.layers[0], Halved)


def test_a_custom_layer_is_asked_for_by_name(tmp_path):
    class Twice(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 2.0

    keras.Sequential([Twice(name="t", input_shape=(4,))]).save(tmp_path / "m.h5")
    shutil.copy(tmp_path / "m.h5", tmp_path / "n.h5")

    with pytest.raises(UnknownLayer, match="layer 't': unknown class 'Twice'"):
        keras.models.load_model(tmp_path / "m.h5")
    loaded = keras.models.load_model(tmp_path / "n.h5", custom_objects={"Twice": Twice})
    np.testing.assert_array_equal(loaded.predict(X[:, :, 0]), X[:, :, 0].repeat(1, 0) * 2)
