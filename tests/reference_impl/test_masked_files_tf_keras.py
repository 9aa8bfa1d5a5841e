"""Files of models with masks, attention and layers on each step, exchanged with tf_keras."""

import os

import numpy as np
import pytest

from saveproof import reference_impl
from tests.reference_impl.masked_models import MODELS, compiled

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5"),
]


@pytest.fixture(scope="module")
def tf_keras():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return pytest.importorskip("tf_keras")


def saved(model, target):
    target.parent.mkdir(exist_ok=True)
    model.save(target, **({"dialect": "tf_keras"} if hasattr(model, "become") else {}))
    return target


@pytest.mark.parametrize("file", ["m.h5", "m.keras"])
@pytest.mark.parametrize("name", MODELS)
def test_whole_models_are_read_both_ways(tf_keras, tmp_path, name, file):
    _, x, y = MODELS[name]
    for writer, reader in ((tf_keras, reference_impl), (reference_impl, tf_keras)):
        model = compiled(writer, name, run_eagerly=True)
        model.train_on_batch(x, y)

        loaded = reader.models.load_model(saved(model, tmp_path / writer.__name__ / file))

        np.testing.assert_allclose(as_array(loaded(x)), as_array(model(x)), rtol=1e-4, atol=1e-5)
        found, expected = (one.train_on_batch(x, y) for one in (loaded, model))
        assert found == pytest.approx(expected, rel=1e-4)


def as_array(outputs):
    return np.asarray(outputs)
