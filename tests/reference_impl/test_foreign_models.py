"""Subclassed models without get_config that tf_keras saved, brought back by the reference."""

import numpy as np
import pytest

import reference_impl as reference
from reference_impl.serialization import UnknownLayer

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

RANDOM = np.random.default_rng(11)
X = RANDOM.normal(size=(4, 6)).astype("float32")
Y = RANDOM.normal(size=(4, 3)).astype("float32")
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def keras(tf):
    return pytest.importorskip("tf_keras")


def with_call(keras, call, first=None):
    """Return a model that computes this of a layer's output, between two layers."""

    class Written(keras.Model):
        def __init__(self):
            super().__init__(name="written")
            self.first = first or keras.layers.Dense(6, name="first")
            self.last = keras.layers.Dense(3, name="last")

        def call(self, inputs):
            return self.last(call(self.first(inputs)))

    return Written()


def saved(model, folder, x=X, y=Y, *, optimizer="adam", steps=2):
    model.compile(optimizer, "mse")
    for _ in range(steps):
        model.train_on_batch(x, y)
    model.save(folder / "saved", save_format="tf")
    return folder / "saved"


def assert_trains_alike(again, model, x=X, y=Y):
    np.testing.assert_allclose(again.predict(x), model.predict(x, verbose=0), **CLOSE)
    found = [again.train_on_batch(x, y) for _ in range(3)]
    np.testing.assert_allclose(found, [model.train_on_batch(x, y) for _ in range(3)], **CLOSE)


OPERATIONS = {
    "abs": lambda tf, x: tf.abs(x),
    "add": lambda tf, x: x + 1.5 + x,
    "add_n": lambda tf, x: tf.add_n([x, x, x * 2.0]),
    "bias_add": lambda tf, x: tf.nn.bias_add(x, np.arange(6, dtype="f")),
    "batch_matmul": lambda tf, x: tf.matmul(x[:, None] * np.ones((1, 2, 1), "f"), np.ones((1, 6, 2), "f"))[:, 0],
    "broadcast_to": lambda tf, x: x * tf.broadcast_to(tf.constant([2.0]), [6]),
    "cast": lambda tf, x: tf.cast(tf.cast(x, "float64") * 2.0, "float32"),
    "clip": lambda tf, x: tf.clip_by_value(x, -0.3, 0.4),
    "concat": lambda tf, x: tf.concat([x, x * 2.0, x], -1),
    "divide": lambda tf, x: x / (tf.square(x) + 2.0),
    "erf": lambda tf, x: tf.math.erf(x),
    "exp_log": lambda tf, x: tf.math.log(tf.exp(x) + 1.0),
    "expand_dims": lambda tf, x: tf.squeeze(tf.expand_dims(x, -2) * 2.0, [1]),
    "expand_dims_in_front": lambda tf, x: tf.squeeze(tf.expand_dims(x, 1), [-2]),
    "function": lambda tf, x: tf.function(lambda y: y * 3.0)(x),
    "gather": lambda tf, x: x + tf.gather(np.eye(6, dtype="f"), tf.constant([1])),
    "leaky_relu": lambda tf, x: tf.nn.leaky_relu(x),
    "leaky_relu_slope": lambda tf, x: tf.nn.leaky_relu(x, 0.3),
    "matmul": lambda tf, x: tf.matmul(x, np.ones((2, 6), "f"), transpose_b=True),
    "maximum": lambda tf, x: tf.maximum(x, 0.2) + tf.minimum(x, -0.1),
    "mean": lambda tf, x: x - tf.reduce_mean(x, -1, keepdims=True),
    "min_max": lambda tf, x: tf.stack([tf.reduce_min(x, 1), tf.reduce_max(x, [1])], 1),
    "negative": lambda tf, x: -x,
    "pad": lambda tf, x: tf.pad(x, [[0, 0], [1, 2]]) + tf.pad(x, [[0, 0], [2, 1]], constant_values=0.5),
    "pow": lambda tf, x: tf.abs(x) ** 1.5,
    "reciprocal": lambda tf, x: tf.math.reciprocal(x + 9.0),
    "relu6": lambda tf, x: tf.nn.relu6(x * 9.0),
    "reshape": lambda tf, x: tf.reshape(x, [-1, 6]),
    "reshape_by_length": lambda tf, x: tf.reshape(x, [tf.shape(x)[0], 2, 3])[:, 1],
    "reshape_by_part": lambda tf, x: tf.reshape(x, tf.concat([tf.shape(x)[:1], [3, 2]], 0))[..., 0],
    "rsqrt": lambda tf, x: tf.math.rsqrt(tf.square(x) + 1.0),
    "select": lambda tf, x: tf.where(x > 0.1, x, x * 0.5) + tf.where(0.0 >= x, 1.0, 0.0),
    "sigmoid": lambda tf, x: tf.sigmoid(x) * tf.tanh(x) + tf.nn.relu(x),
    "slice": lambda tf, x: x[:, 1:-1:2] + x[:, -2:],
    "softmax": lambda tf, x: tf.nn.softmax(x) + tf.nn.log_softmax(x),
    "softplus": lambda tf, x: tf.math.softplus(x),
    "split": lambda tf, x: tf.add(*tf.split(x, [3, 3], 1)),
    "squared_difference": lambda tf, x: tf.math.squared_difference(x, 0.5),
    "sqrt": lambda tf, x: tf.sqrt(tf.abs(x) + 0.1),
    "stack": lambda tf, x: tf.reduce_sum(tf.stack([x, x * 2.0], axis=1), 1),
    "subtract": lambda tf, x: 1.0 - x,
    "transpose": lambda tf, x: tf.transpose(tf.transpose(x) * 2.0),
    "unstack": lambda tf, x: tf.add(*tf.unstack(tf.reshape(x, [-1, 2, 3]), axis=1)),
}  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_of_its_own_comes_back(operation, tf, keras, tmp_path):
    model = with_call(keras, lambda x: OPERATIONS[operation](tf, x))

    again = reference.models.load_model(saved(model, tmp_path))

    assert_trains_alike(again, model)


