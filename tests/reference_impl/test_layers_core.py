"""Dense, Activation, Dropout, Flatten, Reshape, Embedding and merging, by worked numbers."""

import math

import numpy as np
import pytest

from saveproof.reference_impl import activations, layers
from saveproof.reference_impl.layers.arguments import LayerArgumentError
from saveproof.reference_impl.layers.embedding import IndexRangeError
from saveproof.reference_impl.numerics.autodiff import Tape, Tensor
from saveproof.reference_impl.random import set_random_seed

ONES = np.ones((2, 3), np.float32)


def test_dense_multiplies_adds_and_activates():
    dense = layers.Dense(2, activation="relu")
    dense(ONES)
    dense.set_weights([np.array([[1, -1], [2, 0], [3, -5]]), np.array([0.5, 1.0])])

    assert dense(ONES).numpy().tolist() == [[6.5, 0.0], [6.5, 0.0]]


def test_dense_needs_to_know_the_number_of_features():
    with pytest.raises(LayerArgumentError, match=r"'d'.*\(None, None\)"):
        layers.Dense(2, name="d").build((None, None))


def test_dense_refuses_no_units():
    with pytest.raises(LayerArgumentError, match="units"):
        layers.Dense(0)


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("selu", -1.0, 1.0507009873554805 * 1.6732632423543772 * (math.exp(-1) - 1)),
        ("gelu", 1.0, 0.5 * (1 + math.erf(1 / math.sqrt(2)))),
        ("hard_sigmoid", 1.0, 0.7),
        ("leaky_relu", -2.0, -0.4),
        ("mish", 1.0, math.tanh(math.log(1 + math.e))),
        ("softsign", -3.0, -0.75),
        ("silu", 2.0, 2 / (1 + math.exp(-2))),
        ("relu6", 9.0, 6.0),
    ],
)
def test_activation_follows_its_formula(name, x, expected):
    found = layers.Activation(name, dtype="float64")(np.array([[x]]))

    assert float(found) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("name", sorted(activations.ACTIVATIONS))
def test_every_activation_is_serialized_by_its_name(name):
    assert activations.serialize(activations.get(name)) == name


def test_relu_takes_a_slope_a_ceiling_and_a_threshold():
    found = activations.relu(np.array([-2.0, 0.5, 1.5, 9.0]), 0.1, 4.0, 1.0)

    assert found.numpy() == pytest.approx([-0.3, -0.05, 1.5, 4.0])


@pytest.mark.parametrize("name", ["sigmoid", "softmax"])
def test_probabilities_remember_their_logits(name):
    """As in Keras, until another layer has touched them, even one that changes nothing."""
    x = Tensor(ONES)
    probabilities = layers.Activation(name)(x)

    assert probabilities.logits is x
    assert layers.Activation("linear")(probabilities).logits is x
    assert layers.Dropout(0.5)(probabilities).logits is None
    assert layers.Flatten()(probabilities).logits is None


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="no_such_thing"):
        layers.Activation("no_such_thing")


def test_dropout_does_nothing_outside_training():
    assert layers.Dropout(0.9, seed=1)(ONES).numpy().tolist() == ONES.tolist()


