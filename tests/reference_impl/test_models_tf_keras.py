"""Models held against tf_keras: in which order they run calls and list variables."""

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from saveproof import reference_impl

pytestmark = pytest.mark.frameworks

X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")

CALLS = st.lists(
    st.tuples(st.sampled_from(["shared", "Dense", "Multiply"]), st.integers(0, 9)),
    min_size=3,
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@example([("shared", 0), ("shared", 0), ("Dense", 2), ("shared", 2), ("shared", 3)])
@given(CALLS)
def test_moving_statistics_tell_that_calls_run_in_keras_order(keras, calls):
    ours, theirs = (_trained(module, calls) for module in (reference_impl, keras))

    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_variables_are_the_weights_in_keras_order(keras):
    """Statistics stand with their layer, and a model's own weights come last."""
    ours, theirs = (_variables(module) for module in (reference_impl, keras))

    assert ours == theirs


def _variables(keras):
    """Return the names of a subclassed model's variables: all, trainable and not."""

    class Scaled(keras.Model):
        def __init__(self):
            super().__init__(name="scaled")
            self.scale = self.add_weight(name="scale", shape=(1,))
            self.normalization = keras.layers.BatchNormalization(name="normalization")
            self.dense = keras.layers.Dense(1, name="dense")

        def call(self, inputs):
            return self.dense(self.normalization(inputs)) * self.scale

    model = Scaled()
    model(X)
    kinds = (model.variables, model.trainable_variables, model.non_trainable_variables)
    return [[variable.name.split("/")[-1] for variable in kind] for kind in kinds]


def _trained(keras, calls):
    """Return the moving mean of a layer, called as told, after a step that changes no weight."""
    shared = keras.layers.BatchNormalization(momentum=0.7, name="shared")
    tensors = [keras.Input((4,), name="given")]
    tensors.append(shared(tensors[0]))
    for what, source in calls:
        taken = tensors[source % len(tensors)]
        if what == "shared":
            tensors.append(shared(taken))
        elif what == "Dense":
            tensors.append(keras.layers.Dense(4, kernel_initializer="ones")(taken))
        else:
            tensors.append(keras.layers.Multiply()([taken, tensors[-1]]))
    model = keras.Model(tensors[0], tensors[1:])
    model.compile(keras.optimizers.SGD(0.0), ["mse"] * len(tensors[1:]), run_eagerly=True)
    model.train_on_batch(X, [np.zeros_like(X)] * len(tensors[1:]))
    return shared.get_weights()[2]
