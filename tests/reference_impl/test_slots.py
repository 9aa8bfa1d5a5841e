"""Slots of shapes other than their weights', and of one kind beside another, in every format."""

import numpy as np
import pytest

from saveproof import reference_impl as keras
from tests.reference_impl.checkpoint_models import compiled, everything, trained

OPTIMIZERS = ("lion", "adafactor", "ftrl")
SAVES = {
    "h5": ("m.h5", {}),
    "archive": ("m.keras", {"dialect": "tf_keras"}),
    "archive of Keras 3": ("m.keras", {"dialect": "keras"}),
    "saved model": ("m", {"save_format": "tf"}),
}


@pytest.mark.parametrize("save", SAVES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_loaded_model_trains_on_to_the_last_bit(tmp_path, name, save):
    target, options = SAVES[save]
    model = compiled(keras, "image", name)
    trained(model, "image", steps=3)
    model.save(tmp_path / target, **options)
    loaded = keras.models.load_model(tmp_path / target)

    assert everything(loaded) == everything(model)
    assert trained(loaded, "image", steps=3) == trained(model, "image", steps=3)
    assert everything(loaded) == everything(model)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_checkpoint_is_restored_before_and_after_the_slots_exist(tmp_path, name, late):
    model = compiled(keras, "image", name)
    trained(model, "image", steps=3)
    model.save_weights(tmp_path / "ck")
    other = compiled(keras, "image", name)
    if late:
        trained(other, "image", steps=1)
    status = other.load_weights(tmp_path / "ck")
    assert trained(other, "image", steps=3) == trained(model, "image", steps=3)

    status.assert_consumed()
    assert everything(other) == everything(model)


def test_a_checkpoint_of_another_optimizer_is_not_restored(tmp_path, caplog):
    model = compiled(keras, "chain", "lion")
    trained(model, "chain", steps=1)
    model.save_weights(tmp_path / "ck")
    other = compiled(keras, "chain", "ftrl")
    trained(other, "chain", steps=1)
    slots = [variable.value for variable in other.optimizer.variables]
    other.load_weights(tmp_path / "ck")

    assert "optimizer of another class" in caplog.text
    for found, expected in zip(other.optimizer.variables, slots, strict=True):
        np.testing.assert_array_equal(found.value, expected)
