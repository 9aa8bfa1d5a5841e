"""Each layer held against tf_keras from the same weights: outputs, gradients, state and config."""

import os
from functools import reduce
from operator import add

import numpy as np
import pytest

from saveproof.reference_impl import layers
from saveproof.reference_impl.nest import leaves
from saveproof.reference_impl.numerics.autodiff import Tape, Tensor, sum

pytestmark = pytest.mark.frameworks

L2 = {"class_name": "L2", "config": {"l2": 0.03}}
L1 = {"class_name": "L1", "config": {"l1": 0.02}}
L1L2 = {"class_name": "L1L2", "config": {"l1": 0.01, "l2": 0.02}}
NORMAL = {"class_name": "RandomNormal", "config": {"mean": 0.1, "stddev": 0.3, "seed": 7}}
HE = {"class_name": "HeUniform", "config": {"seed": 5}}
MAX_NORM = {"class_name": "MaxNorm", "config": {"max_value": 1.5, "axis": 0}}
NON_NEG = {"class_name": "NonNeg", "config": {}}

WEIGHTED = {
    "kernel_initializer": HE,
    "bias_initializer": NORMAL,
    "kernel_regularizer": L2,
    "bias_regularizer": L1,
    "kernel_constraint": MAX_NORM,
    "bias_constraint": NON_NEG,
}
NORMALIZED = {
    "beta_initializer": NORMAL,
    "gamma_initializer": NORMAL,
    "beta_regularizer": L1,
    "gamma_regularizer": L1L2,
    "beta_constraint": NON_NEG,
    "gamma_constraint": MAX_NORM,
}
RECURRENT = {**WEIGHTED, "recurrent_regularizer": L1L2, "recurrent_constraint": NON_NEG}

DEPTHWISE = {
    "depthwise_initializer": HE,
    "depthwise_regularizer": L2,
    "depthwise_constraint": MAX_NORM,
    "bias_regularizer": L1,
    "bias_constraint": NON_NEG,
}
POINTWISE = {**DEPTHWISE, "pointwise_initializer": NORMAL, "pointwise_regularizer": L1L2}
PRELU = {"alpha_regularizer": L2, "alpha_constraint": NON_NEG}

ROUNDINGS = 32

FLAT, STEPS, IMAGE = (5, 4), (3, 6, 4), (2, 7, 6, 4)

