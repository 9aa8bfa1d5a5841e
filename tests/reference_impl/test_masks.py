"""Masks by worked numbers: where they begin, how layers pass them on, and what they leave out."""

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl import layers
from saveproof.reference_impl.layers.arguments import LayerArgumentError, UnsupportedArgumentError
from saveproof.reference_impl.numerics.autodiff import Tensor

X = np.array([[[1.0, 0.0], [0.0, 0.0], [2.0, 3.0]]], np.float32)
"""Three steps, of which the second is masked."""
KEPT = [[True, False, True]]


def masked(x=X, *, value=0.0):
    return layers.Masking(value)(x)


def mask(tensor):
    found = tensor._keras_mask
    return None if found is None else found.numpy().tolist()


def adding(kind=layers.SimpleRNN, **arguments):
    """A recurrent layer that adds up the first feature of its steps."""
    kernel = keras.initializers.Constant(np.array([[1.0], [0.0]], np.float32))
    ones = {"recurrent_initializer": "ones", "activation": "linear", "kernel_initializer": kernel}
    return kind(1, **ones, **arguments)


def test_masking_marks_steps_that_are_all_the_value():
    assert mask(masked()) == KEPT
    assert mask(masked(value=2.0)) == [[True, True, True]]
    assert masked(X + 5, value=5.0).numpy().tolist() == [[[6, 5], [0, 0], [7, 8]]]


def test_an_embedding_leaves_out_zeros_only_if_it_is_told_to():
    words = np.array([[2, 0, 1]])

    assert mask(layers.Embedding(3, 2, mask_zero=True)(words)) == KEPT
    assert mask(layers.Embedding(3, 2)(words)) is None


@pytest.mark.parametrize(
    "layer",
    [
        layers.Dense(2),
        layers.Activation("linear"),
        layers.Dropout(0.5),
        layers.LayerNormalization(),
        layers.BatchNormalization(),
        layers.LeakyReLU(),
        layers.GaussianNoise(0.1),
        layers.SpatialDropout1D(0.1),
        layers.UnitNormalization(),
        layers.ActivityRegularization(),
        layers.TimeDistributed(layers.Dense(2)),
        layers.LSTM(2, return_sequences=True),
        layers.Bidirectional(layers.GRU(2, return_sequences=True)),
    ],
    ids=lambda layer: layer.name,
)
def test_layers_pass_a_mask_on(layer):
    assert mask(layer(masked())) == KEPT


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv1D(2, 1),
        layers.Flatten(),
        layers.Permute((2, 1)),
        layers.MaxPooling1D(1),
        layers.GlobalMaxPooling1D(),
        layers.GlobalAveragePooling1D(),
        layers.LSTM(2),
        layers.Bidirectional(layers.GRU(2)),
    ],
    ids=lambda layer: layer.name,
)
def test_layers_end_a_mask(layer):
    assert mask(layer(masked())) is None


def test_a_cast_keeps_the_mask():
    assert mask(layers.Dense(2, dtype="mixed_bfloat16")(masked())) == KEPT


