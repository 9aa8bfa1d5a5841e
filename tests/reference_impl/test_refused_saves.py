"""What can't be saved is refused by its layer and argument; the file that is there stays."""

import functools
import logging
import pathlib

import h5py
import ml_dtypes
import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.configuration import UnnamedObject
from saveproof.reference_impl.layers.arguments import LayerArgumentError
from saveproof.reference_impl.layers.stated import Unserializable
from saveproof.reference_impl.saving.format import FormatNotOffered
from saveproof.reference_impl.saving.model_state.restore import WeightsMismatch
from saveproof.reference_impl.targets import NotAFileName

X = np.random.default_rng(14).normal(size=(4, 3)).astype("float32")
NAMES = ("m.h5", "m.keras", "saved_model")


class Holding(keras.layers.Layer):
    def __init__(self, held=None, **kwargs):
        super().__init__(**kwargs)
        self.held = held

    def call(self, inputs):
        return inputs

    def get_config(self):
        return {**super().get_config(), "held": self.held}


class Unstated(Holding):
    def get_config(self):
        raise NotImplementedError


class Nothing(Holding):
    def get_config(self):
        return None


def doubled(x):
    return x * 2.0


def around(layer):
    given = keras.Input((3,))
    return keras.Model(given, keras.layers.Dense(2)(keras.Sequential([layer])(given)))


def save_over(model, target):
    """Save where a good file is, and assert that this stays if the save is refused."""
    good = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    good.save(target)
    before = {file: file.read_bytes() for file in target.parent.rglob("*") if file.is_file()}
    try:
        model.save(target)
    finally:
        after = {file: file.read_bytes() for file in target.parent.rglob("*") if file.is_file()}
        assert after == before


HELD = {
    "set": ({1}, r"\['held'\]: expected .* found \{1\} of type set"),
    "bytes": (b"a", r"\['held'\]: expected .* found b'a' of type bytes"),
    "path": (pathlib.Path("x"), r"\['held'\]: expected .* found PosixPath\('x'\) of type"),
    "lambda": (lambda x: x, r"\['held'\]: expected .*a function with a name.*found <func"),
    "class": (int, r"\['held'\]: expected .* found <class 'int'> of type type"),
    "deep": ({"a": [1, {"b": 1j}]}, r"\['held'\]\['a'\]\[1\]\['b'\]: expected .* found 1j"),
}


@pytest.mark.parametrize(("held", "message"), HELD.values(), ids=HELD)
@pytest.mark.parametrize("name", NAMES)
def test_what_no_file_holds_is_refused_by_its_place(tmp_path, held, message, name):
    model = around(Holding(held, name="mine"))

    with pytest.raises(Unserializable, match=rf"layer 'mine' \(Holding\): get_config\(\){message}"):
        save_over(model, tmp_path / name)
    with pytest.raises(Unserializable, match="layer 'mine'"):
        model.to_json()


def test_a_configuration_that_holds_itself_is_refused(tmp_path):
    held = []
    layer = Holding(name="mine")
    model = around(layer)
    object.__setattr__(layer, "held", held)
    held.append(held)

    with pytest.raises(Unserializable, match=r"layer 'mine'.*found a container that holds itself"):
        model.save(tmp_path / "m.h5")


ARGUMENTS = {
    "activation": functools.partial(keras.activations.relu),
    "kernel_regularizer": functools.partial(doubled),
    "kernel_initializer": functools.partial(np.zeros),
}


@pytest.mark.parametrize("argument", ARGUMENTS)
@pytest.mark.parametrize("name", NAMES)
def test_an_argument_without_a_name_is_refused_by_its_layer(tmp_path, argument, name):
    model = around(keras.layers.Dense(2, name="mine", **{argument: ARGUMENTS[argument]}))
    kind = argument.removeprefix("kernel_")

    with pytest.raises(Unserializable, match=rf"layer 'mine' \(Dense\): {kind}: .* partial"):
        save_over(model, tmp_path / name)


