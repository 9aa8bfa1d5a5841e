"""Files of models with masks, attention and layers on each step, exchanged with Keras 3."""

import numpy as np
import pytest

from saveproof import reference_impl
from saveproof.reference_impl.loading import LoadError
from tests.reference_impl.masked_models import MODELS, STEPS

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

EXCHANGED = ("zeros", "self attention", "masked steps", "last of both", "normalized", "grown")


@pytest.fixture(scope="module")
def keras_3():
    return pytest.importorskip("keras")


def outputs(model, x):
    found = model(x)
    return np.asarray(found.detach().cpu() if hasattr(found, "detach") else found)


@pytest.mark.parametrize("file", ["m.keras", "m.h5"])
@pytest.mark.parametrize("name", EXCHANGED)
def test_models_are_read_both_ways(keras_3, tmp_path, name, file):
    make, x, _ = MODELS[name]
    for writer, reader in ((keras_3, reference_impl), (reference_impl, keras_3)):
        model, target = make(writer), tmp_path / writer.__name__ / file
        target.parent.mkdir()
        model.save(target, **({"dialect": "keras"} if writer is reference_impl else {}))

        loaded = reader.models.load_model(target)

        np.testing.assert_allclose(outputs(loaded, x), outputs(model, x), rtol=1e-4, atol=1e-5)


def test_a_mask_that_is_an_input_is_not_lost(keras_3, tmp_path):
    given, mask = keras_3.Input((5, 4)), keras_3.Input((5,), dtype="bool")
    model = keras_3.Model([given, mask], keras_3.layers.LSTM(3)(given, mask=mask))
    model.save(tmp_path / "m.keras")
    x = [STEPS, np.random.default_rng(2).random(STEPS.shape[:2]) < 0.5]

    loaded = reference_impl.models.load_model(tmp_path / "m.keras")

    np.testing.assert_allclose(outputs(loaded, x), outputs(model, x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("file", "message"),
    [("m.keras", "operation 'NotEqual' of Keras 3"), ("m.h5", "no layers.NotEqual; it offers")],
)
def test_a_mask_that_is_computed_outside_of_layers_is_refused(keras_3, tmp_path, file, message):
    MODELS["joined features"][0](keras_3).save(tmp_path / file)

    with pytest.raises(LoadError, match=message):
        reference_impl.models.load_model(tmp_path / file)
