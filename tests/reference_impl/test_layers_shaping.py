"""Normalization of groups, noise, and layers that repeat, crop and reorder, by worked numbers."""

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl import layers
from saveproof.reference_impl.layers.arguments import LayerArgumentError, UnsupportedArgumentError

X = np.arange(1.0, 9.0, dtype=np.float32).reshape(1, 2, 4)
"""Two steps of four features: 1 2 3 4 and 5 6 7 8."""


def values(layer, x=X, **arguments):
    return layer(x, **arguments).numpy()[0].tolist()


def test_groups_of_channels_are_normalized_over_all_places():
    """The groups are 1 2 5 6 and 3 4 7 8, with means 3.5 and 5.5 and variance 4.25."""
    found = layers.GroupNormalization(2, epsilon=0.0)(X).numpy()[0] * np.sqrt(4.25)

    assert np.allclose(found, [[-2.5, -1.5, -2.5, -1.5], [1.5, 2.5, 1.5, 2.5]])


def test_steps_outside_a_mask_do_not_count_in_the_moments():
    layer = layers.GroupNormalization(1, epsilon=0.0)

    found = layer(X, mask=np.array([[True, False]])).numpy()[0]

    assert np.allclose(found[0], np.array([-1.5, -0.5, 0.5, 1.5]) / np.sqrt(1.25))


def test_minus_one_means_a_group_for_each_channel():
    layer = layers.GroupNormalization(-1)
    layer(X)

    assert layer.groups == 4
    assert [weight.shape for weight in layer.weights] == [(4,), (4,)]


@pytest.mark.parametrize("arguments", [{"groups": 3}, {"groups": 1, "axis": 0}, {}])
def test_channels_are_a_multiple_of_the_groups(arguments):
    with pytest.raises(LayerArgumentError, match=r"a multiple of groups=\d+, found an input"):
        layers.GroupNormalization(**arguments)(X)


def test_a_norm_is_one_along_the_axes():
    found = values(layers.UnitNormalization(), np.array([[3.0, 4.0]], np.float32))

    assert np.allclose(found, [0.6, 0.8])
    assert values(layers.UnitNormalization(), np.zeros((1, 2), np.float32)) == [0, 0]
    with pytest.raises(LayerArgumentError, match="axis: expected distinct axes"):
        layers.UnitNormalization(axis=3)(X)


def test_the_largest_of_all_places():
    assert values(layers.GlobalMaxPooling1D()) == [5, 6, 7, 8]
    assert values(layers.GlobalMaxPooling1D("channels_first")) == [4, 8]
    assert values(layers.GlobalMaxPooling2D(keepdims=True), X[..., None]) == [[[8]]]


def test_activations_with_a_slope_or_a_threshold():
    x = np.array([[-1.0, 0.5, 2.0]], np.float32)

    assert np.allclose(values(layers.ELU(2.0), x), [2 * np.expm1(-1.0), 0.5, 2])
    assert values(layers.ThresholdedReLU(), x) == [0, 0, 2]
    with pytest.raises(LayerArgumentError, match="alpha: expected a number, found None"):
        layers.ELU(None)
    with pytest.raises(LayerArgumentError, match="theta: expected a number of at least 0"):
        layers.ThresholdedReLU(-1.0)


LARGE = np.ones((4, 50, 30), np.float32)


@pytest.mark.parametrize(
    ("layer", "deviation"),
    [(layers.GaussianNoise(0.5, seed=3), 0.5), (layers.GaussianDropout(0.2, seed=3), 0.5)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_noise_is_normal_and_in_training_only(layer, deviation):
    noise = layer(LARGE, training=True).numpy()

    assert np.array_equal(layer(LARGE), LARGE)
    assert noise.mean() == pytest.approx(1, abs=0.02)
    assert noise.std() == pytest.approx(deviation, abs=0.02)


@pytest.mark.parametrize(
    ("layer", "axes"),
    [
        (layers.SpatialDropout1D(0.5), (1,)),
        (layers.SpatialDropout2D(0.5), (1, 2)),
        (layers.SpatialDropout2D(0.5, data_format="channels_first"), (2, 3)),
    ],
    ids=["1D", "2D", "channels first"],
)
def test_whole_channels_are_dropped(layer, axes):
    x = LARGE if axes == (1,) else LARGE.reshape(4, 50, 6, 5)

    found = layer(x, training=True).numpy()

    assert set(np.unique(found)) == {0, 2}
    assert np.ptp(found, axes).max() == 0


def test_a_data_format_is_not_lost_in_the_config():
    kept = layers.SpatialDropout2D(0.5, data_format="channels_first").get_config()

    assert kept["data_format"] == "channels_first"
    assert "data_format" not in layers.SpatialDropout2D(0.5).get_config()


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.GaussianNoise(0.5),
        lambda: layers.GaussianDropout(0.5),
        lambda: layers.SpatialDropout1D(0.5),
        lambda: layers.Attention(dropout=0.5),
        lambda: layers.MultiHeadAttention(2, 3, dropout=0.5),
    ],
    ids=["noise", "dropout", "spatial", "attention", "heads"],
)
@pytest.mark.parametrize("file", ["m.h5", "m.keras", "m"])
def test_random_numbers_go_on_after_a_load(tmp_path, make, file):
    layer, given = make(), keras.Input((5, 4))
    one = [given, given] if layer.takes_list else given
    heads = isinstance(layer, layers.MultiHeadAttention)
    model = keras.Model(given, layer(given, given) if heads else layer(one))
    model.compile("sgd", "mse")
    x, y = np.ones((3, 5, 4), "float32"), np.zeros((3, 5, 4), "float32")
    model.train_on_batch(x, y)
    model.save(tmp_path / file)

    loaded = keras.models.load_model(tmp_path / file)

    for _ in range(2):
        assert loaded.train_on_batch(x, y) == model.train_on_batch(x, y)


