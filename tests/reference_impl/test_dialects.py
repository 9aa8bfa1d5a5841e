"""What one dialect says of a model, and what comes of it in the other's form."""

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.layers.serialization import deserialize_layer
from saveproof.reference_impl.numerics.autodiff import Variable
from saveproof.reference_impl.saving.dialects.dialect import Dialect, dialect_of_entry
from saveproof.reference_impl.saving.dialects.entries import EntryForm, entry_of, read_entry
from saveproof.reference_impl.saving.dialects.training import compile_config
from saveproof.reference_impl.saving.model_state.optimizer_lists import (
    OptimizerMismatch,
    optimizer_list,
    unlisted,
    values_by_variable,
)
from saveproof.reference_impl.state import NamedArray

layers, optimizers = keras.layers, keras.optimizers
X = np.random.default_rng(1).normal(size=(6, 4)).astype("float32")
Y = np.random.default_rng(2).normal(size=(6, 2)).astype("float32")


def everything():
    """A model with every layer of the round that has an argument of its own in a dialect."""
    form = keras.Input((5,), name="form")
    image = keras.Input((4, 4, 2), name="image")
    x = layers.Embedding(7, 3, input_length=5)(form)
    x = layers.GRU(3, return_sequences=True, recurrent_dropout=0.1)(x)
    x = layers.LSTM(3, return_sequences=True, unroll=True)(x)
    x = layers.LayerNormalization(axis=[1, 2])(layers.Conv1D(3, 2, padding="causal")(x))
    x = layers.SimpleRNN(3)(x)
    y = layers.BatchNormalization(axis=-1)(layers.Conv2D(3, 2)(image))
    y = layers.GlobalAveragePooling2D()(layers.MaxPooling2D(2)(y))
    inner = keras.Sequential([layers.Dense(3, activation="tanh", input_shape=(3,))], name="inner")
    joined = layers.Add()([inner(x), inner(y)])
    return keras.Model([form, image], layers.Dense(2, dtype="mixed_bfloat16")(joined), name="m")


def keys(entry, found=None):
    found = set() if found is None else found
    if isinstance(entry, dict):
        found |= set(entry)
        for value in entry.values():
            keys(value, found)
    if isinstance(entry, list | tuple):
        for value in entry:
            keys(value, found)
    return found


@pytest.mark.parametrize("whole", [True, False])
def test_an_entry_for_keras_3_has_no_key_that_any_of_its_releases_lacks(whole):
    found = keys(entry_of(everything(), EntryForm(Dialect.KERAS, with_module=whole)))

    assert not found & {"batch_input_shape", "time_major", "implementation", "input_length"}
    assert not found & {"ragged", "optional", "quantization_config", "synchronized", "input_axes"}
    assert {"batch_shape", "keras_history", "args", "kwargs"} <= found
    assert "'Orthogonal'" not in str(
        entry_of(everything(), EntryForm(Dialect.KERAS, with_module=whole))
    )
    assert (
        "registered_name" in entry_of(everything(), EntryForm(Dialect.KERAS, with_module=whole))
    ) == whole


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("whole", [True, False])
def test_a_model_comes_back_from_its_entry_in_either_dialect(dialect, whole):
    model = everything()
    entry = entry_of(model, EntryForm(dialect, with_module=whole))
    assert dialect_of_entry(entry) is dialect

    found = deserialize_layer(read_entry(entry, dialect))

    assert [w.shape for w in found.weights] == [w.shape for w in model.weights]
    assert [layer.name for layer in found.flatten_layers()] == [
        layer.name for layer in model.flatten_layers()
    ]
    found.set_weights(model.get_weights())
    data = [np.ones((2, 5), "int32"), np.ones((2, 4, 4, 2), "float32")]
    np.testing.assert_array_equal(found.predict(data), model.predict(data))


def test_keras_3_s_hard_sigmoid_is_another_function_than_keras_2_s():
    entry = {
        "class_name": "Sequential",
        "config": {
            "name": "m",
            "layers": [
                {"class_name": "InputLayer", "config": {"batch_shape": [None, 2], "name": "i"}},
                {"class_name": "Activation", "config": {"activation": "hard_sigmoid"}},
            ],
        },
    }
    x = np.array([[1.0, -4.0]], "float32")
    found = keras.models.model_from_config(entry)

    np.testing.assert_allclose(found.predict(x), [[1 / 6 + 0.5, 0]], rtol=1e-6)
    again = entry_of(found, EntryForm(Dialect.KERAS))
    assert again["config"]["layers"][1]["config"]["activation"] == "hard_sigmoid"


