"""Files that tf_keras wrote and the reference reads, and the other way round."""

import numpy as np
import pytest

from saveproof import reference_impl as reference

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(12, 4)).astype("float32")
Z = RANDOM.normal(size=(12, 3)).astype("float32")
Y = RANDOM.normal(size=(12, 2)).astype("float32")
V = RANDOM.normal(size=(12, 3)).astype("float32")


@pytest.fixture(scope="module")
def tf_keras():
    return pytest.importorskip("tf_keras")


def chain(keras):
    return keras.Sequential(
        [
            keras.layers.Dense(
                5, activation="relu", kernel_regularizer="l2", input_shape=(4,), name="hidden"
            ),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Dropout(0.0),
            keras.layers.Dense(2, name="out"),
        ],
        name="chain",
    )


def shared(keras):
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    dense = keras.layers.Dense(3, name="shared", activation="tanh")
    joined = keras.layers.Add(name="sum")([dense(left), dense(right)])
    other = keras.layers.Dense(2, name="head")(joined)
    return keras.Model([left, right], [other, keras.layers.Dense(3, name="tail")(joined)], name="m")


def nested(keras):
    inside = keras.Input((3,), name="inside")
    block = keras.layers.BatchNormalization(name="bn")(keras.layers.Dense(3, name="in0")(inside))
    inner = keras.Model(inside, block, name="inner")
    stack = keras.Sequential([keras.layers.Dense(3, name="s0"), keras.layers.Dense(3, name="s1")])
    given = keras.Input((4,), name="given")
    first = keras.layers.Dense(3, name="first")(given)
    return keras.Model(given, keras.layers.Dense(2, name="last")(stack(inner(inner(first)))))


def sequence(keras):
    return keras.Sequential(
        [
            keras.layers.Embedding(7, 4, input_length=5, name="words"),
            keras.layers.GRU(3, return_sequences=True, name="gru"),
            keras.layers.LSTM(3, name="lstm", recurrent_regularizer="l1"),
            keras.layers.LayerNormalization(name="layer_norm"),
            keras.layers.Dense(2, kernel_constraint="max_norm"),
        ]
    )


def image(keras):
    given = keras.Input((6, 5, 2), name="given")
    x = keras.layers.Conv2D(3, 3, padding="same", strides=(2, 1), activation="relu")(given)
    x = keras.layers.MaxPooling2D((1, 2))(x)
    x = keras.layers.Reshape((-1, 3))(x)
    x = keras.layers.Conv1D(4, 2, padding="causal", dilation_rate=2)(x)
    x = keras.layers.Concatenate()([x, keras.layers.Activation("tanh")(x)])
    x = keras.layers.Multiply()([x, x])
    return keras.Model(given, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling1D()(x)))


MODELS = {
    "chain": chain,
    "shared": shared,
    "nested": nested,
    "sequence": sequence,
    "image": image,
}
DATA = {
    "shared": ([X, X[::-1].copy()], [Y, V]),
    "sequence": (RANDOM.integers(0, 7, (12, 5)), Y),
    "image": (RANDOM.normal(size=(12, 6, 5, 2)).astype("float32"), Y),
}


def data_of(kind):
    return DATA.get(kind, (X, Y))


def compiled(keras, kind, optimizer=None):
    model = MODELS[kind](keras)
    several = kind == "shared"
    model.compile(
        optimizer or keras.optimizers.Adam(0.01, amsgrad=True),
        loss=["mse", "mae"] if several else "mse",
        loss_weights=[0.3, 2.0] if several else None,
        metrics=[["mae"], ["mse"]] if several else ["mae"],
    )
    return model


def trained(keras, kind, optimizer=None):
    model = compiled(keras, kind, optimizer)
    for _ in range(3):
        model.train_on_batch(*data_of(kind))
    return model


def trajectory(model, kind):
    return [model.train_on_batch(*data_of(kind)) for _ in range(4)]


@pytest.mark.parametrize("kind", MODELS)
def test_tf_keras_loads_a_reference_file_and_continues_alike(tf_keras, tmp_path, kind):
    model = trained(reference, kind)
    model.save(tmp_path / "m.h5")

    loaded = tf_keras.models.load_model(str(tmp_path / "m.h5"))

    for ours, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(trajectory(model, kind), trajectory(loaded, kind), rtol=2e-4)


