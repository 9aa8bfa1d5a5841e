"""Legacy optimizers in files, from tf_keras to the reference and back."""

import numpy as np
import pytest

from saveproof import reference_impl as reference
from saveproof.reference_impl.optimizers import legacy
from tests.reference_impl.checkpoint_models import LEGACY, compiled, trained

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def tf_keras():
    return pytest.importorskip("tf_keras")


@pytest.mark.parametrize("name", LEGACY)
def test_the_reference_trains_on_where_a_legacy_optimizer_stopped(name, tf_keras, tmp_path):
    """From HDF5, a checkpoint, and one SavedModel, of which tf_keras itself takes no slots."""
    optimizer = LEGACY[name](tf_keras.optimizers.legacy)
    theirs = compiled(tf_keras, "chain", optimizer, run_eagerly=True)
    trained(theirs, "chain", steps=3)
    theirs.save(tmp_path / "m.h5")
    theirs.save_weights(tmp_path / "ck")
    weights = compiled(reference, "chain", LEGACY[name](legacy))
    status = weights.load_weights(tmp_path / "ck")
    weights.optimizer.build(weights.trainable_weights)
    loaded = [reference.models.load_model(tmp_path / "m.h5"), weights]
    if name == "amsgrad":
        theirs.save(tmp_path / "saved")
        loaded.append(reference.models.load_model(tmp_path / "saved"))
    state = [variable.numpy() for variable in theirs.optimizer.weights]
    expected = trained(theirs, "chain", steps=3)

    status.assert_consumed()
    for ours in loaded:
        for mine, other in zip(ours.optimizer.variables, state, strict=True):
            np.testing.assert_array_equal(mine.value, other, err_msg=mine.name)
        # The first loss shows the weights, the next ones the slots.
        np.testing.assert_allclose(trained(ours, "chain", steps=3), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["rmsprop", "momentum", "nadam", "adagrad"])
def test_tf_keras_trains_on_where_the_legacy_optimizer_of_the_reference_stopped(
    name, tf_keras, tmp_path
):
    ours = compiled(reference, "chain", LEGACY[name](legacy))
    trained(ours, "chain", steps=3)
    ours.save(tmp_path / "m.h5")
    ours.save_weights(tmp_path / "ck")
    whole = tf_keras.models.load_model(tmp_path / "m.h5")
    weights = compiled(tf_keras, "chain", LEGACY[name](tf_keras.optimizers.legacy))
    status = weights.load_weights(tmp_path / "ck")
    expected = trained(ours, "chain", steps=3)

    np.testing.assert_allclose(trained(whole, "chain", steps=3), expected, rtol=1e-5)
    np.testing.assert_allclose(trained(weights, "chain", steps=3), expected, rtol=1e-5)
    status.assert_existing_objects_matched()


def test_tf_keras_reads_an_archive_and_a_saved_model_of_a_legacy_optimizer(tf_keras, tmp_path):
    """Of both it takes the weights and settings; the state of a legacy optimizer it leaves."""
    ours = compiled(reference, "chain", legacy.Nadam(0.01))
    trained(ours, "chain", steps=1)
    ours.save(tmp_path / "saved")
    ours.save(tmp_path / "m.keras", dialect="tf_keras")

    for file in ("saved", "m.keras"):
        theirs = tf_keras.models.load_model(tmp_path / file)
        assert type(theirs.optimizer) is tf_keras.optimizers.legacy.Nadam
        for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, other)