UNREAD = {
    "Cumsum": lambda tf, x: tf.cumsum(x),
    "RandomStandardNormal": lambda tf, x: x + tf.random.normal([6]),
    "Split": lambda tf, x: tf.add(*tf.split(x, 2, 1)),
    "StatelessIf": lambda tf, x: tf.cond(tf.reduce_sum(x) > 0.0, lambda: x, lambda: -x),
    "While": lambda tf, x: tf.while_loop(lambda y: tf.reduce_sum(y) < 9.0, lambda y: y + 1.0, [x])[0],
    "lengths left open": lambda tf, x: tf.broadcast_to(x[:1], tf.stack([tf.shape(x)[0], 6])),
}  # fmt: skip


@pytest.mark.parametrize("operation", UNREAD)
def test_operation_that_is_not_read_is_named(operation, tf, keras, tmp_path):
    folder = saved(with_call(keras, lambda x: UNREAD[operation](tf, x)), tmp_path)

    with pytest.raises(UnknownLayer, match=f"class 'Written'.*without its class.*{operation}"):
        reference.models.load_model(folder)


def everything(keras):
    """Return a model with its own weights, a nested one, lists, penalties, and layers that train."""
    layers = keras.layers

    class Block(keras.Model):
        def __init__(self):
            super().__init__(name="block")
            self.inner = layers.Dense(4, activation="relu", kernel_regularizer="l2", name="dense")
            self.rest = {"norm": layers.BatchNormalization(), "none": None}

        def call(self, x):
            return self.rest["norm"](self.inner(x) * 2.0) + 1.0

    class Everything(keras.Model):
        def __init__(self):
            super().__init__(name="everything")
            self.first = layers.Dense(6, activity_regularizer="l2", name="dense")
            self.blocks = [Block(), layers.BatchNormalization(momentum=0.5)]
            self.fixed = layers.BatchNormalization(momentum=0.5)
            self.scale = self.add_weight("scale", (4,), initializer="ones")
            self.shift = self.add_weight("shift", (4,), trainable=False)
            self.net = keras.Sequential(
                [layers.Dense(4, activity_regularizer="l1"), layers.Dense(3)]
            )

        def call(self, x, training=None):
            x = self.fixed(self.first(x), training=False)
            for block in self.blocks:
                x = block(x, training=training)
            return self.net(x * self.scale - self.shift)

    return Everything()