@pytest.mark.parametrize("kind", MODELS)
def test_the_reference_loads_a_tf_keras_file_and_continues_alike(tf_keras, tmp_path, kind):
    model = trained(tf_keras, kind, tf_keras.optimizers.Adam(0.01, amsgrad=True))
    model.save(str(tmp_path / "m.h5"))

    loaded = reference.models.load_model(tmp_path / "m.h5")

    for theirs, ours in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(theirs, ours)
    np.testing.assert_allclose(trajectory(model, kind), trajectory(loaded, kind), rtol=2e-4)


OPTIMIZERS = {
    "sgd": ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "clipnorm": 0.5}),
    "average": ("SGD", {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.7}),
    "rmsprop": ("RMSprop", {"learning_rate": 0.01, "momentum": 0.5, "centered": True}),
    "adamw": ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.1}),
    "adamax": ("Adamax", {"learning_rate": 0.02}),
    "adagrad": ("Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.3}),
    "adadelta": ("Adadelta", {"learning_rate": 0.5, "global_clipnorm": 1.0}),
    "lion": ("Lion", {"learning_rate": 0.001}),
    "adafactor": ("Adafactor", {"learning_rate": 0.05}),
    "ftrl": ("Ftrl", {"learning_rate": 0.05, "l1_regularization_strength": 0.01}),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_goes_both_ways_with_its_state(tf_keras, tmp_path, name):
    class_name, arguments = OPTIMIZERS[name]
    first, second = tmp_path / "1.h5", tmp_path / "2.h5"
    ours = trained(reference, "chain", getattr(reference.optimizers, class_name)(**arguments))
    ours.save(first)
    theirs = tf_keras.models.load_model(str(first))
    theirs.save(str(second))
    again = reference.models.load_model(second)

    for one, other in zip(ours.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one.value, other.value)
    config = again.optimizer.get_config()
    assert {**config, "learning_rate": None} == {
        **ours.optimizer.get_config(),
        "learning_rate": None,
    }
    assert config["learning_rate"] == pytest.approx(arguments["learning_rate"])
    expected = trajectory(theirs, "chain")
    np.testing.assert_allclose(trajectory(again, "chain"), expected, rtol=2e-4)
    np.testing.assert_allclose(trajectory(ours, "chain"), expected, rtol=2e-4)


def test_a_schedule_goes_both_ways(tf_keras, tmp_path):
    rate = reference.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5, staircase=True)
    ours = trained(reference, "chain", reference.optimizers.SGD(rate))
    ours.save(tmp_path / "1.h5")
    theirs = tf_keras.models.load_model(str(tmp_path / "1.h5"))
    theirs.save(str(tmp_path / "2.h5"))
    again = reference.models.load_model(tmp_path / "2.h5")

    assert again.optimizer.schedule.get_config() == rate.get_config()
    np.testing.assert_allclose(trajectory(again, "chain"), trajectory(theirs, "chain"), rtol=2e-4)