@pytest.mark.parametrize("name", NAMES)
def test_compile_settings_that_no_file_holds_are_refused(tmp_path, name):
    model = around(Holding())
    model.compile("sgd", functools.partial(keras.losses.mean_squared_error))
    with pytest.raises(UnnamedObject, match=r"loss: expected .* found functools\.partial"):
        save_over(model, tmp_path / name)
    model.compile("sgd", "mean_squared_error", loss_weights={1})
    with pytest.raises(Unserializable, match=r"\['loss_weights'\]: expected .* found \{1\}"):
        save_over(model, tmp_path / name)

    model.save(tmp_path / name, include_optimizer=False)


@pytest.mark.parametrize("name", ["m.h5", "m.keras"])
def test_a_configuration_that_is_none_is_refused_by_its_layer(tmp_path, name):
    with pytest.raises(Unserializable, match=r"layer 'mine' \(Nothing\): .*dictionary, found None"):
        save_over(around(Nothing(name="mine")), tmp_path / name)
    with pytest.raises(NotImplementedError, match=r"layer 'mine' \(Unstated\): get_config\(\) is"):
        save_over(around(Unstated(name="mine")), tmp_path / name)


@pytest.mark.parametrize("name", NAMES)
def test_functions_and_objects_in_a_configuration_are_written_as_tf_keras_does(tmp_path, name):
    zeros = keras.initializers.Zeros()
    around(Holding([doubled, zeros], name="mine")).save(tmp_path / name)

    loaded = keras.models.load_model(tmp_path / name, {"Holding": Holding})

    held = loaded.layers[1].layers[0].held
    assert held == ["doubled", {"class_name": "Zeros", "config": {}}]


def test_an_open_file_is_no_target(tmp_path):
    model = around(Holding())
    with h5py.File(tmp_path / "open.h5", "w") as opened:
        for doing in (model.save, model.save_weights, model.load_weights, keras.models.load_model):
            with pytest.raises(NotAFileName, match=r"the name of a file.*type File.*its name"):
                doing(opened)


def test_a_checkpoint_that_asks_for_an_unknown_log_does_not_end_the_training(tmp_path, caplog):
    model = around(Holding())
    model.compile("sgd", "mean_squared_error")
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}-{val_loss:.2f}.h5")

    with caplog.at_level(logging.WARNING):
        history = model.fit(X, X[:, :2], epochs=2, callbacks=[checkpoint])

    first, *others = [record.getMessage() for record in caplog.records]
    assert "contains ['val_loss'], which only validation provides: pass validation_data" in first
    assert len(others) == 2
    assert (
        "expected fields of ['epoch', 'loss'], found KeyError: 'val_loss'; not saved" in others[0]
    )
    assert len(history.epoch) == 2
    caplog.clear()
    model.fit(X, X[:, :2], validation_data=(X, X[:, :2]), callbacks=[checkpoint])
    assert caplog.records == []
    assert [file.suffix for file in tmp_path.iterdir()] == [".h5"]


def stack(units, dtype=None):
    layers = [keras.layers.Dense(4, name="first", dtype=dtype)]
    layers += [keras.layers.Dense(units, name="last", dtype=dtype)]
    model = keras.Sequential([keras.Input((3,)), *layers])
    model.compile("adam", "mean_squared_error")
    return model


@pytest.mark.parametrize("name", ["w.weights.h5", "m.keras", "w.h5"])
def test_layers_that_do_not_fit_are_left_if_asked_for(tmp_path, caplog, name):
    model, other = stack(2), stack(5)
    model.fit(X, X[:, :2])
    (model.save if name == "m.keras" else model.save_weights)(tmp_path / name)
    by_name = name == "w.h5"
    kept = other.layers[1].get_weights()
    with pytest.raises(WeightsMismatch):
        other.load_weights(tmp_path / name, by_name=by_name)

    with caplog.at_level(logging.WARNING):
        other.load_weights(tmp_path / name, by_name=by_name, skip_mismatch=True)

    np.testing.assert_equal(other.layers[0].get_weights(), model.layers[0].get_weights())
    np.testing.assert_equal(other.layers[1].get_weights(), kept)
    assert "not loaded: layer 'last': weight 'last/kernel:0'" in caplog.text


