"""Files that name classes and functions which are not known here."""

import json

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.catalogue import UnknownNameError
from saveproof.reference_impl.keras_names import KERAS_CLASSES
from saveproof.reference_impl.layers.serialization import UnknownLayer


def error_of(y_true, y_pred):
    """A loss of the user's own."""
    return (y_true - y_pred) * (y_true - y_pred)


@pytest.mark.parametrize("file", ["m.h5", "m.keras", "saved"])
@pytest.mark.parametrize("what", ["loss", "metrics", "weighted_metrics"])
def test_a_function_of_the_user_is_asked_for_at_the_load(what, file, tmp_path):
    """In every format alike, and not first at the training that needs it."""
    model = keras.Sequential([keras.layers.Dense(2, input_shape=(4,))])
    own = {"loss": error_of} if what == "loss" else {what: [error_of], "loss": "mse"}
    model.compile("sgd", **own)
    model.train_on_batch(np.ones((3, 4)), np.ones((3, 2)))
    model.save(tmp_path / file)

    with pytest.raises(UnknownNameError, match=r"custom_objects, or load .* found.*error_of"):
        keras.models.load_model(tmp_path / file)
    assert keras.models.load_model(tmp_path / file, compile=False).compiled is None
    keras.models.load_model(tmp_path / file, custom_objects={"error_of": error_of})


@pytest.mark.parametrize(("class_name", "module"), [("ConvLSTM2D", None), ("New", "keras.layers")])
def test_a_layer_of_keras_that_is_not_offered_is_said_to_be_one(class_name, module):
    layer = {"class_name": class_name, "config": {"name": "m"}, "module": module}
    entry = {"class_name": "Sequential", "config": {"name": "s", "layers": [layer]}}

    said = rf"layer 'm': reference_impl has no layers.{class_name}; it offers Act.*Keras"
    with pytest.raises(UnknownLayer, match=said):
        keras.models.model_from_json(json.dumps(entry))


@pytest.mark.parametrize(
    ("namespace", "name", "offered"),
    [
        ("layers", "ConvLSTM2D", "Dense"),
        ("optimizers", "Muon", "SGD"),
        ("losses", "Dice", "Huber"),
        ("metrics", "BinaryIoU", "Recall"),
        ("callbacks", "TensorBoard", "ModelCheckpoint"),
    ],
)
def test_a_name_that_is_not_offered_is_told_with_those_that_are(namespace, name, offered):
    said = f"^reference_impl has no {namespace}.{name}; it offers .*{offered}"
    with pytest.raises(AttributeError, match=said):
        getattr(getattr(keras, namespace), name)


BASES = {"InputSpec", "Layer", "Loss", "Metric", "Optimizer", "ReductionV2", "Wrapper"}
"""Exported beside the classes that a file can name."""


@pytest.mark.frameworks
@pytest.mark.parametrize("kind", ["layers", "optimizers", "losses", "metrics"])
def test_every_class_that_tf_keras_exports_is_known_or_known_to_be_its_own(kind):
    exported = vars(getattr(pytest.importorskip("tf_keras"), kind)).values()
    names = {item.__name__ for item in exported if isinstance(item, type)} - BASES
    offered = vars(getattr(keras, kind)).keys()

    assert names - KERAS_CLASSES - offered == set()