@pytest.mark.parametrize("kind", MODELS)
def test_weights_files_go_both_ways(tf_keras, tmp_path, kind):
    ours, theirs = trained(reference, kind), trained(tf_keras, kind)
    ours.save_weights(tmp_path / "ours.h5")
    theirs.save_weights(str(tmp_path / "theirs.h5"))

    fresh = compiled(tf_keras, kind)
    fresh.load_weights(str(tmp_path / "ours.h5"))
    ours.load_weights(tmp_path / "theirs.h5")

    assert not all(
        np.array_equal(one, other)
        for one, other in zip(ours.get_weights(), fresh.get_weights(), strict=True)
    )
    for one, other in zip(theirs.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", MODELS)
def test_weight_and_layer_names_are_those_of_tf_keras(tf_keras, kind):
    tf_keras.backend.clear_session()
    reference.backend.clear_session()
    ours, theirs = trained(reference, kind), trained(tf_keras, kind)

    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    assert ours.metrics_names == theirs.metrics_names


@pytest.mark.parametrize("kind", MODELS)
def test_the_layout_of_a_file_is_that_of_tf_keras(tf_keras, tmp_path, kind):
    import h5py  # noqa: PLC0415 (beside the framework that it is compared through)

    tf_keras.backend.clear_session()
    reference.backend.clear_session()
    trained(reference, kind).save(tmp_path / "ours.h5")
    trained(tf_keras, kind).save(str(tmp_path / "theirs.h5"))

    def layout(path):
        found = {}
        with h5py.File(path) as file:

            def note(name, item):
                kind = (item.shape, item.dtype) if isinstance(item, h5py.Dataset) else "group"
                attributes = {
                    key: (item.attrs.get_id(key).shape, str(item.attrs.get_id(key).dtype))
                    for key in item.attrs
                }
                names = {
                    key: [str(entry) for entry in np.ravel(item.attrs[key])] for key in item.attrs
                }
                found[name] = (kind, attributes, names)

            note("/", file)
            file.visititems(note)
        root = found.pop("/")
        return {key: value for key, value in found.items() if "saveproof" not in key}, root[1]

    assert layout(tmp_path / "ours.h5") == layout(tmp_path / "theirs.h5")


@pytest.mark.parametrize("kind", MODELS)
def test_json_goes_both_ways(tf_keras, kind):
    ours = reference.models.model_from_json(MODELS[kind](tf_keras).to_json())
    theirs = tf_keras.models.model_from_json(MODELS[kind](reference).to_json())

    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    theirs.set_weights(ours.get_weights())
    for one, other in (
        zip(
            np.atleast_1d(ours.predict(data_of(kind)[0])),
            np.atleast_1d(theirs.predict(data_of(kind)[0], verbose=0)),
            strict=True,
        )
        if kind != "shared"
        else zip(
            ours.predict(data_of(kind)[0]), theirs.predict(data_of(kind)[0], verbose=0), strict=True
        )
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_fit_and_evaluate_log_what_tf_keras_logs(tf_keras):
    ours, theirs = compiled(reference, "shared"), compiled(tf_keras, "shared")
    theirs.set_weights(ours.get_weights())
    weights = np.linspace(0.1, 2.0, 12).astype("float32")
    x, y = data_of("shared")

    told = ours.fit(
        x, y, batch_size=5, epochs=2, shuffle=False, sample_weight=weights, validation_data=(x, y)
    )
    expected = theirs.fit(
        x,
        y,
        batch_size=5,
        epochs=2,
        shuffle=False,
        sample_weight=weights,
        validation_data=(x, y),
        verbose=0,
    )

    assert list(told.history) == list(expected.history)
    for name, values in expected.history.items():
        np.testing.assert_allclose(told.history[name], values, rtol=2e-4)
    np.testing.assert_allclose(
        ours.evaluate(x, y, batch_size=5), theirs.evaluate(x, y, batch_size=5, verbose=0), rtol=2e-4
    )


def test_class_weights_weigh_as_in_tf_keras(tf_keras):
    def made(keras):
        model = keras.Sequential([keras.layers.Dense(3, activation="softmax", input_shape=(4,))])
        model.compile(
            "sgd",
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            weighted_metrics=["accuracy"],
        )
        return model

    ours, theirs = made(reference), made(tf_keras)
    theirs.set_weights(ours.get_weights())
    classes, weights = np.arange(12) % 3, {0: 0.5, 1: 3.0, 2: 0.0}

    logs = ours.train_on_batch(X, classes, class_weight=weights, return_dict=True)

    expected = theirs.train_on_batch(X, classes, class_weight=weights, return_dict=True)
    assert list(logs) == list(expected)
    np.testing.assert_allclose(list(logs.values()), list(expected.values()), rtol=1e-5)


def test_freezing_after_compile_counts_from_the_next_compile_as_in_tf_keras(tf_keras):
    ours, theirs = compiled(reference, "chain"), compiled(tf_keras, "chain")
    theirs.set_weights(ours.get_weights())
    for model in (ours, theirs):
        model.train_on_batch(X, Y)
        model.get_layer("hidden").trainable = False
        model.get_layer("norm").trainable = False

    np.testing.assert_allclose(trajectory(ours, "chain"), trajectory(theirs, "chain"), rtol=2e-4)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_activities_and_frozen_weights_are_regularized_as_in_tf_keras(tf_keras):
    def made(keras):
        model = keras.Sequential(
            [
                keras.layers.Dense(3, activity_regularizer="l2", input_shape=(4,)),
                keras.layers.Dense(2, kernel_regularizer="l2"),
            ]
        )
        model.layers[1].trainable = False
        model.compile("sgd", "mse")
        return model

    ours, theirs = made(reference), made(tf_keras)
    theirs.set_weights(ours.get_weights())

    for _ in range(3):
        np.testing.assert_allclose(ours.train_on_batch(X, Y), theirs.train_on_batch(X, Y), 1e-5)


def subclassed(keras):
    class Sub(keras.Model):
        def __init__(self):
            super().__init__()
            self.blocks = [keras.layers.Dense(3), keras.layers.Dense(3)]
            self.normal = keras.layers.BatchNormalization()
            self.stack = keras.Sequential([keras.layers.Dense(2)])

        def call(self, inputs, training=None):
            for block in self.blocks:
                inputs = block(inputs)
            return self.stack(self.normal(inputs, training=training))

    keras.backend.clear_session()
    model = Sub()
    model.compile("adam", "mse")
    model.train_on_batch(X, Y)
    return model


def test_a_subclassed_model_names_its_weights_as_tf_keras_does(tf_keras):
    ours, theirs = subclassed(reference), subclassed(tf_keras)

    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]


def test_weights_of_a_subclassed_model_go_both_ways(tf_keras, tmp_path):
    ours, theirs = subclassed(reference), subclassed(tf_keras)
    ours.save_weights(tmp_path / "ours.h5")
    theirs.save_weights(str(tmp_path / "theirs.h5"))
    expected = [ours.predict(X), theirs.predict(X, verbose=0)]
    ours.load_weights(tmp_path / "theirs.h5")
    theirs.load_weights(str(tmp_path / "ours.h5"))

    np.testing.assert_allclose(theirs.predict(X, verbose=0), expected[0], 1e-4, 1e-6)
    np.testing.assert_allclose(ours.predict(X), expected[1], 1e-4, 1e-6)


@pytest.mark.parametrize("optimizer", ["Adam", "RMSprop", "SGD"])
def test_the_reference_loads_a_keras_3_file_and_continues_alike(tmp_path, optimizer):
    keras = pytest.importorskip("keras")
    given = keras.Input((4,))
    inside = keras.Input((4,))
    inner = keras.Model(inside, keras.layers.Dense(4)(inside))
    dense = keras.layers.Dense(4)
    joined = keras.layers.Add()([inner(given), dense(dense(given))])
    x = keras.layers.LayerNormalization()(keras.layers.BatchNormalization()(joined))
    x = keras.layers.GRU(3)(keras.layers.Reshape((2, 2))(keras.layers.Dropout(0.0)(x)))
    model = keras.Model(given, keras.layers.Dense(2)(x))
    model.compile(getattr(keras.optimizers, optimizer)(0.01), "mse", run_eagerly=True)
    for _ in range(2):
        model.train_on_batch(X, Y)
    model.save(tmp_path / "m.h5")

    loaded = reference.models.load_model(tmp_path / "m.h5")

    np.testing.assert_allclose(loaded.predict(X), model.predict(X, verbose=0), 1e-4, 1e-6)
    assert int(loaded.optimizer.iterations.value) == 2
    np.testing.assert_allclose(trajectory(loaded, "chain"), trajectory(model, "chain"), 2e-4)


def test_tf_keras_loads_a_model_frozen_after_its_first_step(tf_keras, tmp_path):
    model = trained(reference, "chain")
    model.get_layer("out").trainable = False
    model.save(tmp_path / "m.h5")

    theirs = tf_keras.models.load_model(str(tmp_path / "m.h5"))

    assert [w.name for w in theirs.trainable_weights] == [w.name for w in model.trainable_weights]
    np.testing.assert_allclose(theirs.predict(X, verbose=0), model.predict(X), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("file", ["m.h5", "m.keras"])
def test_slots_of_a_layer_that_tf_keras_froze_after_training_come_back(tf_keras, tmp_path, file):
    model = tf_keras.Sequential(
        [tf_keras.Input((3,)), tf_keras.layers.Dense(4), tf_keras.layers.Dense(2)]
    )
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((4, 3)), np.ones((4, 2)))
    model.layers[0].trainable = False
    model.save(str(tmp_path / file))

    found = reference.models.load_model(tmp_path / file).optimizer.variables

    for ours, theirs in zip(found, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours.value, theirs.numpy())
