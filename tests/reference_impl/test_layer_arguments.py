"""Shapes and sizes as programs give them: a wrong one is refused where it was written."""

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.layers.arguments import LayerArgumentError

L = keras.layers

SHAPES = {
    "input_shape": lambda shape: L.Dense(1, input_shape=shape),
    "batch_input_shape": lambda shape: L.Dense(1, batch_input_shape=shape),
    "target_shape": lambda shape: L.Reshape(shape),
    "noise_shape": lambda shape: L.Dropout(0.5, noise_shape=shape),
    "weight 'w': shape": lambda shape: L.Layer().add_weight("w", shape),
    "input_shape of Input": lambda shape: keras.Input(shape),
    "batch_input_shape of Input": lambda shape: keras.Input(batch_shape=shape),
}
NO_SHAPES = ("abc", 2.5, {}, {3}, (None, "a"), (2.5,), (-3,), (True,), [[3]])


@pytest.mark.parametrize("shape", NO_SHAPES)
@pytest.mark.parametrize("name", SHAPES)
def test_what_is_no_shape_is_refused_by_its_argument(name, shape):
    argument = name.removesuffix(" of Input")
    with pytest.raises(LayerArgumentError, match=f"^layer '.*{argument}: expected a list or tuple"):
        SHAPES[name](shape)


@pytest.mark.parametrize("name", [name for name in SHAPES if name != "input_shape of Input"])
def test_one_number_is_no_shape_but_for_an_input(name):
    with pytest.raises(LayerArgumentError, match=r"length of each axis.*, found 4$"):
        SHAPES[name](4)

    assert keras.Input(4).shape == (None, 4)
    assert L.InputLayer(np.int64(4)).batch_input_shape == (None, 4)


def test_a_weight_of_an_open_length_is_refused():
    class Scale(L.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight("scale", (input_shape[1], 2))

        def call(self, inputs):
            return inputs

    with pytest.raises(LayerArgumentError, match=r"weight 'scale': shape: .*found \(None, 2\)"):
        Scale()(keras.Input((None, 2)))
    assert L.Layer().add_weight("alone", None).shape == ()


@pytest.mark.parametrize("length", ["abc", 2.5, (3,), -3, True])
def test_what_is_no_length_is_refused_by_its_argument(length):
    wanted = "expected an integer of at least 0, found"
    with pytest.raises(LayerArgumentError, match=f"input_dim: {wanted}"):
        L.Dense(1, input_dim=length)
    with pytest.raises(LayerArgumentError, match=f"batch_size: {wanted}"):
        L.Dense(1, input_shape=(2,), batch_size=length)
    with pytest.raises(LayerArgumentError, match=f"Embedding: input_length: {wanted}"):
        L.Embedding(3, 2, input_length=length)


@pytest.mark.parametrize("size", ["abc", 2.5, None, (2.5, 1), (1, "a"), (0, 1)])
def test_what_is_no_size_of_a_window_is_refused_by_its_argument(size):
    with pytest.raises(LayerArgumentError, match="kernel_size: expected one or 2 positive"):
        L.Conv2D(3, size)


def test_shapes_of_any_list_are_taken():
    class Lengths:
        def __iter__(self):
            return iter((2, None))

    assert L.Dense(1, input_shape=np.array([2, 3])).batch_input_shape == (None, 2, 3)
    assert L.Dense(1, input_shape=Lengths(), batch_size=4).batch_input_shape == (4, 2, None)
    assert L.Reshape(range(1, 3)).target_shape == (1, 2)


def test_a_dtype_beside_inputs_and_outputs_is_refused():
    """As in tf_keras: the layers of a graph have their own."""
    given = keras.Input((4,))
    with pytest.raises(TypeError, match=r"Model: dtype: expected None .*found 'int64'"):
        keras.Model(given, L.Dense(1)(given), dtype="int64")
