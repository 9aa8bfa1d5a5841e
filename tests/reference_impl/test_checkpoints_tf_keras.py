"""Checkpoints that tf_keras wrote and the reference reads, and the other way round."""

import numpy as np
import pytest

from saveproof import reference_impl as reference
from saveproof.reference_impl.saving.checkpoint.bundle_reader import open_bundle
from tests.reference_impl.checkpoint_models import (
    LEGACY,
    MODELS,
    OPTIMIZERS,
    compiled,
    trained,
)

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

RESUMED_ALIKE = {"rtol": 2e-4, "atol": 1e-6}
"""Two implementations of float32 arithmetic, over four training steps."""


@pytest.fixture(scope="module")
def tf_keras():
    return pytest.importorskip("tf_keras")


EXCHANGES = [(kind, "adam") for kind in MODELS] + [("chain", name) for name in OPTIMIZERS]
EXCHANGES += [("subclassed", "scheduled"), ("network", "ema")]


@pytest.mark.parametrize(("kind", "optimizer"), dict.fromkeys(EXCHANGES))
def test_the_reference_trains_on_where_tf_keras_stopped(tmp_path, tf_keras, kind, optimizer):
    theirs = compiled(tf_keras, kind, optimizer, run_eagerly=True)
    trained(theirs, kind, steps=3)
    theirs.save_weights(tmp_path / "ck")
    ours = compiled(reference, kind, optimizer)
    status = ours.load_weights(tmp_path / "ck")

    resumed = trained(ours, kind, steps=4)
    status.assert_consumed()
    assert int(ours.optimizer.iterations.value) == 7
    np.testing.assert_allclose(resumed, trained(theirs, kind, steps=4), **RESUMED_ALIKE)


@pytest.mark.parametrize(("kind", "optimizer"), dict.fromkeys(EXCHANGES))
def test_tf_keras_trains_on_where_the_reference_stopped(tmp_path, tf_keras, kind, optimizer):
    ours = compiled(reference, kind, optimizer)
    trained(ours, kind, steps=3)
    ours.save_weights(tmp_path / "ck")
    theirs = compiled(tf_keras, kind, optimizer, run_eagerly=True)
    status = theirs.load_weights(tmp_path / "ck")

    resumed = trained(theirs, kind, steps=4)
    status.assert_consumed()
    expected = trained(ours, kind, steps=4)
    if optimizer == "nadam":
        # After a restart it multiplies its running product once a variable, not once a step.
        resumed, expected = resumed[:1], expected[:1]
    np.testing.assert_allclose(resumed, expected, **RESUMED_ALIKE)


def test_tensorflow_reads_every_tensor_and_the_latest_checkpoint(tmp_path, tf):
    ours = compiled(reference, "chain")
    trained(ours, "chain", steps=2)
    # Twice, so that the data are in a file of another name.
    for name in ("ck", "ck"):
        ours.save_weights(tmp_path / name)
    reader = tf.train.load_checkpoint(str(tmp_path))
    bundle = open_bundle(tmp_path / "ck")

    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "ck")
    assert set(reader.get_variable_to_shape_map()) == set(bundle.entries)
    for key in bundle.entries:
        assert np.array_equal(reader.get_tensor(key), bundle.read(key).tolist()), key


def test_the_keys_are_those_of_tf_keras(tmp_path, tf_keras):
    """But for what an exact resume needs, which is under a prefix of its own."""
    for kind in MODELS:
        for keras, folder in ((tf_keras, "theirs"), (reference, "ours")):
            model = compiled(keras, kind, run_eagerly=True)
            trained(model, kind, steps=1)
            model.save_weights(tmp_path / folder / kind)
        theirs = open_bundle(tmp_path / "theirs" / kind).entries
        ours = open_bundle(tmp_path / "ours" / kind).entries

        assert {key for key in ours if not key.startswith(".saveproof/")} == set(theirs)


@pytest.mark.parametrize("name", [name for name in LEGACY if name not in ("nadam", "adagrad")])
def test_the_state_of_a_legacy_optimizer_is_taken_over(tmp_path, tf_keras, name):
    theirs = compiled(tf_keras, "chain", LEGACY[name](tf_keras.optimizers.legacy), run_eagerly=True)
    trained(theirs, "chain", steps=3)
    theirs.save_weights(tmp_path / "ck")
    ours = compiled(reference, "chain", LEGACY[name](reference.optimizers))
    status = ours.load_weights(tmp_path / "ck")

    resumed = trained(ours, "chain", steps=1)
    assert int(ours.optimizer.iterations.value) == 4
    if name != "sgd":
        # Without momentum tf_keras had no slot for ours to take.
        status.assert_consumed()
    # One step shows the weights, two the slots.
    resumed += trained(ours, "chain", steps=1)
    np.testing.assert_allclose(resumed, trained(theirs, "chain", steps=2), rtol=1e-5)


def test_a_checkpoint_of_a_whole_saved_model_is_read(tmp_path, tf_keras):
    theirs = compiled(tf_keras, "chain", run_eagerly=True)
    trained(theirs, "chain", steps=1)
    theirs.save(tmp_path / "saved", save_format="tf")
    ours = compiled(reference, "chain")
    ours.load_weights(tmp_path / "saved")

    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert np.array_equal(mine, other)


def test_bfloat16_and_float64_weights_travel(tmp_path, tf_keras):
    def model(keras):
        return keras.Sequential(
            [
                keras.layers.Dense(3, dtype="bfloat16", input_shape=(4,)),
                keras.layers.Dense(2, dtype="float64"),
            ]
        )

    theirs, ours = model(tf_keras), model(reference)
    theirs.save_weights(tmp_path / "theirs")
    ours.load_weights(tmp_path / "theirs").assert_consumed()
    ours.save_weights(tmp_path / "ours")
    other = model(tf_keras)
    other.load_weights(tmp_path / "ours").assert_consumed()

    for one, two in zip(theirs.get_weights(), other.get_weights(), strict=True):
        assert one.tobytes() == two.tobytes()