def test_dropout_drops_its_rate_and_scales_the_rest():
    dropped = layers.Dropout(0.25, seed=1)(np.ones((100, 200), np.float32), training=True).numpy()

    assert set(np.unique(dropped)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((dropped == 0).mean() - 0.25) < 0.01


def test_dropout_of_everything_leaves_zeros():
    assert not layers.Dropout(1.0, seed=1)(ONES, training=True).numpy().any()


def test_dropout_mask_has_the_shape_of_the_noise():
    x = np.ones((4, 50, 3), np.float32)
    dropped = layers.Dropout(0.5, noise_shape=(None, 1, 3), seed=2)(x, training=True).numpy()

    assert np.array_equal(dropped, np.broadcast_to(dropped[:, :1], x.shape))


def test_dropout_generator_is_state_and_no_weight():
    """Putting the state back gives the same mask again; drawing moves it on."""
    dropout = layers.Dropout(0.5, seed=3)
    (state,) = dropout.extra_state.values()
    before = state.numpy()
    first = dropout(np.ones((8, 8)), training=True).numpy()
    second = dropout(np.ones((8, 8)), training=True).numpy()
    state.assign(before)

    assert not dropout.weights
    assert not np.array_equal(first, second)
    assert np.array_equal(dropout(np.ones((8, 8)), training=True).numpy(), first)


def test_dropout_without_a_seed_follows_the_process_seed():
    masks = []
    for _ in range(2):
        set_random_seed(9)
        masks.append(layers.Dropout(0.5)(np.ones((8, 8)), training=True).numpy())

    assert np.array_equal(*masks)


def test_gradient_passes_where_dropout_kept():
    x = Tensor(np.ones((5, 5)))
    dropout = layers.Dropout(0.5, seed=4, dtype="float64")

    with Tape() as tape:
        y = dropout(x, training=True)

    assert np.array_equal(tape.gradients(y, [x])[0], y.numpy())


@pytest.mark.parametrize("rate", [-0.1, 1.5])
def test_dropout_refuses_an_impossible_rate(rate):
    with pytest.raises(LayerArgumentError, match="rate"):
        layers.Dropout(rate)


def test_flatten_moves_first_channels_last():
    x = np.arange(8.0).reshape(1, 2, 2, 2)

    assert layers.Flatten()(x).numpy().ravel().tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    found = layers.Flatten(data_format="channels_first")(x)
    assert found.numpy().ravel().tolist() == [0, 4, 1, 5, 2, 6, 3, 7]


def test_reshape_works_out_the_free_length():
    reshape = layers.Reshape((2, -1))

    assert reshape(np.zeros((3, 4, 5))).shape == (3, 2, 10)
    assert reshape.compute_output_shape((None, 4, 5)) == (None, 2, 10)
    assert reshape.compute_output_shape((None, None, 5)) == (None, 2, None)


@pytest.mark.parametrize("target", [(3, -1), (-1, -1), (7,)])
def test_reshape_refuses_another_number_of_elements(target):
    with pytest.raises(LayerArgumentError, match="target_shape"):
        layers.Reshape(target).compute_output_shape((None, 4, 5))


def test_embedding_takes_rows_and_sums_their_gradients():
    embedding = layers.Embedding(3, 2)
    embedding(np.array([[0]]))
    embedding.set_weights([np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])])

    with Tape() as tape:
        rows = embedding(np.array([[2, 0, 2]]))

    assert rows.numpy().tolist() == [[[4, 5], [0, 1], [4, 5]]]
    (gradient,) = tape.gradients(rows, embedding.weights)
    assert gradient.tolist() == [[1, 1], [0, 0], [2, 2]]


@pytest.mark.parametrize("index", [-1, 3])
def test_embedding_refuses_an_index_outside_its_table(index):
    with pytest.raises(IndexRangeError, match=r"\[0, 3\)"):
        layers.Embedding(3, 2)(np.array([[index]]))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Add", [[6.0, 3.0]]),
        ("Multiply", [[6.0, -8.0]]),
        ("Average", [[2.0, 1.0]]),
        ("Maximum", [[3.0, 4.0]]),
        ("Minimum", [[1.0, -1.0]]),
        ("Concatenate", [[1.0, 4.0, 2.0, -1.0, 3.0, 0.0]]),
    ],
)
def test_merging_follows_its_formula(name, expected):
    x = [np.array([[1.0, 4.0]]), np.array([[2.0, -1.0]]), np.array([[3.0, 0.0]])]
    expected = [[6.0, 0.0]] if name == "Multiply" else expected

    assert layers.LAYERS[name]()(x).numpy().tolist() == expected


def test_merging_refuses_shapes_that_do_not_fit():
    with pytest.raises(LayerArgumentError, match="broadcast"):
        layers.Add(name="a")([np.ones((2, 3)), np.ones((2, 4))])
    with pytest.raises(LayerArgumentError, match="axis 1"):
        layers.Concatenate(axis=1)([np.ones((2, 3)), np.ones((3, 3))])
    with pytest.raises(LayerArgumentError, match="list of at least one"):
        layers.Add()(ONES)
    with pytest.raises(LayerArgumentError, match="expected 2 inputs"):
        layers.Subtract()([ONES, ONES, ONES])


def test_layers_are_listed_under_their_class_names():
    assert {name: layer.__name__ for name, layer in layers.LAYERS.items()} == {
        name: name for name in layers.LAYERS
    }
