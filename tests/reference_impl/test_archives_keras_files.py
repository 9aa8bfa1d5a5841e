"""Archives and `.weights.h5` that tf_keras and Keras 3 wrote and the reference reads, and back."""

import numpy as np
import pytest

from saveproof import reference_impl as reference

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(12, 4)).astype("float32")
Y = RANDOM.normal(size=(12, 2)).astype("float32")
V = RANDOM.normal(size=(12, 3)).astype("float32")


@pytest.fixture(scope="module", params=["keras", "tf_keras"])
def framework(request):
    """The dialect's name, and whose it is."""
    return request.param, pytest.importorskip(request.param)


def chain(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(5, activation="relu", kernel_regularizer="l2", name="hidden"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.0),
            layers.Dense(2, name="out"),
        ],
        name="chain",
    )


def shared(keras):
    layers = keras.layers
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    dense = layers.Dense(3, name="shared", activation="tanh")
    joined = layers.Add(name="sum")([dense(left), dense(right)])
    outputs = [layers.Dense(2, name="head")(joined), layers.Dense(3, name="tail")(joined)]
    return keras.Model([left, right], outputs, name="m")


def nested(keras):
    layers = keras.layers
    inside = keras.Input((3,), name="inside")
    inner = keras.Model(inside, layers.Dense(3, name="in0", activation="tanh")(inside), name="in")
    stack = keras.Sequential([layers.Dense(3, name="s0"), layers.Dense(3, name="s1")], name="st")
    given = keras.Input((4,), name="given")
    first = layers.Dense(3, name="first")(given)
    last = layers.Dense(2, name="last")(stack(inner(inner(first))))
    return keras.Model(given, last, name="nested")


def sequence(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((5,)),
            layers.Embedding(60, 4, name="words"),
            layers.GRU(3, return_sequences=True, name="gru"),
            layers.LSTM(3, return_sequences=True, name="lstm", recurrent_regularizer="l1"),
            layers.SimpleRNN(3, go_backwards=True),
            layers.LayerNormalization(name="layer_norm"),
            layers.Dense(2, kernel_constraint="max_norm"),
        ],
        name="sequence",
    )


def image(keras):
    layers = keras.layers
    given = keras.Input((6, 5, 2), name="given")
    x = layers.Conv2D(3, 3, padding="same", strides=(2, 1), activation="relu")(given)
    x = layers.Reshape((-1, 3))(layers.MaxPooling2D((1, 2))(x))
    x = layers.Conv1D(4, 2, padding="causal", dilation_rate=2)(x)
    x = layers.Concatenate()([x, layers.Activation("tanh")(x)])
    x = layers.LayerNormalization(axis=[1, 2])(layers.Multiply()([x, x]))
    return keras.Model(given, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)), name="image")


MODELS = {
    "chain": chain,
    "shared": shared,
    "nested": nested,
    "sequence": sequence,
    "image": image,
}
# No word comes twice: Keras 3 on TensorFlow squares a word's gradients before it adds them up.
DATA = {
    "shared": ([X, X[::-1].copy()], [Y, V]),
    "sequence": (RANDOM.permutation(60).reshape(12, 5), Y),
    "image": (RANDOM.normal(size=(12, 6, 5, 2)).astype("float32"), Y),
}

OPTIMIZERS = {
    "sgd": ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "clipnorm": 0.5}),
    "plain": ("SGD", {"learning_rate": 0.1}),
    "average": ("SGD", {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.7}),
    "rmsprop": ("RMSprop", {"learning_rate": 0.01, "momentum": 0.5, "centered": True}),
    "adam": ("Adam", {"learning_rate": 0.01, "amsgrad": True}),
    "adamw": ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.1}),
    "adamax": ("Adamax", {"learning_rate": 0.02}),
    "adagrad": ("Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.3}),
    "adadelta": ("Adadelta", {"learning_rate": 0.5, "global_clipnorm": 1.0}),
    "nadam": ("Nadam", {"learning_rate": 0.01}),
    "lion": ("Lion", {"learning_rate": 0.001}),
    "adafactor": ("Adafactor", {"learning_rate": 0.05}),
    "ftrl": ("Ftrl", {"learning_rate": 0.05, "l2_regularization_strength": 0.1}),
    "scheduled": ("SGD", {"learning_rate": None}),
}

CASES = [(kind, "adam") for kind in MODELS] + [("chain", name) for name in OPTIMIZERS]


def compiled(keras, kind, name):
    class_name, arguments = OPTIMIZERS[name]
    if arguments["learning_rate"] is None:
        rate = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5, staircase=True)
        arguments = {"learning_rate": rate, "momentum": 0.9}
    model = MODELS[kind](keras)
    several = kind == "shared"
    eager = {} if keras is reference else {"run_eagerly": True}
    model.compile(
        getattr(keras.optimizers, class_name)(**arguments),
        loss=["mse", keras.losses.MeanAbsoluteError()] if several else "mse",
        loss_weights=[0.3, 2.0] if several else None,
        metrics=[["mae"], [keras.metrics.MeanSquaredError(name="q")]] if several else ["mae"],
        **eager,
    )
    return model


def train(model, kind, steps):
    for _ in range(steps):
        model.train_on_batch(*DATA.get(kind, (X, Y)))


def outputs(keras, model, kind):
    quiet = {} if keras is reference else {"verbose": 0}
    found = model.predict(DATA.get(kind, (X, Y))[0], **quiet)
    return [
        np.asarray(output) for output in (found if isinstance(found, list | tuple) else [found])
    ]


