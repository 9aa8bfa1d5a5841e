"""Attention by worked numbers: scores, masks, heads, and what is refused."""

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl import layers
from saveproof.reference_impl.layers.arguments import LayerArgumentError

LOG_3 = np.float32(np.log(3.0))
QUERY = np.array([[[LOG_3, 0.0], [0.0, 0.0]]], np.float32)
VALUE = np.array([[[1.0, 0.0], [0.0, 2.0]]], np.float32)
"""The scores of the first query are log 3 and 0, so the weights are 3/4 and 1/4."""


def close(found, expected):
    return np.allclose(np.asarray(found), expected, atol=1e-6)


def test_attention_weighs_values_by_the_product_of_query_and_key():
    outputs, weights = layers.Attention()([QUERY, VALUE], return_attention_scores=True)

    assert close(weights, [[[0.75, 0.25], [0.5, 0.5]]])
    assert close(outputs, [[[0.75, 0.5], [0.5, 1.0]]])


def test_a_key_of_its_own_decides_on_the_weights():
    outputs = layers.Attention()([QUERY, VALUE, VALUE[:, ::-1]])

    assert close(outputs[:, 0], [[0.25, 1.5]])


def test_a_scale_is_trained():
    layer = layers.Attention(use_scale=True)
    layer([QUERY, VALUE])
    layer.set_weights([np.array(2.0)])

    assert close(layer([QUERY, VALUE])[:, 0], [[0.9, 0.2]])
    assert [weight.name for weight in layer.trainable_weights] == [f"{layer.name}/scale:0"]


def test_scores_may_be_sums_of_tangents():
    layer = layers.Attention(score_mode="concat")
    zeros = np.zeros((1, 1, 1), np.float32)
    large = np.array([[[0.0], [50.0]]], np.float32)
    layer([zeros, large])
    layer.set_weights([np.array(LOG_3)])

    assert close(layer([zeros, large]), [[[37.5]]])


def test_a_causal_mask_hides_later_values():
    layer = layers.Attention()

    assert close(layer([QUERY, VALUE], use_causal_mask=True), [[[1.0, 0.0], [0.5, 1.0]]])
    causal = layers.Attention.from_config(layers.Attention(causal=True, seed=3).get_config())
    assert close(causal([QUERY, VALUE])[:, 0], [[1.0, 0.0]])
    assert causal.seed == 3


def test_masks_of_query_and_value_leave_out_outputs_and_values():
    masks = [np.array([[True, False]]), np.array([[False, True]])]

    assert close(layers.Attention()([QUERY, VALUE], mask=masks), [[[0.0, 2.0], [0.0, 0.0]]])
    masked = layers.Masking()(QUERY)
    assert layers.Attention()([masked, VALUE])._keras_mask.numpy().tolist() == [[True, False]]


def test_dropout_acts_on_the_weights_in_training_only():
    layer, large = layers.Attention(dropout=0.5), np.ones((4, 30, 2), np.float32)

    assert close(layer([large, large]), large)
    dropped = layer([large, large], training=True)
    assert np.ptp(dropped.numpy()) > 0.1
    assert layer.extra_state
    assert not layers.Attention().extra_state


def test_attention_needs_a_list():
    with pytest.raises(LayerArgumentError, match=r"expected a list \[query, value\]"):
        layers.Attention()(QUERY)
    with pytest.raises(LayerArgumentError, match="score_mode: expected one of"):
        layers.Attention(score_mode="sum")


def identical(**arguments):
    """A layer of one head whose projections leave everything as it is."""
    layer = layers.MultiHeadAttention(1, 2, use_bias=False, name="it", **arguments)
    layer(QUERY, VALUE)
    one = np.eye(2).reshape(2, 1, 2)
    layer.set_weights([one * np.sqrt(2.0), one, one, one.reshape(1, 2, 2)])
    return layer


def test_one_head_that_projects_nothing_is_attention():
    outputs, weights = identical()(QUERY, VALUE, return_attention_scores=True)

    assert close(weights, [[[[0.75, 0.25], [0.5, 0.5]]]])
    assert close(outputs, [[[0.75, 0.5], [0.5, 1.0]]])


def test_heads_are_added_up_by_the_last_projection():
    layer = layers.MultiHeadAttention(2, 1, value_dim=1)
    layer(QUERY, VALUE)
    names = [weight.name.partition("/")[2] for weight in layer.weights]

    assert names == [
        *("query/kernel:0", "query/bias:0", "key/kernel:0", "key/bias:0"),
        *("value/kernel:0", "value/bias:0"),
        *("attention_output/kernel:0", "attention_output/bias:0"),
    ]
    zero = [np.zeros(weight.shape) for weight in layer.weights]
    zero[4], zero[6] = np.eye(2)[:, :, None], np.array([[[1.0, 0.0]], [[1.0, 5.0]]])
    layer.set_weights(zero)

    assert close(layer(QUERY, VALUE), [[[1.5, 5.0], [1.5, 5.0]]])


@pytest.mark.parametrize("robust", [False, True])
def test_pairs_are_left_out_by_an_argument_by_masks_and_by_order(robust):
    layer = identical(softmax_robust_masking=robust)
    masked = layers.Masking(9.0)(np.array([[[9.0, 9.0], [0.0, 2.0]]], np.float32))

    assert close(layer(QUERY, VALUE, use_causal_mask=True)[:, 0], [[1.0, 0.0]])
    assert close(layer(QUERY, masked), [[[0.0, 2.0]] * 2])
    given = np.array([[[False, True], [True, True]]])
    assert close(layer(QUERY, VALUE, attention_mask=given), [[[0.0, 2.0], [0.5, 1.0]]])
    found = layer(layers.Masking()(QUERY), VALUE)
    assert found._keras_mask.numpy().tolist() == [[True, False]]


def test_attention_may_be_over_some_axes():
    layer = layers.MultiHeadAttention(2, 3, attention_axes=2)
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype("float32")
    outputs, weights = layer(x, x, return_attention_scores=True)

    alone = layer(x[:, :1], x[:, :1])
    assert close(outputs[:, :1], alone)
    assert weights.shape == (2, 3, 2, 4, 4)
    given = keras.Input((3, 4, 5))
    shapes = [one.shape for one in layer(given, given, return_attention_scores=True)]
    assert shapes == [(None, 3, 4, 5), (None, 3, 2, 4, 4)]


def test_a_config_has_the_shapes_that_the_layer_was_built_for():
    layer = layers.MultiHeadAttention(2, 3, output_shape=(4, 5))
    assert layer.get_config()["query_shape"] is None
    layer(np.ones((1, 3, 2)), np.ones((1, 4, 6)))

    again = layers.MultiHeadAttention.from_config(layer.get_config())

    assert again.get_config() == layer.get_config()
    assert [w.shape for w in again.weights] == [w.shape for w in layer.weights]
    assert layer.get_config()["value_shape"] == (1, 4, 6)
    assert layer(np.ones((1, 3, 2)), np.ones((1, 4, 6))).shape == (1, 3, 4, 5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda layer: layer(QUERY), "expected a query and a value"),
        (lambda layer: layer(QUERY[0], VALUE[0]), "query and value of one rank, at least 3"),
        (lambda _: layers.MultiHeadAttention(0, 1), "num_heads: expected >= 1, found 0"),
        (lambda _: layers.MultiHeadAttention(1, 1, dropout=2.0), r"dropout: expected a number in"),
    ],
)
def test_what_has_no_meaning_is_refused(call, message):
    with pytest.raises(LayerArgumentError, match=message):
        call(layers.MultiHeadAttention(1, 1))