def test_activity_is_a_loss_for_each_sample():
    layer = layers.ActivityRegularization(l1=0.5, l2=0.25)
    layer(np.array([[1.0, -2.0], [0.0, 0.0]], np.float32))

    assert [float(loss) for loss in layer.losses] == [(0.5 * 3 + 0.25 * 5) / 2]


def test_steps_are_repeated_cropped_and_reordered():
    assert values(layers.RepeatVector(2), X[0]) == [[1, 2, 3, 4]] * 2
    assert values(layers.UpSampling1D(2)) == [[1, 2, 3, 4]] * 2 + [[5, 6, 7, 8]] * 2
    assert values(layers.Permute((2, 1))) == X[0].T.tolist()
    assert values(layers.Cropping1D((1, 0))) == [[5, 6, 7, 8]]
    picture = X.reshape(1, 2, 4, 1)
    assert np.shape(values(layers.UpSampling2D((3, 2)), picture)) == (6, 8, 1)
    wide = np.array(values(layers.UpSampling2D((1, 2)), picture))[..., 0]
    assert wide[1].tolist() == [5, 5, 6, 6, 7, 7, 8, 8]
    assert np.squeeze(values(layers.Cropping2D(((1, 0), (2, 1))), picture)) == 7


def test_products_are_along_an_axis_of_each():
    assert values(layers.Dot(1), [X[0], X[0]]) == [30]
    assert values(layers.Dot((2, 2)), [X, X]) == [[30, 70], [70, 174]]
    assert np.allclose(values(layers.Dot(-1, normalize=True), [X, X[:, 0] * 9])[0], 1)


def test_a_transposed_convolution_spreads_the_kernel():
    """The kernel 1 2 at distance 2 for each element; at distance 1 they overlap."""
    x, kernel = np.array([[[1.0], [3.0]]], np.float32), np.array([1.0, 2.0]).reshape(2, 1, 1)

    def found(**arguments):
        layer = layers.Conv1DTranspose(1, 2, use_bias=False, **arguments)
        layer(x)
        layer.set_weights([kernel])
        return np.ravel(values(layer, x)).tolist()

    assert found() == [1, 5, 6]
    assert found(padding="same") == [1, 5]
    assert found(strides=2) == [1, 2, 3, 6]
    assert found(strides=3) == [1, 2, 0, 3, 6, 0]
    assert found(strides=3, output_padding=0) == [1, 2, 0, 3, 6]
    assert found(strides=3, output_padding=2) == [1, 2, 0, 3, 6, 0, 0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Conv2DTranspose(1, 2, output_padding=1), "0 to below the strides"),
        (
            lambda: layers.Conv1DTranspose(1, 2, 3, "same", output_padding=0)(X),
            "output_padding=.* does not fit",
        ),
        (lambda: layers.Permute((1, 3)), "the numbers from 1 to that of the axes"),
        (lambda: layers.RepeatVector(0), "n: expected >= 1, found 0"),
        (lambda: layers.Cropping1D(1)(X), "leaves nothing"),
        (lambda: layers.GaussianNoise(-1.0), "stddev: expected a number of at least 0"),
        (lambda: layers.SpatialDropout1D(0.5)(X[0]), "expected an input of rank 3"),
        (lambda: layers.Dot(0)([X, X]), "a list of two inputs with equal lengths"),
        (lambda: layers.Dot((1, 2))([X, X]), "a list of two inputs with equal lengths"),
        (lambda: layers.Dot((1, 2, 3)), "expected an axis, or one for each of two inputs"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(LayerArgumentError, match=message):
        make()


def test_only_the_nearest_is_repeated():
    with pytest.raises(UnsupportedArgumentError, match="interpolation='bilinear' is not supported"):
        layers.UpSampling2D(interpolation="bilinear")