def test_keras_2_s_hard_sigmoid_has_a_name_that_keras_3_refuses_and_we_read():
    model = keras.Sequential([layers.Activation("hard_sigmoid", input_shape=(2,))])
    entry = entry_of(model, EntryForm(Dialect.KERAS))
    activation = entry["config"]["layers"][1]["config"]["activation"]
    x = np.array([[1.0, -4.0]], "float32")

    assert activation["registered_name"] == "keras_2_hard_sigmoid"
    found = deserialize_layer(read_entry(entry, Dialect.KERAS))
    np.testing.assert_array_equal(found.predict(x), model.predict(x))


OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.1, momentum=0.9),
    "plain": lambda: optimizers.SGD(0.1),
    "plain average": lambda: optimizers.SGD(0.1, use_ema=True),
    "scheduled": lambda: optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
    "rmsprop": lambda: optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "adam": lambda: optimizers.Adam(0.01, amsgrad=True),
    "average": lambda: optimizers.AdamW(0.01, use_ema=True),
    "adamax": lambda: optimizers.Adamax(0.02),
    "nadam": lambda: optimizers.Nadam(0.01),
    "nadam average": lambda: optimizers.Nadam(0.01, use_ema=True),
    "adagrad": lambda: optimizers.Adagrad(0.1),
    "adadelta": lambda: optimizers.Adadelta(0.5),
    "lion": lambda: optimizers.Lion(0.01),
    "adafactor": lambda: optimizers.Adafactor(0.05),
    "adafactor average": lambda: optimizers.Adafactor(0.05, use_ema=True),
    "ftrl": lambda: optimizers.Ftrl(0.05),
}


def trained(optimizer):
    model = keras.Sequential([layers.Dense(3, input_shape=(4,)), layers.Dense(2)])
    model.compile(optimizer, "mse")
    for _ in range(2):
        model.train_on_batch(X, Y)
    return model.optimizer


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_s_list_comes_back_from_either_dialect(name, dialect):
    optimizer = trained(OPTIMIZERS[name]())
    arrays = optimizer_list(optimizer, dialect)
    found = values_by_variable(optimizer, arrays, unlisted(optimizer, dialect))

    assert set(found) >= set(optimizer.variables)
    for variable, array in found.items():
        np.testing.assert_array_equal(variable.value, array.value)


def test_nadam_s_list_of_keras_3_4_is_read_too():
    """It has the running product before the slots."""
    optimizer = trained(optimizers.Nadam(0.01))
    first, rate, *slots, product = optimizer_list(optimizer, Dialect.KERAS)
    found = values_by_variable(optimizer, [first, rate, product, *slots], {})

    assert found[optimizer.variables[1]] is slots[0]
    assert found[optimizer.extra_state["_u_product"]] is product


def test_a_list_that_means_different_things_by_two_layouts_is_refused():
    """Of one weight of a single number: the product of momenta may be first or last."""
    optimizer = optimizers.Nadam(0.01)
    optimizer.build([Variable(np.zeros((), "float32"), name="w:0")])
    arrays = [NamedArray(str(place), np.zeros(())) for place in range(5)]

    with pytest.raises(OptimizerMismatch, match=r"match \['Keras 3', 'Keras 3\.0 to"):
        values_by_variable(optimizer, arrays, {})


def test_a_list_of_neither_dialect_is_refused():
    optimizer = trained(optimizers.Adam(0.01))

    with pytest.raises(OptimizerMismatch, match=r"found \[\(3,\)\]"):
        values_by_variable(optimizer, [NamedArray("0", np.zeros(3))], {})


def test_compile_settings_for_keras_3_have_its_words():
    given = keras.Input((4,))
    outputs = [layers.Dense(2, name=name)(given) for name in ("a", "a_1")]
    model = keras.Model(given, outputs)
    model.compile(
        optimizers.Adam(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
        ["mse", keras.losses.Huber(0.4)],
        metrics=[["mae"], [keras.metrics.MeanSquaredError(name="q")]],
    )
    model.train_on_batch(X, [Y, Y])

    found = compile_config(model.compiled, Dialect.KERAS)
    assert found["loss"][0] == "mse"
    assert found["loss"][1]["config"]["reduction"] == "sum_over_batch_size"
    assert "fn" not in found["loss"][1]["config"]
    assert found["metrics"][1][0]["config"]["name"] == "q"
    optimizer = found["optimizer"]["config"]
    assert not {"jit_compile", "is_legacy_optimizer"} & set(optimizer)
    assert "name" not in optimizer["learning_rate"]["config"]
    plain = compile_config(model.compiled, Dialect.KERAS, with_module=False)
    assert plain["loss"][0] == "mean_squared_error"


@pytest.mark.parametrize("name", ["m", "m.h5", "m.keras"])
def test_an_unknown_dialect_is_refused_by_every_format(tmp_path, name):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])

    with pytest.raises(ValueError, match="keras_4"):
        model.save(tmp_path / name, dialect="keras_4")
    with pytest.raises(ValueError, match="keras_4"):
        model.save_weights(tmp_path / name, dialect="keras_4")

    assert list(tmp_path.iterdir()) == []
