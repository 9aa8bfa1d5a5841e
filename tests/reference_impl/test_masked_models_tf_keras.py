"""Models with masks, attention and layers on each step, held against tf_keras."""

import numpy as np
import pytest

from saveproof import reference_impl
from tests.reference_impl.masked_models import MODELS, compiled

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5"),
]

STEPS = 10


@pytest.mark.parametrize("name", MODELS)
def test_ten_steps_of_training_agree(keras, name):
    _, x, y = MODELS[name]
    ours, theirs = (compiled(module, name, run_eagerly=True) for module in (reference_impl, keras))
    theirs(x)
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    ours.set_weights(theirs.get_weights())
    weights = np.linspace(0.5, 1.5, len(y)).astype("float32")

    for step in range(STEPS):
        found, expected = (
            one.train_on_batch(x, y, sample_weight=weights) for one in (ours, theirs)
        )
        assert found == pytest.approx(expected, rel=1e-4), f"step {step}"
    for our_weight, their_weight in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(our_weight, their_weight, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x, verbose=0), rtol=1e-3, atol=1e-4)
