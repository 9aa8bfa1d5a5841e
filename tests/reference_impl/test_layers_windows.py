"""Convolution, pooling and normalization, by worked numbers."""

import numpy as np
import pytest

from saveproof.reference_impl import layers
from saveproof.reference_impl.layers.arguments import LayerArgumentError, UnsupportedArgumentError

STEPS = np.array([[[1.0], [2.0], [4.0], [8.0]]], np.float32)
IMAGE = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)


def convolved(padding, *, strides=1, dilation_rate=1):
    conv = layers.Conv1D(
        1, 2, strides, padding, dilation_rate=dilation_rate, kernel_initializer="ones"
    )
    return conv(STEPS).numpy().ravel().tolist()


def test_conv1d_sums_its_windows():
    assert convolved("valid") == [3, 6, 12]
    assert convolved("same") == [3, 6, 12, 8]
    assert convolved("causal") == [1, 3, 6, 12]
    assert convolved("causal", dilation_rate=2) == [1, 2, 5, 10]
    assert convolved("same", strides=2) == [3, 12]


def test_conv2d_correlates_without_turning_the_kernel():
    conv = layers.Conv2D(1, 2, use_bias=False)
    conv(IMAGE)
    conv.set_weights([np.array([[1.0, 0.0], [0.0, 10.0]]).reshape(2, 2, 1, 1)])

    assert conv(IMAGE).numpy().reshape(3, 3)[0].tolist() == [50.0, 61.0, 72.0]


def test_a_group_of_filters_sees_its_own_channels():
    conv = layers.Conv1D(2, 1, groups=2, kernel_initializer="ones")
    x = np.array([[[3.0, 5.0]]], np.float32)

    assert conv(x).numpy().tolist() == [[[3.0, 5.0]]]
    assert conv.weights[0].shape == (1, 1, 2)


@pytest.mark.parametrize(
    "layer",
    [lambda: layers.Conv2D(1, 2, data_format="channels_first"),
     lambda: layers.MaxPooling2D(data_format="channels_first")],
)  # fmt: skip
def test_windows_over_first_channels_are_refused(layer):
    with pytest.raises(UnsupportedArgumentError, match="channels_last"):
        layer()


@pytest.mark.parametrize(
    "arguments",
    [
        {"filters": 3, "kernel_size": 2, "groups": 2},
        {"filters": 2, "kernel_size": (2, 2, 2)},
        {"filters": 2, "kernel_size": 0},
        {"filters": 2, "kernel_size": 2, "strides": 2, "dilation_rate": 2},
        {"filters": 2, "kernel_size": 2, "padding": "causal"},
        {"filters": 0, "kernel_size": 2},
    ],
)
def test_convolution_refuses_arguments_without_a_meaning(arguments):
    with pytest.raises(LayerArgumentError, match=r"expected|exceed"):
        layers.Conv2D(**arguments)


def test_a_window_larger_than_the_input_is_refused():
    with pytest.raises(LayerArgumentError, match="no window"):
        layers.Conv2D(1, 5)(IMAGE)
    with pytest.raises(LayerArgumentError, match="no window"):
        layers.MaxPooling2D(5)(IMAGE)


def test_pooling_refuses_an_input_of_another_rank():
    with pytest.raises(LayerArgumentError, match="rank 3"):
        layers.GlobalAveragePooling1D()(IMAGE)
    with pytest.raises(LayerArgumentError, match="batch, height, width, channels"):
        layers.MaxPooling2D()(STEPS)


def test_max_pooling_takes_the_largest_of_each_window():
    assert layers.MaxPooling2D()(IMAGE).numpy().ravel().tolist() == [5, 7, 13, 15]
    same = layers.MaxPooling2D(3, padding="same")(-IMAGE)
    assert same.numpy().ravel().tolist() == [0, -2, -8, -10]


def test_average_pooling_leaves_padding_out_of_the_mean():
    assert layers.AveragePooling1D(2)(STEPS).numpy().ravel().tolist() == [1.5, 6]
    same = layers.AveragePooling1D(2, 1, "same")(STEPS)
    assert same.numpy().ravel().tolist() == [1.5, 3, 6, 8]


def test_a_depthwise_convolution_keeps_channels_apart():
    conv = layers.DepthwiseConv1D(2, depth_multiplier=2, use_bias=False)
    x = np.array([[[1.0, 10.0], [2.0, 20.0]]], np.float32)
    conv(x)
    conv.set_weights([np.array([[[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 1.0]]])])

    # channel 0: 1*1 + 2*1, 1*2 + 2*0; channel 1: 10*3 + 20*0, 10*4 + 20*1
    assert conv(x).numpy().tolist() == [[[3, 2, 30, 60]]]


