import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.layers.symbolic import KerasTensor


class Scale(keras.layers.Layer):
    def build(self, input_shape):
        self.factor = self.add_weight("factor", (input_shape[-1],), initializer="ones")

    def call(self, inputs):
        return inputs * self.factor


class Block(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.parts = [keras.layers.Dense(units), keras.layers.Dense(units)]
        self.drop = keras.layers.Dropout(0.5)

    def call(self, inputs):
        return self.drop(self.parts[1](self.parts[0](inputs)))

    def get_config(self):
        return super().get_config() | {"units": self.units}


@pytest.fixture(autouse=True)
def fresh_names():
    keras.backend.clear_session()


def test_weights_are_named_after_their_layer():
    layer = Scale(name="scale")
    layer(np.ones((2, 3)))

    assert [weight.name for weight in layer.weights] == ["scale/factor:0"]


def test_names_count_up_within_the_process():
    assert [Scale().name, Scale().name, keras.layers.Dense(1).name] == ["scale", "scale_1", "dense"]


def test_unknown_arguments_are_refused():
    with pytest.raises(TypeError, match="not understood: \\['sparkle'\\]"):
        keras.layers.Dense(1, sparkle=True)


def test_layers_in_lists_are_tracked_in_the_order_of_assignment():
    block = Block(2)
    block(np.ones((1, 2)))

    assert [layer.name for layer in block.sublayers()] == ["dense", "dense_1", "dropout"]
    assert [weight.name for weight in block.weights] == [
        "block/dense/kernel:0",
        "block/dense/bias:0",
        "block/dense_1/kernel:0",
        "block/dense_1/bias:0",
    ]


def test_a_layer_assigned_anew_is_no_longer_tracked():
    block = Block(2)
    block.drop = keras.layers.Dropout(0.1, name="other")

    assert [layer.name for layer in block.sublayers()] == ["dense", "dense_1", "other"]


def test_freezing_reaches_every_layer_below():
    block = Block(2)
    block(np.ones((1, 2)))
    block.trainable = False

    assert block.trainable_weights == []
    assert len(block.non_trainable_weights) == 4
    assert not block.parts[0].trainable


def test_generator_state_is_no_weight():
    layer = keras.layers.Dropout(0.5)

    assert layer.weights == []
    assert layer.extra_state


def test_training_reaches_layers_inside_a_call():
    keras.utils.set_random_seed(1)
    block = Block(8)
    x = np.ones((4, 8), "float32")

    assert np.any(block(x, training=True).value == 0)
    np.testing.assert_array_equal(block(x).value, block(x, training=False).value)


def test_float64_data_is_computed_in_float32():
    assert Scale()(np.ones((2, 3))).dtype == np.float32


def test_a_mixed_policy_keeps_float32_weights_and_computes_in_bfloat16():
    layer = keras.layers.Dense(2, dtype="mixed_bfloat16")

    assert str(layer(np.ones((2, 3))).dtype) == "bfloat16"
    assert layer.weights[0].dtype == np.float32


def test_a_symbolic_call_gives_a_symbolic_tensor_of_the_right_shape():
    output = Block(3)(keras.Input((5,)))

    assert isinstance(output, KerasTensor)
    assert output.shape == (None, 3)


def test_weights_of_the_wrong_shape_are_refused_and_nothing_is_set():
    layer = keras.layers.Dense(2, name="d")
    layer(np.ones((1, 3)))
    before = layer.get_weights()

    with pytest.raises(ValueError, match=r"'d/bias:0': expected shape \(2,\), found \(3,\)"):
        layer.set_weights([np.zeros((3, 2)), np.zeros(3)])
    np.testing.assert_array_equal(layer.get_weights()[0], before[0])


def test_a_layer_with_arguments_and_no_get_config_is_refused():
    class Odd(keras.layers.Layer):
        def __init__(self, size, **kwargs):
            super().__init__(**kwargs)
            self.size = size

    with pytest.raises(NotImplementedError, match="takes the arguments \\['size'\\]"):
        Odd(3).get_config()


def test_a_layer_may_name_what_it_hands_on_as_it_likes():
    class Plain(keras.layers.Layer):
        def __init__(this, *rest, **options):
            super().__init__(*rest, **options)

    class Bare(keras.layers.Layer):
        def __init__(*args, **kw):
            keras.layers.Layer.__init__(*args, **kw)

    assert Plain(name="plain").get_config()["name"] == "plain"
    assert Bare(name="bare").get_config()["name"] == "bare"


def test_from_config_gives_a_layer_with_the_same_config():
    config = Block(3, name="b", trainable=False).get_config()

    assert Block.from_config(config).get_config() == config


def test_regularization_counts_frozen_weights_too():
    """As tf_keras does."""
    layer = keras.layers.Dense(2, kernel_regularizer="l2")
    layer(np.ones((1, 3)))
    layer.trainable = False

    assert len(layer.losses) == 1
