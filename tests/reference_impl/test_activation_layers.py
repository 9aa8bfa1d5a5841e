"""Activations as layers with arguments or weights of their own, by worked numbers."""

import json

import numpy as np
import pytest

from saveproof.reference_impl import layers
from saveproof.reference_impl.layers.arguments import LayerArgumentError, UnsupportedArgumentError
from saveproof.reference_impl.models import model_from_json

X = np.array([[-2.0, -0.5, 0.5, 2.0]], np.float32)


def test_relu_has_a_threshold_a_slope_and_a_largest_value():
    assert layers.ReLU()(X).numpy().tolist() == [[0, 0, 0.5, 2]]
    assert layers.ReLU(1.0, 0.5, 1.0)(X).numpy().tolist() == [[-1.5, -0.75, -0.25, 1]]


def test_relu_refuses_numbers_below_zero():
    with pytest.raises(LayerArgumentError, match="threshold: expected a number of at least 0"):
        layers.ReLU(threshold=-1.0)


def test_leaky_relu_takes_the_name_of_keras_3_for_its_slope():
    assert layers.LeakyReLU(0.25)(X).numpy().tolist() == [[-0.5, -0.125, 0.5, 2]]
    assert layers.LeakyReLU(negative_slope=0.25).get_config()["alpha"] == 0.25
    assert layers.LeakyReLU(0.25).negative_slope == 0.25


def test_prelu_trains_a_slope_for_each_feature():
    layer = layers.PReLU(alpha_initializer="ones")
    layer(X)
    layer.set_weights([np.array([0.5, 2.0, 1.0, 1.0])])

    assert layer(X).numpy().tolist() == [[-1, -1, 0.5, 2]]
    assert len(layer.trainable_weights) == 1


def test_prelu_refuses_a_shared_axis_that_is_not_there():
    with pytest.raises(LayerArgumentError, match="shared_axes from 1 to 1"):
        layers.PReLU(shared_axes=[2])(X)


def test_softmax_adds_up_to_one_over_each_axis_or_all():
    x = np.arange(8, dtype=np.float32).reshape(1, 2, 4)

    assert np.allclose(layers.Softmax(1)(x).numpy().sum(1), 1)
    assert np.allclose(layers.Softmax([1, 2])(x).numpy().sum(), 1)


def test_lambda_is_refused_by_name_in_a_program_and_in_a_file():
    with pytest.raises(UnsupportedArgumentError, match="Lambda layers are not supported, since"):
        layers.Lambda(lambda x: x)

    code = {"name": "scale", "function": ["4wEAAAA=", None, None], "function_type": "lambda"}
    entry = {"class_name": "Lambda", "config": code}
    sequential = {"class_name": "Sequential", "config": {"name": "m", "layers": [entry]}}
    with pytest.raises(UnsupportedArgumentError, match="layer 'scale': Lambda layers"):
        model_from_json(json.dumps(sequential))
