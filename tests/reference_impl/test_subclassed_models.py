"""Subclassed models: what their own methods are asked for."""

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.engine.own_steps import OwnStep

X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


class Built(keras.Model):
    def build(self, input_shape):
        self.seen = [*getattr(self, "seen", []), input_shape]
        self.factor = self.add_weight(name="factor", shape=(input_shape[-1],))

    def call(self, inputs):
        return inputs * self.factor


def test_a_subclassed_models_own_build_is_called_once_before_its_first_call():
    model = Built(name="own")
    model(X)
    model(X[:2])

    assert model.seen == [(6, 4)]
    assert [weight.name for weight in model.weights] == ["own/factor:0"]


def test_an_own_build_that_was_asked_for_already_leaves_no_weight_behind():
    """As in tf_keras, which calls it again unless it sets `built`."""
    model = Built()
    model.build((None, 4))
    model(X)

    assert model.seen == [(None, 4), (6, 4)]
    assert len(model.weights) == 1


@pytest.mark.parametrize("step", ["compute_loss", "test_step", "train_step"])
def test_a_step_of_training_of_the_subclass_is_refused(step):
    """tf_keras would call it: to pass it over would train otherwise than the model says."""
    stating = type("Stating", (Built,), {step: lambda *_: {}})

    with pytest.raises(OwnStep, match=rf"Stating defines \['{step}'\]"):
        stating().compile("sgd", "mse")
    assert stating().predict(X).shape == X.shape


@pytest.mark.parametrize("asked", ["predict", "predict_on_batch"])
def test_a_step_of_prediction_of_the_subclass_is_refused(asked):
    stating = type("Stating", (Built,), {"predict_step": lambda *_: {}})

    with pytest.raises(OwnStep, match=r"Stating defines \['predict_step'\]"):
        getattr(stating(), asked)(X)
