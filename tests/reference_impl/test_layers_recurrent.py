"""SimpleRNN, LSTM and GRU: worked numbers, states, masks."""

import math

import numpy as np
import pytest

from saveproof.reference_impl import layers
from saveproof.reference_impl.layers.arguments import LayerArgumentError, UnsupportedArgumentError

RECURRENT = [layers.SimpleRNN, layers.LSTM, layers.GRU]
SEQUENCE = np.random.default_rng(0).normal(size=(2, 6, 3)).astype("float32")


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_simple_rnn_feeds_its_output_back():
    rnn = layers.SimpleRNN(1, activation="linear", return_sequences=True)
    rnn(np.ones((1, 3, 1)))
    rnn.set_weights([np.array([[1.0]]), np.array([[2.0]]), np.array([0.5])])

    assert rnn(np.ones((1, 3, 1))).numpy().ravel().tolist() == [1.5, 4.5, 10.5]


def test_lstm_follows_its_formula():
    """One step from h = c = 0 with gates i, f, g, o of x = 1."""
    lstm = layers.LSTM(1, dtype="float64", return_state=True)
    lstm(np.ones((1, 1, 1)))
    lstm.set_weights([np.array([[0.1, 0.2, 0.3, 0.4]]), np.zeros((1, 4)), np.zeros(4)])

    h, same_h, c = lstm(np.ones((1, 1, 1)))

    cell = sigmoid(0.1) * math.tanh(0.3)
    assert float(c) == pytest.approx(cell, rel=1e-14)
    assert float(h) == float(same_h) == pytest.approx(sigmoid(0.4) * math.tanh(cell), rel=1e-14)


def test_the_forget_gate_starts_with_bias_1():
    lstm = layers.LSTM(2)
    lstm(SEQUENCE)

    assert lstm.get_weights()[2].tolist() == [0, 0, 1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize("reset_after", [False, True])
def test_gru_follows_its_formula(reset_after):
    """One step from h = 2 with gates z, r, g of x = 1; U only for g."""
    gru = layers.GRU(1, dtype="float64", reset_after=reset_after)
    x, h = np.ones((1, 1, 1)), np.full((1, 1), 2.0)
    gru(x)
    bias = np.zeros((2, 3) if reset_after else (3,))
    bias[..., -1] = 0.7
    gru.set_weights([np.array([[0.1, 0.2, 0.3]]), np.array([[0.0, 0.0, 0.5]]), bias])

    z, r = sigmoid(0.1), sigmoid(0.2)
    inner = r * (0.5 * 2 + 0.7) if reset_after else r * 2 * 0.5
    expected = z * 2 + (1 - z) * math.tanh(0.3 + 0.7 + inner)
    assert float(gru([x, h])) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("kind", RECURRENT)
def test_going_backwards_is_going_forwards_over_the_turned_sequence(kind):
    forwards = kind(4, return_sequences=True)
    backwards = kind(4, return_sequences=True, go_backwards=True)
    turned = forwards(SEQUENCE[:, ::-1]).numpy()
    backwards(SEQUENCE)
    backwards.set_weights(forwards.get_weights())

    assert np.array_equal(backwards(SEQUENCE).numpy(), turned)


@pytest.mark.parametrize("kind", RECURRENT)
def test_a_stateful_layer_goes_on_where_the_batch_before_ended(kind):
    whole = kind(4)
    expected = whole(SEQUENCE).numpy()
    stateful = kind(4, stateful=True)
    stateful(SEQUENCE[:, :2])
    stateful.set_weights(whole.get_weights())

    stateful.reset_states()
    for part in (SEQUENCE[:, :2], SEQUENCE[:, 2:5], SEQUENCE[:, 5:]):
        found = stateful(part).numpy()

    assert np.allclose(found, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("kind", "count"), list(zip(RECURRENT, (1, 2, 1), strict=True)))
def test_states_are_state_and_no_weights(kind, count):
    layer = kind(4, stateful=True)
    layer(SEQUENCE)

    assert len(layer.weights) == 3
    assert [s.shape for s in layer.extra_state.values()] == [(2, 4)] * count
    assert all(state.numpy().any() for state in layer.extra_state.values())
    layer.reset_states()
    assert not any(state.numpy().any() for state in layer.extra_state.values())


def test_a_stateful_layer_needs_a_batch_size_and_keeps_to_it():
    with pytest.raises(LayerArgumentError, match="batch size"):
        layers.LSTM(4, stateful=True).build((None, 6, 3))
    layer = layers.LSTM(4, stateful=True)
    layer(SEQUENCE)
    with pytest.raises(LayerArgumentError, match="2 samples, found 1"):
        layer(SEQUENCE[:1])


def test_only_a_stateful_layer_resets_its_states():
    with pytest.raises(LayerArgumentError, match="stateful"):
        layers.GRU(2).reset_states()


@pytest.mark.parametrize("kind", RECURRENT)
def test_the_generator_of_the_masks_is_state(kind):
    layer = kind(4, dropout=0.4, recurrent_dropout=0.3)
    plain = layer(SEQUENCE).numpy()
    (state,) = layer.extra_state.values()
    before = state.numpy()
    first, second = (layer(SEQUENCE, training=True).numpy() for _ in range(2))
    state.assign(before)

    assert np.array_equal(layer(SEQUENCE).numpy(), plain)
    assert not np.array_equal(first, second)
    assert np.array_equal(layer(SEQUENCE, training=True).numpy(), first)


def test_dropping_the_whole_input_leaves_the_bias():
    rnn = layers.SimpleRNN(2, activation="linear", dropout=1.0, bias_initializer="ones")

    found = rnn(SEQUENCE[:, :1], training=True)

    assert found.numpy().tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_recurrent_dropout_falls_back_to_implementation_1():
    assert layers.GRU(2, recurrent_dropout=0.5).get_config()["implementation"] == 1
    assert layers.GRU(2, dropout=0.5).get_config()["implementation"] == 2


@pytest.mark.parametrize("kind", RECURRENT)
def test_time_first_is_refused(kind):
    with pytest.raises(UnsupportedArgumentError, match="time_major"):
        kind(2, time_major=True)


@pytest.mark.parametrize("kind", RECURRENT)
def test_output_shapes_are_those_of_the_outputs(kind):
    layer = kind(4, return_sequences=True, return_state=True)
    outputs = layer(SEQUENCE)

    shapes = layer.compute_output_shape((2, 6, 3))
    assert [out.shape for out in outputs] == shapes