def test_layers_that_are_paired_in_order_are_not_skipped(tmp_path):
    model = stack(2)
    for name, message in (("w.h5", "requires by_name=True"), ("checkpoint", "is only for HDF5")):
        model.save_weights(tmp_path / name)
        with pytest.raises(FormatNotOffered, match=message):
            model.load_weights(tmp_path / name, skip_mismatch=True)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64"])
@pytest.mark.parametrize("name", ["w.weights.h5", "w.h5", "m.keras"])
def test_bfloat16_comes_into_every_dtype(tmp_path, dtype, name):
    model, other = stack(2, "bfloat16"), stack(2, dtype)
    model.fit(X, X[:, :2])
    (model.save if name == "m.keras" else model.save_weights)(tmp_path / name)

    other.load_weights(tmp_path / name)

    variables = [*model.weights, *(() if name == "w.h5" else model.optimizer.variables)]
    taken = [*other.weights, *(() if name == "w.h5" else other.optimizer.variables)]
    for found, expected in zip(taken, variables, strict=True):
        np.testing.assert_equal(found.value, expected.value.astype(found.value.dtype))


@pytest.mark.parametrize("name", NAMES)
def test_a_model_of_bfloat16_resumes_exactly(tmp_path, name):
    model = stack(2, "bfloat16")
    model.fit(X, X[:, :2])
    model.save(tmp_path / name)

    loaded = keras.models.load_model(tmp_path / name)

    assert loaded.weights[0].value.dtype == ml_dtypes.bfloat16
    losses = [one.train_on_batch(X, X[:, :2]) for one in (loaded, model) * 2]
    np.testing.assert_equal(losses[::2], losses[1::2])


def test_layers_are_asked_for_by_a_name_or_an_index():
    model = stack(2)

    assert model.get_layer(index=1) is model.get_layer("last") is model.layers[1]
    with pytest.raises(ValueError, match="an index below 2, the number of layers, found 7"):
        model.get_layer(index=7)
    with pytest.raises(ValueError, match="expected a name or an index, found name=None"):
        model.get_layer()


def test_names_and_flags_of_other_types_are_refused():
    with pytest.raises(TypeError, match="Dense: name: expected a string, found 3"):
        keras.layers.Dense(2, name=3)
    with pytest.raises(TypeError, match="Dense: trainable: expected True or False, found 'no'"):
        keras.layers.Dense(2, trainable="no")
    assert keras.layers.Dense(2, trainable=np.bool_(False)).trainable is False


def test_arguments_of_other_types_are_refused():
    given = keras.Input((3,))
    with pytest.raises(LayerArgumentError, match=r"axis: expected an integer .* found 0\.5"):
        keras.layers.LayerNormalization(axis=0.5)
    with pytest.raises(ValueError, match="AdamW: weight_decay: expected a number, found None"):
        keras.optimizers.AdamW(weight_decay=None)
    with pytest.raises(ValueError, match="expected shape or batch_shape, found shape="):
        keras.Input((3,), batch_shape=(2, 3))
    with pytest.raises(ValueError, match="expected each input once"):
        keras.Model([given, given], keras.layers.Dense(1)(given))
    assert keras.Input(10).shape == (None, 10)
    assert len(keras.Sequential(keras.layers.Dense(2)).layers) == 1


def test_a_class_that_does_not_begin_is_told_to():
    class Layer(keras.layers.Layer):
        def __init__(self):
            self.units = 3

    class Model(keras.Model):
        def __init__(self):
            self.last = keras.layers.Dense(2)

    with pytest.raises(RuntimeError, match=r"Layer: call super\(\)"):
        Layer()(X)
    with pytest.raises(RuntimeError, match=r"Model: call super\(\)"):
        Model()


def test_the_lines_of_a_summary_go_where_they_are_asked_for():
    lines = []

    stack(2).summary(print_fn=lines.append)

    assert lines[1:] == [
        "first (Dense): 16 parameters",
        "last (Dense): 10 parameters",
        "Total params: 26",
    ]