def test_model_trains_on_as_the_original_does(keras, tmp_path):
    model = everything(keras)
    model.fixed.trainable = False

    again = reference.models.load_model(saved(model, tmp_path, optimizer="sgd", steps=5))

    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    assert [weight.name for weight in again.weights] == [weight.name for weight in model.weights]
    assert [layer.trainable for layer in again.layers] == [one.trainable for one in model.layers]
    assert again.optimizer.iterations.value == 5
    assert_trains_alike(again, model)
    for found, expected in zip(again.weights, model.weights, strict=True):
        np.testing.assert_allclose(found.value, expected.numpy(), **CLOSE)


def test_dropout_drops_in_training_alone(keras, tmp_path):
    model = with_call(keras, lambda x: x, first=keras.layers.Dropout(0.5))

    again = reference.models.load_model(saved(model, tmp_path))

    np.testing.assert_allclose(again(X), again(X))
    assert not np.allclose(again(X, training=True), again(X, training=True))


def test_model_inside_is_the_same_that_the_outer_one_calls(keras, tmp_path):
    class Inner(keras.Model):
        def __init__(self, shared):
            super().__init__(name="inner")
            self.shared = shared

        def call(self, x):
            return self.shared(x)

    class Outer(keras.Model):
        def __init__(self):
            super().__init__(name="outer")
            self.shared = keras.layers.Dense(6, name="shared")
            self.inner = Inner(self.shared)
            self.last = keras.layers.Dense(3)

        def call(self, x):
            return self.last(self.inner(self.shared(x)))

    model = Outer()

    again = reference.models.load_model(saved(model, tmp_path))

    assert again.inner.shared is again.shared
    assert_trains_alike(again, model)


def test_tied_weights_stay_tied(tf, keras, tmp_path):
    table = keras.layers.Dense(6, name="table")
    model = with_call(keras, lambda x: tf.matmul(table(x), table.kernel, transpose_b=True))
    model.table = table

    again = reference.models.load_model(saved(model, tmp_path))

    assert_trains_alike(again, model)


def test_several_inputs_and_outputs_by_name(keras, tmp_path):
    class Named(keras.Model):
        def __init__(self):
            super().__init__(name="named")
            self.join = keras.layers.Concatenate()
            self.heads = [keras.layers.Dense(3, name="head"), keras.layers.Dense(1, name="tail")]

        def call(self, inputs):
            joined = self.join([inputs["right"], inputs["left"]])
            return {"b": self.heads[1](joined), "a": self.heads[0](joined)}

    x, y = {"left": X, "right": X[:, :2]}, {"a": Y, "b": Y[:, :1]}
    model = Named()

    again = reference.models.load_model(saved(model, tmp_path, x, y))

    found, expected = again.predict(x), model.predict(x, verbose=0)
    assert found.keys() == expected.keys()
    for key, outputs in expected.items():
        np.testing.assert_allclose(found[key], outputs, **CLOSE)
    np.testing.assert_allclose(again.train_on_batch(x, y), model.train_on_batch(x, y), **CLOSE)