CASES = [
    ("Dense", {"units": 3}, FLAT),
    ("Dense", {"units": 1, "activation": "tanh", "use_bias": False}, STEPS),
    ("Dense", {"units": 6, "activation": "gelu", **WEIGHTED}, IMAGE),
    ("Dense", {"units": 3, "trainable": False, **WEIGHTED}, FLAT),
    ("Dense", {"units": 3, "dtype": "float64", "name": "größe"}, FLAT),
    *[
        ("Activation", {"activation": name}, FLAT)
        for name in (
            "elu",
            "exponential",
            "gelu",
            "hard_sigmoid",
            "leaky_relu",
            "linear",
            "log_softmax",
            "mish",
            "relu",
            "relu6",
            "selu",
            "sigmoid",
            "silu",
            "softmax",
            "softplus",
            "softsign",
            "swish",
            "tanh",
        )
    ],
    ("Dropout", {"rate": 0.0}, FLAT),
    ("Flatten", {}, IMAGE),
    ("Flatten", {"data_format": "channels_first"}, IMAGE),
    ("Reshape", {"target_shape": (2, -1)}, STEPS),
    ("Reshape", {"target_shape": (8, 3)}, STEPS),
    ("BatchNormalization", {}, FLAT),
    ("BatchNormalization", {"momentum": 0.6, "epsilon": 0.02, **NORMALIZED}, STEPS),
    ("BatchNormalization", {"axis": 1, "center": False, "momentum": 0.8}, STEPS),
    ("BatchNormalization", {"axis": [1, 2], "scale": False}, STEPS),
    ("BatchNormalization", {"momentum": 0.7, "epsilon": 1e-7, **NORMALIZED}, IMAGE),
    ("BatchNormalization", {"axis": -2, "momentum": 0.7}, IMAGE),
    ("BatchNormalization", {"trainable": False, "momentum": 0.7, **NORMALIZED}, IMAGE),
    ("BatchNormalization", {"dtype": "float64", "momentum": 0.7}, IMAGE),
    ("LayerNormalization", {}, FLAT),
    ("LayerNormalization", {"epsilon": 1e-6, **NORMALIZED}, STEPS),
    ("LayerNormalization", {"axis": [1, 2], "scale": False}, STEPS),
    ("LayerNormalization", {"axis": [-2, -1], "center": False, "epsilon": 0.1}, IMAGE),
    ("LayerNormalization", {"axis": 1}, IMAGE),
    ("Conv1D", {"filters": 3, "kernel_size": 2}, STEPS),
    ("Conv1D", {"filters": 3, "kernel_size": 3, "padding": "causal", **WEIGHTED}, STEPS),
    ("Conv1D", {"filters": 2, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, STEPS),
    ("Conv1D", {"filters": 2, "kernel_size": 4, "strides": 3, "padding": "same"}, STEPS),
    ("Conv1D", {"filters": 4, "kernel_size": 2, "groups": 2, "activation": "relu"}, STEPS),
    ("Conv2D", {"filters": 3, "kernel_size": 3}, IMAGE),
    ("Conv2D", {"filters": 3, "kernel_size": (2, 3), "padding": "same", **WEIGHTED}, IMAGE),
    ("Conv2D", {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same"}, IMAGE),
    ("Conv2D", {"filters": 2, "kernel_size": 2, "strides": (2, 1), "use_bias": False}, IMAGE),
    ("Conv2D", {"filters": 2, "kernel_size": 2, "dilation_rate": (2, 3)}, IMAGE),
    ("Conv2D", {"filters": 4, "kernel_size": 2, "groups": 4, "activation": "elu"}, IMAGE),
    ("DepthwiseConv1D", {"kernel_size": 2, "strides": 2}, STEPS),
    ("DepthwiseConv1D", {"kernel_size": 3, "padding": "same", **DEPTHWISE}, STEPS),
    ("DepthwiseConv2D", {"kernel_size": (3, 2), "depth_multiplier": 2}, IMAGE),
    ("DepthwiseConv2D", {"kernel_size": 2, "padding": "same", "strides": 2, **DEPTHWISE}, IMAGE),
    ("DepthwiseConv2D", {"kernel_size": 2, "dilation_rate": 2, "activation": "elu"}, IMAGE),
    ("SeparableConv1D", {"filters": 3, "kernel_size": 2, "depth_multiplier": 2}, STEPS),
    ("SeparableConv1D", {"filters": 3, "kernel_size": 2, "padding": "causal", **POINTWISE}, STEPS),
    ("SeparableConv2D", {"filters": 3, "kernel_size": 2, "activation": "tanh"}, IMAGE),
    ("SeparableConv2D", {"filters": 2, "kernel_size": 3, "padding": "same", **POINTWISE}, IMAGE),
    ("ZeroPadding1D", {}, STEPS),
    ("ZeroPadding1D", {"padding": (0, 2)}, STEPS),
    ("ZeroPadding2D", {}, IMAGE),
    ("ZeroPadding2D", {"padding": ((1, 0), (2, 3))}, IMAGE),
    ("ReLU", {}, FLAT),
    ("ReLU", {"max_value": 0.7, "negative_slope": 0.1, "threshold": 0.3}, STEPS),
    ("LeakyReLU", {}, FLAT),
    ("LeakyReLU", {"alpha": 0.07}, STEPS),
    ("PReLU", {}, FLAT),
    ("PReLU", {"shared_axes": [1, 2], "alpha_initializer": NORMAL, **PRELU}, IMAGE),
    ("Softmax", {}, STEPS),
    ("Softmax", {"axis": 1}, IMAGE),
    ("Softmax", {"axis": [1, 2]}, IMAGE),
    ("MaxPooling1D", {}, STEPS),
    ("MaxPooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}, STEPS),
    ("AveragePooling1D", {"pool_size": 3, "strides": 1, "padding": "same"}, STEPS),
    ("AveragePooling2D", {}, IMAGE),
    ("AveragePooling2D", {"pool_size": (3, 2), "strides": 2, "padding": "same"}, IMAGE),
    ("MaxPooling2D", {}, IMAGE),
    ("MaxPooling2D", {"pool_size": (3, 2), "strides": 1, "padding": "same"}, IMAGE),
    ("MaxPooling2D", {"pool_size": 2, "strides": (3, 1)}, IMAGE),
    ("GlobalAveragePooling1D", {"keepdims": True}, STEPS),
    ("GlobalAveragePooling1D", {"data_format": "channels_first"}, STEPS),
    ("GlobalAveragePooling2D", {}, IMAGE),
    ("GlobalAveragePooling2D", {"keepdims": True, "data_format": "channels_first"}, IMAGE),
    ("SimpleRNN", {"units": 3}, STEPS),
    ("SimpleRNN", {"units": 3, "activation": "relu", "go_backwards": True, **RECURRENT}, STEPS),
    ("SimpleRNN", {"units": 2, "use_bias": False, "return_sequences": True}, STEPS),
    ("LSTM", {"units": 3}, STEPS),
    ("LSTM", {"units": 2, "unit_forget_bias": False, "return_state": True, **RECURRENT}, STEPS),
    ("LSTM", {"units": 3, "go_backwards": True, "return_sequences": True, "unroll": True}, STEPS),
    (
        "LSTM",
        {"units": 3, "activation": "softsign", "recurrent_activation": "hard_sigmoid"}
        | {"use_bias": False, "return_sequences": True, "implementation": 1},
        STEPS,
    ),
    ("GRU", {"units": 3}, STEPS),
    ("GRU", {"units": 2, "reset_after": False, "return_state": True, **RECURRENT}, STEPS),
    ("GRU", {"units": 2, "go_backwards": True, "return_sequences": True, **RECURRENT}, STEPS),
    ("GRU", {"units": 3, "use_bias": False, "recurrent_activation": "hard_sigmoid"}, STEPS),
    ("GRU", {"units": 3, "use_bias": False, "reset_after": False}, STEPS),
    ("ELU", {}, FLAT),
    ("ELU", {"alpha": 0.3}, STEPS),
    ("ThresholdedReLU", {}, FLAT),
    ("ThresholdedReLU", {"theta": 0.4}, STEPS),
    ("Softmax", {"axis": -1, "robust_masking": True}, STEPS),
    ("GaussianNoise", {"stddev": 0.0}, FLAT),
    ("GaussianDropout", {"rate": 0.0}, FLAT),
    ("SpatialDropout1D", {"rate": 0.0}, STEPS),
    ("SpatialDropout2D", {"rate": 0.0}, IMAGE),
    ("Masking", {}, STEPS),
    ("Masking", {"mask_value": -1.5}, STEPS),
    ("GroupNormalization", {"groups": 2}, STEPS),
    ("GroupNormalization", {"groups": -1, "epsilon": 0.02, **NORMALIZED}, IMAGE),
    ("GroupNormalization", {"groups": 3, "axis": 1, "center": False}, STEPS),
    ("GroupNormalization", {"groups": 1, "axis": -2, "scale": False}, IMAGE),
    ("UnitNormalization", {}, FLAT),
    ("UnitNormalization", {"axis": [1, 2]}, IMAGE),
    ("GlobalMaxPooling1D", {}, STEPS),
    ("GlobalMaxPooling1D", {"keepdims": True, "data_format": "channels_first"}, STEPS),
    ("GlobalMaxPooling2D", {}, IMAGE),
    ("GlobalMaxPooling2D", {"keepdims": True}, IMAGE),
    ("ActivityRegularization", {"l1": 0.02, "l2": 0.03}, STEPS),
    ("RepeatVector", {"n": 3}, FLAT),
    ("Permute", {"dims": (2, 1)}, STEPS),
    ("Permute", {"dims": (3, 1, 2)}, IMAGE),
    ("Cropping1D", {}, STEPS),
    ("Cropping1D", {"cropping": (0, 2)}, STEPS),
    ("Cropping2D", {}, IMAGE),
    ("Cropping2D", {"cropping": ((1, 0), (2, 1))}, IMAGE),
    ("UpSampling1D", {}, STEPS),
    ("UpSampling1D", {"size": 3}, STEPS),
    ("UpSampling2D", {}, IMAGE),
    ("UpSampling2D", {"size": (3, 1)}, IMAGE),
    ("Conv1DTranspose", {"filters": 3, "kernel_size": 2}, STEPS),
    ("Conv1DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2, **WEIGHTED}, STEPS),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 2, **WEIGHTED}, IMAGE),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "padding": "same"}, IMAGE),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "dilation_rate": 2}, IMAGE),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 4, "strides": 2, "padding": "same"}, IMAGE),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": (2, 3), "strides": (3, 2)}, IMAGE),
    (
        "Conv2DTranspose",
        {"filters": 2, "kernel_size": 3, "strides": 2, "output_padding": 1, "padding": "same"},
        IMAGE,
    ),
    (
        "Conv2DTranspose",
        {"filters": 2, "kernel_size": 3, "strides": (3, 2), "output_padding": (2, 0)}
        | {"activation": "elu", "use_bias": False},
        IMAGE,
    ),
    ("Dot", {"axes": 2}, [STEPS, (3, 5, 4)]),
    ("Dot", {"axes": (2, 1)}, [STEPS, (3, 4, 5)]),
    ("Dot", {"axes": 1, "normalize": True}, [FLAT, FLAT]),
    ("Dot", {"axes": -1, "normalize": True}, [STEPS, (3, 4)]),
    ("Attention", {}, [STEPS, (3, 5, 4)]),
    ("Attention", {"use_scale": True}, [STEPS, (3, 5, 4), (3, 5, 4)]),
    ("Attention", {"use_scale": True, "score_mode": "concat"}, [STEPS, (3, 5, 4)]),
    ("Attention", {"score_mode": "concat"}, [STEPS, (3, 5, 4)]),
    ("Add", {}, [STEPS, STEPS, STEPS]),
    ("Add", {}, [(3, 6, 4), (3, 4)]),
    ("Multiply", {}, [STEPS, (3, 1, 4)]),
    ("Multiply", {}, [STEPS, STEPS, STEPS]),
    ("Subtract", {}, [STEPS, STEPS]),
    ("Average", {}, [STEPS, STEPS, STEPS]),
    ("Maximum", {}, [STEPS, STEPS]),
    ("Minimum", {}, [STEPS, STEPS, STEPS]),
    ("Concatenate", {}, [STEPS, (3, 6, 2)]),
    ("Concatenate", {"axis": 1}, [STEPS, (3, 2, 4), STEPS]),
]


@pytest.fixture(scope="module")
def tf():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    return pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def tf_keras(tf):  # noqa: ARG001 (the fixture sets TensorFlow up)
    return pytest.importorskip("tf_keras")


def described(case):
    class_name, config, _ = case
    return f"{class_name}({', '.join(f'{key}={value}' for key, value in config.items())})"[:80]


def arrays(shape, *, dtype="float32"):
    """Normal numbers of one shape, or a list of them for a list of shapes."""
    rng = np.random.default_rng(len(str(shape)))
    if isinstance(shape, list):
        return [rng.normal(size=one).astype(dtype) for one in shape]
    return rng.normal(size=shape).astype(dtype)


def values(like):
    """Values of the shapes of these weights; a variance's are positive."""
    rng = np.random.default_rng(11)
    return [
        rng.uniform(0.2, 0.9, weight.shape)
        * (1 if "variance" in weight.name else rng.choice([-1, 1], weight.shape))
        for weight in like
    ]


def ours(layer, x, *, training):
    """Outputs, loss and gradients of the loss: of each input and each trainable weight."""
    inputs = [Tensor(one) for one in x] if isinstance(x, list) else Tensor(x)
    with Tape() as tape:
        outputs = layer(inputs, training=training)
        loss = reduce(add, [*(sum(weighed(out)) for out in leaves(outputs)), *layer.losses])
    sources = [*leaves(inputs), *layer.trainable_weights]
    return [out.numpy() for out in leaves(outputs)], loss, tape.gradients(loss, sources)


def weighed(out):
    weights = np.cos(np.arange(np.prod(out.shape))).reshape(out.shape)
    return out * weights.astype(out.dtype if isinstance(out.dtype, np.dtype) else out.dtype.name)


def theirs(tf, layer, x, *, training):
    inputs = [tf.constant(one) for one in x] if isinstance(x, list) else tf.constant(x)
    takes_training = {"training": training} if "training" in layer._call_spec.arg_names else {}
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, **takes_training)
        loss = tf.add_n([tf.reduce_sum(weighed(out)) for out in leaves(outputs)])
        if layer.losses:
            loss = loss + tf.add_n(layer.losses)
    gradients = tape.gradient(loss, [*leaves(inputs), *layer.trainable_weights])
    return (
        [out.numpy() for out in leaves(outputs)],
        loss,
        [None if g is None else np.array(tf.convert_to_tensor(g)) for g in gradients],
    )


def assert_close(found, expected, what, *, scale=1.0, dtype="float32"):
    """Equal within a few roundings of the largest element, or of a larger scale."""
    found, expected = np.asarray(found), np.asarray(expected)
    unit = float(np.finfo(np.float64 if dtype == "float64" else np.float32).eps)
    scale = max(scale, float(np.abs(expected).max(initial=0.0)))
    assert found.shape == expected.shape, what
    assert found.dtype == expected.dtype, what
    worst = float(np.abs(found.astype("float64") - expected.astype("float64")).max(initial=0.0))
    assert worst <= ROUNDINGS * unit * scale, f"{what}: differ by {worst}, largest {scale}"


def layers_of(tf_keras, case):
    class_name, config, shape = case
    config = {"name": "it", **config}
    their_layer = getattr(tf_keras.layers, class_name)(**config)
    our_layer = layers.LAYERS[class_name](**config)
    x = arrays(shape, dtype="float64" if config.get("dtype") == "float64" else "float32")
    their_layer(x)
    our_layer(x)
    new = values(our_layer.weights)
    their_layer.set_weights(new)
    our_layer.set_weights(new)
    return our_layer, their_layer, x


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("case", CASES, ids=described)
def test_outputs_loss_gradients_and_state_agree(tf, tf_keras, case, training):
    our_layer, their_layer, x = layers_of(tf_keras, case)
    dtype = case[1].get("dtype", "float32")

    our_outputs, our_loss, our_gradients = ours(our_layer, x, training=training)
    their_outputs, their_loss, their_gradients = theirs(tf, their_layer, x, training=training)

    for found, expected in zip(our_outputs, their_outputs, strict=True):
        assert_close(found, expected, "output", dtype=dtype)
    terms = float(np.sum([np.abs(out).sum() for out in their_outputs]))
    assert_close(our_loss, their_loss, "loss", scale=terms, dtype=dtype)
    for found, expected in zip(our_gradients, their_gradients, strict=True):
        assert (found is None) == (expected is None)
        if found is not None:
            assert_close(found, expected, "gradient", dtype=dtype)
    for found, expected in zip(our_layer.weights, their_layer.weights, strict=True):
        assert_close(found, expected, found.name, dtype=dtype)


@pytest.mark.parametrize("case", CASES, ids=described)
def test_config_and_weight_names_are_those_of_tf_keras(tf_keras, case):
    our_layer, their_layer, _ = layers_of(tf_keras, case)

    assert plain(our_layer.get_config()) == plain(their_layer.get_config())
    assert [w.name for w in our_layer.weights] == [w.name for w in their_layer.weights]
    for kind in ("weights", "trainable_weights", "non_trainable_weights"):
        our_shapes = [tuple(w.shape) for w in getattr(our_layer, kind)]
        assert our_shapes == [tuple(w.shape) for w in getattr(their_layer, kind)]


@pytest.mark.parametrize("case", CASES, ids=described)
def test_a_layer_is_made_again_from_the_config_of_tf_keras(tf_keras, case):
    class_name, config, _ = case
    config = plain(getattr(tf_keras.layers, class_name)(**{"name": "it", **config}).get_config())

    again = layers.LAYERS[class_name].from_config(config)

    assert plain(again.get_config()) == config


@pytest.mark.parametrize("case", CASES, ids=described)
def test_output_shapes_are_those_of_tf_keras(tf_keras, case):
    our_layer, their_layer, x = layers_of(tf_keras, case)
    shapes = [one.shape for one in x] if isinstance(x, list) else x.shape
    open_shapes = [(None, *s[1:]) for s in shapes] if isinstance(x, list) else (None, *shapes[1:])

    found = our_layer.compute_output_shape(open_shapes)

    expected = their_layer.compute_output_shape(open_shapes)
    assert listed(found) == listed(expected)


def listed(shape):
    """A shape, or shapes, as nested lists."""
    if hasattr(shape, "as_list"):
        return shape.as_list()
    return [listed(s) if hasattr(s, "__len__") else s for s in shape]


def plain(value):
    """The config as JSON would give it back."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_states_carried_from_batch_to_batch_agree(tf_keras, kind):
    """Three batches, then states reset and one more, in and out of training."""
    config = {"units": 3, "stateful": True, "batch_input_shape": STEPS, "return_sequences": True}
    our_layer, their_layer, x = layers_of(tf_keras, (kind, config, STEPS))
    their_layer.reset_states()
    our_layer.reset_states()

    for step, training in enumerate((False, True, True, False)):
        if step == 3:
            their_layer.reset_states()
            our_layer.reset_states()
        found, expected = our_layer(x, training=training), their_layer(x, training=training)
        assert_close(found, expected, f"batch {step}")
        for our_state, their_state in zip(our_layer.states, their_layer.states, strict=True):
            assert_close(our_state, their_state, f"state after batch {step}")
    assert plain(our_layer.get_config()) == plain(their_layer.get_config())


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_initial_states_given_as_inputs_agree(tf, tf_keras, kind):
    our_layer, their_layer, x = layers_of(tf_keras, (kind, {"units": 3}, STEPS))
    states = arrays([(3, 3), (3, 3)])[: 2 if kind == "LSTM" else 1]

    expected = their_layer([tf.constant(one) for one in (x, *states)])
    assert_close(our_layer([x, *states]), expected, "output")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize(
    "case",
    [
        ("Dense", {"units": 3, "activation": "tanh"}, STEPS),
        ("Conv1D", {"filters": 3, "kernel_size": 2}, STEPS),
        ("Conv2D", {"filters": 3, "kernel_size": 2, "padding": "same"}, IMAGE),
        ("BatchNormalization", {"momentum": 0.5}, FLAT),
        ("LayerNormalization", {}, STEPS),
        ("SimpleRNN", {"units": 3, "recurrent_initializer": NORMAL}, STEPS),
        ("GRU", {"units": 3, "recurrent_initializer": NORMAL}, STEPS),
        ("LSTM", {"units": 3, "recurrent_initializer": NORMAL}, STEPS),
        ("MaxPooling2D", {}, IMAGE),
        ("DepthwiseConv2D", {"kernel_size": 2}, IMAGE),
        ("SeparableConv2D", {"filters": 3, "kernel_size": 2}, IMAGE),
        ("AveragePooling1D", {}, STEPS),
        ("ReLU", {"negative_slope": 0.25}, FLAT),
        ("PReLU", {}, FLAT),
        ("Softmax", {}, FLAT),
        ("GlobalAveragePooling2D", {}, IMAGE),
        ("Add", {}, [STEPS, STEPS]),
        ("Activation", {"activation": "gelu"}, FLAT),
    ],
    ids=described,
)
def test_half_precision_agrees_within_its_own_rounding(tf_keras, case, dtype):
    class_name, config, shape = case
    our_layer, their_layer, x = layers_of(tf_keras, (class_name, config | {"dtype": dtype}, shape))

    found, expected = our_layer(x, training=True), their_layer(x, **trained(their_layer))

    assert str(found.dtype) == expected.dtype.name == our_layer.compute_dtype
    unit = 2.0**-7 if "bfloat16" in dtype else 2.0**-10
    wide, scale = np.asarray(expected).astype("float32"), 4 * unit
    assert np.allclose(found.numpy().astype("float32"), wide, rtol=scale, atol=scale)
    our_dtypes = [str(w.dtype) for w in our_layer.weights]
    assert our_dtypes == [w.dtype.name for w in their_layer.weights]


def trained(layer):
    return {"training": True} if "training" in layer._call_spec.arg_names else {}


@pytest.mark.parametrize("dtype", ["int64", "int32", "float32"])
@pytest.mark.parametrize("config", [{}, {"input_length": 5, "embeddings_initializer": NORMAL}])
def test_embedding_agrees(tf, tf_keras, config, dtype):
    config = {"name": "it", "input_dim": 7, "output_dim": 3, "embeddings_regularizer": L2} | config
    their_layer, our_layer = tf_keras.layers.Embedding(**config), layers.Embedding(**config)
    x = np.array([[0, 6, 2, 2, 1], [3, 3, 3, 0, 5]], dtype)
    their_layer(x)
    our_layer(x)
    our_layer.set_weights(their_layer.get_weights())

    our_outputs, our_loss, (_, our_gradient) = ours(our_layer, x, training=True)
    their_outputs, their_loss, (_, their_gradient) = theirs(tf, their_layer, x, training=True)

    assert_close(our_outputs[0], their_outputs[0], "output")
    assert_close(our_loss, their_loss, "loss")
    assert_close(our_gradient, their_gradient, "gradient")
    assert plain(our_layer.get_config()) == plain(their_layer.get_config())
    assert [w.name for w in our_layer.weights] == [w.name for w in their_layer.weights]


def test_the_same_layers_are_offered_under_the_same_names(tf_keras):
    assert all(hasattr(tf_keras.layers, name) for name in layers.LAYERS)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    "case",
    [
        ("Dense", {"units": 3, "activity_regularizer": L2, **WEIGHTED}, STEPS),
        ("Conv1D", {"filters": 3, "kernel_size": 2, "activity_regularizer": L1}, STEPS),
        ("Conv2D", {"filters": 3, "kernel_size": 2, "activity_regularizer": L1L2}, IMAGE),
        ("SimpleRNN", {"units": 3, "activity_regularizer": L2, **RECURRENT}, STEPS),
        ("LSTM", {"units": 3, "return_sequences": True, "activity_regularizer": L1}, STEPS),
        ("GRU", {"units": 3, "activity_regularizer": L1L2}, STEPS),
    ],
    ids=described,
)
def test_losses_of_activities_agree(tf, tf_keras, case, training):
    """The same losses, though tf_keras lists those of activities before those of weights."""
    our_layer, their_layer, x = layers_of(tf_keras, case)

    _, our_loss, our_gradients = ours(our_layer, x, training=training)
    _, their_loss, their_gradients = theirs(tf, their_layer, x, training=training)

    our_losses, their_losses = (sorted(map(float, it.losses)) for it in (our_layer, their_layer))
    assert our_losses == pytest.approx(their_losses, rel=4e-6)
    assert_close(our_loss, their_loss, "loss", scale=16.0)
    for found, expected in zip(our_gradients, their_gradients, strict=True):
        assert_close(found, expected, "gradient")
    assert plain(our_layer.get_config()) == plain(their_layer.get_config())