def assert_continues_alike(one, other, kind):
    """Hold two models, each with its module, to the same outputs, now and after three steps."""
    for steps, tolerance in ((0, 1e-5), (3, 2e-3)):
        for keras, model in (one, other):
            del keras
            train(model, kind, steps)
        for expected, found in zip(outputs(*one, kind), outputs(*other, kind), strict=True):
            np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def known_to_part(dialect, name):
    """tf_keras's Nadam forgets its running product: test_optimizers_match_tf_keras has it."""
    return dialect == "tf_keras" and name == "nadam"


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_the_framework_loads_an_archive_and_continues_alike(framework, tmp_path, kind, name):
    dialect, keras = framework
    model = compiled(reference, kind, name)
    train(model, kind, 3)
    model.save(tmp_path / "m.keras", dialect=dialect)
    loaded = keras.models.load_model(str(tmp_path / "m.keras"))

    if known_to_part(dialect, name):
        np.testing.assert_allclose(
            outputs(keras, loaded, kind), outputs(reference, model, kind), atol=1e-5
        )
        return
    assert_continues_alike((reference, model), (keras, loaded), kind)


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_the_reference_loads_an_archive_and_continues_alike(framework, tmp_path, kind, name):
    dialect, keras = framework
    model = compiled(keras, kind, name)
    train(model, kind, 3)
    model.save(str(tmp_path / "m.keras"))
    loaded = reference.models.load_model(tmp_path / "m.keras")

    if known_to_part(dialect, name):
        np.testing.assert_allclose(
            outputs(keras, model, kind), outputs(reference, loaded, kind), atol=1e-5
        )
        return
    assert_continues_alike((keras, model), (reference, loaded), kind)


@pytest.mark.parametrize("kind", MODELS)
def test_weights_and_the_optimizer_s_state_go_both_ways(framework, tmp_path, kind):
    dialect, keras = framework
    ours, theirs = compiled(reference, kind, "adam"), compiled(keras, kind, "adam")
    train(ours, kind, 3)
    ours.save_weights(tmp_path / "ours.weights.h5", dialect=dialect)
    theirs.optimizer.build(theirs.trainable_variables)
    theirs.load_weights(str(tmp_path / "ours.weights.h5"))
    assert_continues_alike((reference, ours), (keras, theirs), kind)

    theirs.save_weights(str(tmp_path / "theirs.weights.h5"))
    fresh = compiled(reference, kind, "adam")
    fresh.load_weights(tmp_path / "theirs.weights.h5")
    assert_continues_alike((keras, theirs), (reference, fresh), kind)


def subclassed(keras):
    class Sub(keras.Model):
        def __init__(self):
            super().__init__()
            self.alpha = keras.layers.Dense(3)
            self.blocks = [keras.layers.Dense(3), keras.layers.Dense(3)]
            self.zed = keras.layers.BatchNormalization()
            self.st = keras.Sequential([keras.layers.Dense(2)])

        def call(self, inputs, training=None):
            x = self.alpha(inputs)
            for block in self.blocks:
                x = block(x)
            return self.st(self.zed(x, training=training))

    model = Sub()
    model.compile("adam", "mse", **({} if keras is reference else {"run_eagerly": True}))
    model.train_on_batch(X, Y)
    return model


def test_weights_of_a_subclassed_model_go_both_ways(framework, tmp_path):
    dialect, keras = framework
    ours, theirs = subclassed(reference), subclassed(keras)
    ours.save_weights(tmp_path / "ours.weights.h5", dialect=dialect)
    theirs.load_weights(str(tmp_path / "ours.weights.h5"))
    assert_continues_alike((reference, ours), (keras, theirs), "chain")

    theirs.save_weights(str(tmp_path / "theirs.weights.h5"))
    fresh = subclassed(reference)
    fresh.load_weights(tmp_path / "theirs.weights.h5")
    assert_continues_alike((keras, theirs), (reference, fresh), "chain")


@pytest.mark.parametrize("kind", [kind for kind in MODELS if kind != "image"])
def test_keras_3_loads_hdf5_in_its_own_words(tmp_path, kind):
    """Its loader builds the optimizer with no variables, in its own files, too.

    Nor can it rebuild a LayerNormalization over several axes from HDF5.
    """
    keras = pytest.importorskip("keras")
    model = compiled(reference, kind, "adam")
    train(model, kind, 3)
    model.save(tmp_path / "m.h5", dialect="keras")
    loaded = keras.models.load_model(tmp_path / "m.h5")

    for ours, theirs in zip(
        outputs(reference, model, kind), outputs(keras, loaded, kind), strict=True
    ):
        np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-5)


def test_keras_3_refuses_the_hard_sigmoid_of_keras_2(tmp_path):
    keras = pytest.importorskip("keras")
    model = reference.Sequential(
        [reference.layers.Dense(2, activation="hard_sigmoid", input_shape=(4,))]
    )
    model.save(tmp_path / "m.keras")

    with pytest.raises(Exception, match="keras_2_hard_sigmoid"):
        keras.models.load_model(tmp_path / "m.keras")
    clipped = {"keras_2_hard_sigmoid": lambda x: keras.ops.clip(0.2 * x + 0.5, 0, 1)}
    loaded = keras.models.load_model(tmp_path / "m.keras", custom_objects=clipped)
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X), atol=1e-6)
