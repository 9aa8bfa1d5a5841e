"""LossScaleOptimizer held against tf_keras's, and its files exchanged with tf_keras and Keras 3."""

import numpy as np
import pytest

from saveproof import reference_impl as reference
from tests.reference_impl.checkpoint_models import MODELS, ROWS, TARGETS, trained

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

INNER = {
    "adam": lambda module: module.Adam(0.01, clipnorm=0.5),
    "momentum": lambda module: module.SGD(0.05, momentum=0.9),
    "adafactor": lambda module: module.Adafactor(0.05),
}


@pytest.fixture(scope="module")
def tf_keras():
    return pytest.importorskip("tf_keras")


@pytest.fixture(scope="module")
def keras():
    pytest.importorskip("jax")
    return pytest.importorskip("keras")


def compiled(keras, inner="adam", **options):
    model = MODELS["chain"][0](keras)
    of = keras.mixed_precision if hasattr(keras, "mixed_precision") else keras.optimizers
    kind = getattr(of, "LossScaleOptimizer", None) or keras.optimizers.LossScaleOptimizer
    options = {"initial_scale": 8.0, "dynamic_growth_steps": 2, **options}
    eager = {} if keras is reference else {"run_eagerly": True}
    model.compile(kind(INNER[inner](keras.optimizers), **options), "mse", **eager)
    return model


@pytest.mark.parametrize(
    "options",
    [{}, {"dynamic": False, "dynamic_growth_steps": None}, {"initial_scale": 2.0**80}],
    ids=str,
)
@pytest.mark.parametrize("inner", INNER)
def test_ten_steps_are_those_of_tf_keras(tf_keras, inner, options):
    """With a scale of 2^80, the targets of step 3 are so large that the gradients overflow."""
    outlier = 1e18 if "initial_scale" in options else 0
    models = [compiled(keras, inner, **options) for keras in (tf_keras, reference)]
    models[1].set_weights(models[0].get_weights())
    seen = []
    for model in models:
        states = []
        for step in range(10):
            loss = float(model.train_on_batch(ROWS, TARGETS + outlier * (step == 3)))
            counter = model.optimizer.dynamic_counter
            count = -1 if counter is None else int(counter.numpy())
            iteration = int(model.optimizer.iterations.numpy())
            states.append([loss, float(model.optimizer.loss_scale), count, iteration])
        seen.append(states)

    np.testing.assert_allclose(*seen, rtol=2e-4)
    assert models[1].optimizer.get_config() == models[0].optimizer.get_config()
    serialize = (reference.optimizers.serialize, tf_keras.optimizers.serialize)
    for form in ({}, {"use_legacy_format": True}):
        ours, theirs = (
            f(m.optimizer, **form) for f, m in zip(serialize, models[::-1], strict=True)
        )
        assert ours == theirs


@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("name", ["m.h5", "m.keras", "m", "ck"])
def test_tf_keras_s_files_continue_here(tf_keras, tmp_path, inner, name):
    """Its HDF5 files and archives have no scale; it begins anew, which changes no finite step."""
    model = compiled(tf_keras, inner)
    trained(model, "chain", steps=3)
    if name == "ck":
        model.save_weights(tmp_path / name)
        loaded = compiled(reference, inner)
        loaded.load_weights(tmp_path / name)
    else:
        model.save(tmp_path / name)
        loaded = reference.models.load_model(tmp_path / name)

    expected = trained(model, "chain", steps=10)
    np.testing.assert_allclose(trained(loaded, "chain", steps=10), expected, rtol=2e-4)
    same = float(model.optimizer.loss_scale) == float(loaded.optimizer.loss_scale)
    assert same is (name in ("m", "ck"))


@pytest.mark.parametrize("inner", ["adam", "momentum"])
def test_files_continue_in_tf_keras(tf_keras, tmp_path, inner):
    """From HDF5 and SavedModels it restores no optimizer inside a LossScaleOptimizer.

    Adafactor inside one it cannot load at all, from any file.
    """
    model = compiled(reference, inner)
    trained(model, "chain", steps=3)
    model.save(tmp_path / "m.keras", dialect="tf_keras")
    model.save(tmp_path / "m.h5")
    model.save_weights(tmp_path / "ck")
    theirs = tf_keras.models.load_model(str(tmp_path / "m.keras"))
    of_hdf5 = tf_keras.models.load_model(str(tmp_path / "m.h5"))
    restored = compiled(tf_keras, inner)
    restored.load_weights(tmp_path / "ck")
    expected = trained(model, "chain", steps=10)

    for other in (theirs, restored):
        np.testing.assert_allclose(trained(other, "chain", steps=10), expected, rtol=2e-4)
    assert float(restored.optimizer.loss_scale) == float(model.optimizer.loss_scale)
    assert of_hdf5.optimizer.get_config() == model.optimizer.get_config()


@pytest.mark.parametrize("inner", INNER)
def test_archives_go_to_keras_3_and_back_with_the_scale(keras, tmp_path, inner):
    model = compiled(reference, inner)
    trained(model, "chain", steps=3)
    model.save(tmp_path / "m.keras", dialect="keras")
    theirs = keras.models.load_model(str(tmp_path / "m.keras"))
    expected = trained(model, "chain", steps=4)
    np.testing.assert_allclose(trained(theirs, "chain", steps=4), expected, rtol=2e-3)
    assert float(np.asarray(theirs.optimizer.dynamic_scale.value)) == float(
        model.optimizer.loss_scale
    )

    state = _scale_of(theirs)
    theirs.save(str(tmp_path / "n.keras"))
    again = reference.models.load_model(tmp_path / "n.keras")
    found = again.optimizer.scale_state
    assert state == (found["current_loss_scale"].value, found["good_steps"].value)
    expected = trained(theirs, "chain", steps=4)
    np.testing.assert_allclose(trained(again, "chain", steps=4), expected, rtol=2e-3)


def _scale_of(model):
    """Return the scale and the counter of one of Keras 3's models."""
    state = (model.optimizer.dynamic_scale, model.optimizer.step_counter)
    return tuple(float(variable.numpy()) for variable in state)