def test_a_user_s_layer_passes_a_mask_on_if_it_supports_masks_or_computes_one():
    class Plain(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 2.0

    class Supporting(Plain):
        supports_masking = True

    class Computing(Plain):
        def compute_mask(self, inputs, mask=None):
            del inputs
            return Tensor(~mask.numpy())

    class Receiving(keras.layers.Layer):
        def call(self, inputs, mask=None):
            return inputs * mask.numpy()[..., None].astype("float32")

    assert mask(Plain()(masked())) is None
    assert mask(Supporting()(masked())) == KEPT
    assert mask(Computing()(masked())) == [[False, True, False]]
    assert Receiving()(masked(X + 1, value=1.0)).numpy()[0, 1].tolist() == [0, 0]


def test_a_masked_step_changes_no_state_and_repeats_the_output():
    x = np.where(X == 0, np.float32(0), X)
    layer = adding(return_sequences=True, return_state=True, use_bias=False)
    layer(x)
    layer.set_weights([np.array([[1.0], [0.0]]), np.array([[2.0]])])

    outputs, state = layer(masked(x))

    assert outputs.numpy()[0, :, 0].tolist() == [1, 1, 4]
    assert state.numpy().tolist() == [[4]]
    assert mask(outputs) == KEPT
    assert mask(state) is None


def test_an_output_is_zero_before_the_first_step_of_the_mask():
    x = X[:, [1, 0, 2]]

    outputs = adding(return_sequences=True)([masked(x), np.full((1, 1), 7.0, "float32")])

    assert outputs.numpy()[0, :, 0].tolist() == [0, 8, 10]


@pytest.mark.parametrize("go_backwards", [False, True])
def test_masked_steps_may_have_zeros(go_backwards):
    layer = adding(return_sequences=True, zero_output_for_mask=True, go_backwards=go_backwards)

    found = layer(masked()).numpy()[0, :, 0].tolist()

    assert found == ([2, 0, 3] if go_backwards else [1, 0, 3])
    assert layer.get_config()["zero_output_for_mask"] is True
    assert "zero_output_for_mask" not in adding().get_config()


def test_both_directions_have_zeros_at_masked_steps_of_sequences():
    layer = layers.Bidirectional(adding(return_sequences=True))

    assert layer(masked()).numpy()[0].tolist() == [[1, 3], [0, 0], [3, 2]]
    assert "zero_output_for_mask" not in layer.get_config()["layer"]["config"]


def test_a_mask_may_be_given_as_an_argument():
    layer = adding()

    assert float(layer(X, mask=np.array([[False, True, True]]))) == 2
    assert float(layer(X)) == 3


def test_a_mean_is_that_of_the_steps_in_the_mask():
    assert layers.GlobalAveragePooling1D()(masked()).numpy().tolist() == [[1.5, 1.5]]
    turned = layers.GlobalAveragePooling1D("channels_first")
    kept = np.array([[True, False]])
    assert turned(X, mask=kept).numpy().tolist() == [[1, 0, 2]]


def test_a_softmax_is_over_the_elements_in_the_mask():
    x, kept = np.array([[5.0, 0.0, 0.0]], np.float32), np.array([[False, True, True]])

    for robust in (False, True):
        found = layers.Softmax(robust_masking=robust)(x, mask=kept)
        assert found.numpy().tolist() == [[0, 0.5, 0.5]]


def test_merged_masks_are_true_where_all_are():
    other = masked(X[:, ::-1] + 1, value=1.0)
    last = masked(X[:, [1, 0, 2]])

    assert mask(layers.Add()([masked(), other])) == KEPT
    assert mask(layers.Add()([masked(), last])) == [[False, False, True]]
    assert mask(layers.Concatenate()([masked(), X])) == KEPT
    assert mask(layers.Concatenate(1)([masked(), last])) == [KEPT[0] + [False, True, True]]
    assert mask(layers.Concatenate(1)([masked(), X])) == [KEPT[0] + [True] * 3]
    assert mask(layers.Dot(2)([masked(), masked()])) is None


def test_a_mask_passes_through_a_model_in_a_model():
    inner = keras.Sequential([keras.Input((3, 2)), layers.Masking(), layers.Dense(2)])
    given = keras.Input((3, 2))
    model = keras.Model(given, layers.Activation("relu")(inner(given)))

    assert mask(model(X)) == KEPT


def test_loss_and_metrics_count_the_steps_in_the_mask():
    """Errors 1 and 2 count, that of the masked step does not: (1 + 4) / 2, and (1 + 2) / 2."""
    x = np.array([[[1.0], [0.0], [2.0]]], np.float32)
    model = keras.Sequential([keras.Input((3, 1)), layers.Masking()])
    model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mae"])

    found = model.evaluate(x, np.array([[[2.0], [9.0], [0.0]]]), return_dict=True)
    weighted = model.evaluate(
        x, np.array([[[2.0], [9.0], [0.0]]]), sample_weight=np.array([[3.0, 1.0, 1.0]])
    )

    assert found == {"loss": 2.5, "mae": 1.5, "weighted_mae": 1.5}
    assert weighted == pytest.approx([(3 * 1 + 4) / 2, 1.5, (3 + 2) / 4])


def test_a_layer_on_each_step_is_the_layer_on_one_batch():
    layer = layers.TimeDistributed(layers.Dense(2, name="inner"), name="outer")
    found = layer(X)

    flat = X.reshape(3, 2) @ layer.get_weights()[0]
    assert np.allclose(found.numpy()[0], flat)
    assert [weight.name for weight in layer.weights] == ["outer/kernel:0", "outer/bias:0"]
    assert layer.compute_output_shape((None, None, 2)) == (None, None, 2)


def test_a_mask_of_the_wrapped_layer_has_a_step_more():
    words = np.array([[[1, 0], [0, 2]]])
    layer = layers.TimeDistributed(layers.Embedding(3, 2, mask_zero=True))

    assert mask(layer(words)) == [[[True, False], [False, True]]]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.TimeDistributed("it"), LayerArgumentError, "expected a layer to wrap"),
        (
            lambda: layers.TimeDistributed(layers.GRU(2, stateful=True)),
            UnsupportedArgumentError,
            "is stateful, which is not supported",
        ),
        (
            lambda: layers.TimeDistributed(layers.Dense(2))(np.ones((2, 3))),
            LayerArgumentError,
            r"expected an input of shape \(batch, steps, …, features\)",
        ),
    ],
)
def test_what_can_not_be_on_each_step_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
