"""The operations of a subclassed model's own call, as tf_keras saved them."""

import numpy as np
import pytest

from saveproof import reference_impl as reference
from saveproof.reference_impl.layers.serialization import UnknownLayer
from tests.reference_impl.foreign_models import assert_trains_alike, saved, with_call

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


OPERATIONS = {
    "abs": lambda tf, x: tf.abs(x),
    "add": lambda _, x: x + 1.5 + x,
    "add_n": lambda tf, x: tf.add_n([x, x, x * 2.0]),
    "bias_add": lambda tf, x: tf.nn.bias_add(x, np.arange(6, dtype="f")),
    "batch_matmul": lambda tf, x: tf.matmul(tf.stack([x, x], 1), np.ones((1, 6, 2), "f"))[:, 0],
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
    "negative": lambda _, x: -x,
    "pad": lambda tf, x: tf.pad(x, [[0, 0], [1, 2]]) + tf.pad(x, [[0, 0], [2, 1]], "CONSTANT", 0.5),
    "pow": lambda tf, x: tf.abs(x) ** 1.5,
    "reciprocal": lambda tf, x: tf.math.reciprocal(x + 9.0),
    "relu6": lambda tf, x: tf.nn.relu6(x * 9.0),
    "reshape": lambda tf, x: tf.reshape(x, [-1, 6]),
    "reshape_by_length": lambda tf, x: tf.reshape(x, [tf.shape(x)[0], 2, 3])[:, 1],
    "reshape_by_part": lambda tf, x: tf.reshape(x, tf.concat([tf.shape(x)[:1], [3, 2]], 0))[..., 0],
    "rsqrt": lambda tf, x: tf.math.rsqrt(tf.square(x) + 1.0),
    "select": lambda tf, x: tf.where(x > 0.1, x, x * 0.5) + tf.where(tf.less(0.2, x), 1.0, 0.0),
    "sigmoid": lambda tf, x: tf.sigmoid(x) * tf.tanh(x) + tf.nn.relu(x),
    "slice": lambda _, x: x[:, 1:-1:2] + x[:, -2:],
    "softmax": lambda tf, x: tf.nn.softmax(x) + tf.nn.log_softmax(x),
    "softplus": lambda tf, x: tf.math.softplus(x),
    "split": lambda tf, x: tf.add(*tf.split(x, [3, 3], 1)),
    "squared_difference": lambda tf, x: tf.math.squared_difference(x, 0.5),
    "sqrt": lambda tf, x: tf.sqrt(tf.abs(x) + 0.1),
    "stack": lambda tf, x: tf.reduce_sum(tf.stack([x, x * 2.0], axis=1), 1),
    "subtract": lambda _, x: 1.0 - x,
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
    "While": lambda tf, x: tf.while_loop(lambda y: y[0, 0] < 9.0, lambda y: y + 1.0, [x])[0],
    "open lengths": lambda tf, x: tf.broadcast_to(x[:1], tf.stack([tf.shape(x)[0], 6])),
}  # fmt: skip


@pytest.mark.parametrize("operation", UNREAD)
def test_operation_that_is_not_read_is_named(operation, tf, keras, tmp_path):
    folder = saved(with_call(keras, lambda x: UNREAD[operation](tf, x)), tmp_path)

    with pytest.raises(UnknownLayer, match=f"class 'Written'.*without its class.*{operation}"):
        reference.models.load_model(folder)