def test_states_of_recurrent_layers_come_back(keras, tmp_path):
    class Recurrent(keras.Model):
        def __init__(self):
            super().__init__(name="recurrent")
            self.steps = keras.layers.GRU(4, stateful=True, return_sequences=True)
            self.end = keras.layers.LSTM(3)

        def call(self, inputs):
            return self.end(self.steps(inputs))

    x = RANDOM.normal(size=(4, 5, 2)).astype("float32")
    model = Recurrent()
    folder = saved(model, tmp_path, x)

    again = reference.models.load_model(folder)

    np.testing.assert_allclose(
        again.predict(x, batch_size=4), model.predict(x, batch_size=4), **CLOSE
    )


def test_what_came_back_can_be_saved_again(keras, tmp_path):
    model = everything(keras)
    again = reference.models.load_model(saved(model, tmp_path))

    again.save(tmp_path / "second", save_format="tf")
    second = reference.models.load_model(tmp_path / "second")

    assert np.array_equal(second.predict(X), again.predict(X))
    found, expected = second.train_on_batch(X, Y), again.train_on_batch(X, Y)
    np.testing.assert_array_equal(found, expected)


def test_class_that_is_not_known_comes_back_without_it(keras, tmp_path):
    class Configured(keras.Model):
        def __init__(self, units=3, name=None):
            super().__init__(name=name)
            self.last = keras.layers.Dense(units)

        def call(self, inputs):
            return self.last(inputs)

        def get_config(self):
            return {"units": 3, "name": self.name}

    model = Configured()

    again = reference.models.load_model(saved(model, tmp_path))

    assert_trains_alike(again, model)


def test_own_loss_is_refused(tf, keras, tmp_path):
    class Penalized(keras.Model):
        def __init__(self):
            super().__init__(name="penalized")
            self.last = keras.layers.Dense(3, activity_regularizer="l2")

        def call(self, inputs):
            outputs = self.last(inputs)
            self.add_loss(tf.reduce_sum(tf.square(outputs)))
            return outputs

    with pytest.raises(UnknownLayer, match="adds a loss"):
        reference.models.load_model(saved(Penalized(), tmp_path))


def test_penalty_on_an_own_weight_is_refused(keras, tmp_path):
    class Penalized(keras.Model):
        def __init__(self):
            super().__init__(name="penalized")
            self.scale = self.add_weight("scale", (3,), regularizer="l2")
            self.last = keras.layers.Dense(3)

        def call(self, inputs):
            return self.last(inputs) * self.scale

    with pytest.raises(UnknownLayer, match="penalty on its own weights"):
        reference.models.load_model(saved(Penalized(), tmp_path))


def test_state_that_the_call_assigns_is_refused(keras, tmp_path):
    class Counting(keras.Model):
        def __init__(self):
            super().__init__(name="counting")
            self.count = self.add_weight("count", (), trainable=False)
            self.last = keras.layers.Dense(3)

        def call(self, inputs):
            self.count.assign_add(1.0)
            return self.last(inputs)

    with pytest.raises(UnknownLayer, match="own call assigns"):
        reference.models.load_model(saved(Counting(), tmp_path))


def test_layers_that_are_alike_in_all_are_refused(keras, tmp_path):
    layers = [keras.layers.Dropout(0.1, name="drop"), keras.layers.Dropout(0.9, name="drop")]
    model = with_call(keras, lambda x: layers[1](layers[0](x)))
    model.dropping = layers

    with pytest.raises(UnknownLayer, match=r"any of the layers \['drop', 'drop'\]"):
        reference.models.load_model(saved(model, tmp_path))


def test_save_without_traces_is_refused(keras, tmp_path):
    model = with_call(keras, lambda x: x)
    model(X)
    model.save(tmp_path / "saved", save_format="tf", save_traces=False)

    with pytest.raises(UnknownLayer, match="no graph of its call"):
        reference.models.load_model(tmp_path / "saved")


def test_layer_of_an_unknown_class_is_named(keras, tmp_path):
    class Doubling(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 2.0

    model = with_call(keras, lambda x: x, first=Doubling(name="twice"))

    with pytest.raises(UnknownLayer, match=r"layer 'twice': unknown class .*custom_objects"):
        reference.models.load_model(saved(model, tmp_path))
