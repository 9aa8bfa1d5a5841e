"""Bidirectional: what it makes of two recurrent layers, and what it refuses."""

import numpy as np
import pytest

from saveproof.reference_impl import layers
from saveproof.reference_impl.layers.arguments import LayerArgumentError

X = np.array([[[1.0], [2.0], [4.0]]], np.float32)


def summing(*, merge_mode, return_sequences=True, **arguments):
    """Both layers add up the steps that they have seen."""
    one = {"kernel_initializer": "ones", "recurrent_initializer": "ones", "activation": "linear"}
    wrapped = layers.SimpleRNN(1, return_sequences=return_sequences, **one, **arguments)
    return layers.Bidirectional(wrapped, merge_mode)


@pytest.mark.parametrize(
    ("merge_mode", "expected"),
    [
        ("sum", [[8], [9], [11]]),
        ("ave", [[4], [4.5], [5.5]]),
        ("mul", [[7], [18], [28]]),
        ("concat", [[1, 7], [3, 6], [7, 4]]),
    ],
)
def test_outputs_are_merged_step_by_step(merge_mode, expected):
    """Forward sums 1, 3, 7; backward sums 4, 6, 7, in the order of the steps 7, 6, 4."""
    assert summing(merge_mode=merge_mode)(X).numpy()[0].tolist() == expected


def test_without_a_merge_mode_the_outputs_come_side_by_side():
    forward, backward = summing(merge_mode=None, return_sequences=False)(X)

    assert (float(forward), float(backward)) == (7, 7)


def test_states_of_both_layers_follow_the_outputs():
    found = summing(merge_mode="sum", return_state=True)(X)

    assert [tensor.shape for tensor in found] == [(1, 3, 1), (1, 1), (1, 1)]


def test_initial_states_are_shared_out():
    layer = summing(merge_mode=None, return_sequences=False)

    forward, backward = layer([X, np.full((1, 1), 10.0), np.full((1, 1), 20.0)])
    assert (float(forward), float(backward)) == (17, 27)


def test_a_config_makes_the_same_layers_again():
    backward = layers.GRU(3, go_backwards=True, name="other")
    layer = layers.Bidirectional(layers.LSTM(2, name="it"), backward_layer=backward)
    layer(X)
    again = layers.Bidirectional.from_config(layer.get_config())
    again(X)
    again.set_weights(layer.get_weights())

    assert again.get_config() == layer.get_config()
    assert np.array_equal(again(X).numpy(), layer(X).numpy())
    names = [held.name for held in again.sublayers()]
    assert names == ["forward_it", "backward_other"]


def test_the_wrapped_layer_itself_is_left_alone():
    wrapped = layers.LSTM(2, name="it")
    layer = layers.Bidirectional(wrapped)
    layer(X)

    assert not wrapped.built
    assert len(layer.weights) == 6


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Bidirectional(layers.Dense(2)), "expected a recurrent layer"),
        (lambda: layers.Bidirectional(layers.GRU(2), "max"), "merge_mode: expected one of"),
        (lambda: layers.Bidirectional(layers.GRU(2), weights=[X]), "set_weights"),
        (
            lambda: layers.Bidirectional(layers.GRU(2), backward_layer=layers.GRU(2)),
            "opposite go_backwards",
        ),
        (
            lambda: layers.Bidirectional(
                layers.GRU(2),
                backward_layer=layers.GRU(2, go_backwards=True, return_state=True),
            ),
            "return_state",
        ),
    ],
)
def test_arguments_without_a_meaning_are_refused(make, message):
    with pytest.raises(LayerArgumentError, match=message):
        make()