def test_a_separable_convolution_mixes_what_the_depthwise_one_makes():
    conv = layers.SeparableConv1D(1, 1, use_bias=False)
    x = np.array([[[1.0, 10.0]]], np.float32)
    conv(x)
    conv.set_weights([np.array([[[2.0], [3.0]]]), np.array([[[1.0], [100.0]]])])

    assert conv(x).numpy().tolist() == [[[2 + 3000]]]


def test_zero_padding_surrounds_space():
    assert layers.ZeroPadding1D((1, 2))(STEPS).numpy().ravel().tolist() == [0, 1, 2, 4, 8, 0, 0]
    padded = layers.ZeroPadding2D(((1, 0), (0, 2)))(IMAGE)
    assert padded.shape == (1, 5, 6, 1)
    assert padded.numpy()[0, 1, :, 0].tolist() == [0, 1, 2, 3, 0, 0]


@pytest.mark.parametrize("padding", [-1, (1, 2, 3), ((1, 2), 3, 4), ((1, -1), (0, 0)), "same"])
def test_padding_without_a_meaning_is_refused(padding):
    with pytest.raises(LayerArgumentError, match="padding: expected"):
        layers.ZeroPadding2D(padding)


def test_global_average_pooling_takes_the_mean_of_space():
    assert layers.GlobalAveragePooling2D()(IMAGE).numpy().tolist() == [[7.5]]
    assert layers.GlobalAveragePooling1D(keepdims=True)(STEPS).numpy().tolist() == [[[3.75]]]


def test_batch_normalization_follows_the_batch_in_training():
    """Ioffe and Szegedy, algorithm 1, on the batch 1, 3: mean 2, variance 1."""
    norm = layers.BatchNormalization(momentum=0.75, epsilon=3.0)
    y = norm(np.array([[1.0], [3.0]], np.float32), training=True)

    assert y.numpy().tolist() == [[-0.5], [0.5]]
    gamma, beta, mean, variance = (w.tolist() for w in norm.get_weights())
    assert (gamma, beta, mean, variance) == ([1.0], [0.0], [0.5], [1.0])


def test_the_moving_variance_of_images_follows_the_unbiased_variance():
    """Rank 4: variance 1 over two elements counts as 2, as in TensorFlow's fused kernel."""
    norm = layers.BatchNormalization(momentum=0.75)
    norm(np.array([1.0, 3.0], np.float32).reshape(2, 1, 1, 1), training=True)

    assert norm.get_weights()[3].tolist() == [1.25]


def test_batch_normalization_uses_the_moving_statistics_outside_training():
    norm = layers.BatchNormalization(epsilon=0.0)
    norm(np.ones((2, 1)))
    norm.set_weights([np.array([w]) for w in (2.0, 1.0, 5.0, 4.0)])

    assert norm(np.array([[7.0]])).numpy().tolist() == [[3.0]]


def test_frozen_batch_normalization_runs_in_inference_mode():
    norm = layers.BatchNormalization(trainable=False)
    x = np.array([[1.0], [9.0]], np.float32)

    assert np.array_equal(norm(x, training=True).numpy(), norm(x).numpy())
    assert [w.tolist() for w in norm.get_weights()] == [[1], [0], [0], [1]]


def test_half_precision_batch_normalization_keeps_float32_weights():
    norm = layers.BatchNormalization(dtype="float16")
    y = norm(np.ones((4, 2), np.float16), training=True)

    assert y.dtype == np.float16
    assert {w.dtype for w in norm.weights} == {np.dtype("float32")}


def test_layer_normalization_gives_mean_0_and_variance_1():
    x = np.random.default_rng(0).normal(3.0, 5.0, (4, 6))
    y = layers.LayerNormalization(epsilon=0.0, dtype="float64")(x).numpy()

    assert np.allclose(y.mean(-1), 0, atol=1e-12)
    assert np.allclose(y.var(-1), 1, atol=1e-12)


@pytest.mark.parametrize("layer", [layers.BatchNormalization, layers.LayerNormalization])
@pytest.mark.parametrize("axis", [3, [1, -2]])
def test_normalization_refuses_an_axis_that_is_not_there_or_twice(layer, axis):
    with pytest.raises(LayerArgumentError, match="axis"):
        layer(axis=axis).build((None, 2, 3))


def test_axis_is_a_list_once_built():
    norm = layers.BatchNormalization()

    assert norm.get_config()["axis"] == -1
    norm.build((None, 2, 3))
    assert norm.get_config()["axis"] == [2]
