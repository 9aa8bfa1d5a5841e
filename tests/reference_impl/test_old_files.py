"""Files as Keras 2.0 to TensorFlow 2.10 wrote them: made from our own by taking newer parts out."""

import json

import h5py
import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.catalogue import UnknownNameError
from saveproof.reference_impl.optimizers import legacy
from saveproof.reference_impl.saving.archive.zip_archive import read_archive
from saveproof.reference_impl.saving.model_state.restore_training import OptimizerMismatch
from tests.reference_impl.checkpoint_models import LEGACY, compiled, everything, trained

KERAS_2 = {
    "Adam": {"lr": 0.01, "beta_1": 0.9, "beta_2": 0.999, "decay": 0.1, "epsilon": 1e-8},
    "SGD": {"lr": 0.01, "momentum": 0.0, "decay": 0.0, "nesterov": False},
    "RMSprop": {"lr": 0.01, "rho": 0.9, "decay": 0.0, "epsilon": 1e-8},
    "Adagrad": {"lr": 0.01, "decay": 0.0, "epsilon": 1e-8},
    "Adadelta": {"lr": 1.0, "rho": 0.95, "decay": 0.0, "epsilon": 1e-8},
    "Adamax": {"lr": 0.002, "beta_1": 0.9, "beta_2": 0.999, "decay": 0.0, "epsilon": 1e-8},
    "Nadam": {"lr": 0.002, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "schedule_decay": 0.01},
}
"""What Keras 2.0 to 2.2 wrote of each optimizer."""

WITHOUT_ITERATION = ("RMSprop", "Adagrad", "Adadelta")
"""Of which optimizers the list of state held the slots alone."""

UNUSED = {"Adam": (1,), "SGD": None}
"""Which optimizers had one more slot a weight, that nothing is read from; its shape if fixed."""

FORMATS = {
    "m.h5": {},
    "keras_3.h5": {"dialect": "keras"},
    "m.keras": {},
    "keras_2.keras": {"dialect": "tf_keras"},
    "saved": {},
}


def rewritten(file, settings, arrays=None):
    """Put compile settings, and a list of optimizer state, into a file in place of its own."""
    with h5py.File(file, "a") as root:
        del root["saveproof_state"]
        root.attrs["training_config"] = json.dumps(settings).encode()
        del root["optimizer_weights"]
        if arrays is not None:
            group = root.create_group("optimizer_weights")
            names = [f"training/Optimizer/Variable_{place}:0" for place in range(len(arrays))]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, array in zip(names, arrays, strict=True):
                group[name] = array


def settings_of(name):
    entry = {"class_name": name, "config": KERAS_2[name]}
    rest = {"loss": "mse", "metrics": [], "loss_weights": None, "sample_weight_mode": None}
    return {"optimizer_config": entry, **rest}


@pytest.mark.parametrize("name", KERAS_2)
def test_compile_settings_of_keras_2_are_those_of_the_legacy_optimizer(name, tmp_path):
    compiled(keras, "chain").save(tmp_path / "m.h5")
    rewritten(tmp_path / "m.h5", settings_of(name))

    optimizer = keras.models.load_model(tmp_path / "m.h5").optimizer

    told = KERAS_2[name]
    assert type(optimizer) is getattr(legacy, name)
    assert float(optimizer.learning_rate.value) == np.float32(told["lr"])
    assert optimizer.decay == told.get("decay", told.get("schedule_decay"))


@pytest.mark.parametrize("name", KERAS_2)
def test_state_as_keras_2_listed_it_is_kept(name, tmp_path):
    """Some lists lack the iteration or the product of momenta, which start anew as in tf_keras."""
    arguments = {k: v for k, v in KERAS_2[name].items() if k in ("momentum", "rho")}
    model = compiled(keras, "chain", getattr(legacy, name)(0.01, **arguments))
    trained(model, "chain", steps=3)
    model.save(tmp_path / "m.h5")
    state, weights = model.optimizer, model.trainable_weights
    slots = [slot.value for _, _, slot in state.slots_by_variable()]
    first = [] if name in WITHOUT_ITERATION else [state.iterations.value]
    unused = weights if name in UNUSED else []
    last = [np.zeros(UNUSED[name] or weight.shape) for weight in unused]
    rewritten(tmp_path / "m.h5", settings_of(name), [*first, *slots, *last])

    again = keras.models.load_model(tmp_path / "m.h5").optimizer

    found = [slot.value.tobytes() for _, _, slot in again.slots_by_variable()]
    assert found == [slot.tobytes() for slot in slots]
    assert int(again.iterations.value) == (3 if first else 0)


def test_slots_of_three_weights_are_not_those_of_two_with_one_that_is_unused(tmp_path):
    """As a file has them whose layer was frozen after training; all shapes are equal."""
    dense = [keras.layers.Dense(4, use_bias=False) for _ in range(3)]
    model = keras.Sequential([keras.Input((4,)), *dense])
    model.compile(legacy.Adam(), "mse")
    model.train_on_batch(np.ones((2, 4)), np.ones((2, 4)))
    dense[0].trainable = False
    model.save(tmp_path / "m.h5")
    arrays = [variable.value for variable in model.optimizer.variables]
    rewritten(tmp_path / "m.h5", settings_of("Adam"), arrays)

    again = keras.models.load_model(tmp_path / "m.h5").optimizer
    assert all(map(np.array_equal, arrays, [variable.value for variable in again.variables]))
    assert len(again.variables) == len(arrays)


def test_state_that_is_of_no_known_list_is_refused(tmp_path):
    compiled(keras, "chain").save(tmp_path / "m.h5")
    rewritten(tmp_path / "m.h5", settings_of("Adam"), [np.zeros(()), np.zeros(5)])

    with pytest.raises(OptimizerMismatch, match=r"found \[\(\), \(5,\)\]"):
        keras.models.load_model(tmp_path / "m.h5")


@pytest.mark.parametrize("file", FORMATS)
@pytest.mark.parametrize("name", LEGACY)
def test_a_legacy_optimizer_is_saved_again_in_every_format(name, file, tmp_path):
    model = compiled(keras, "chain", LEGACY[name](legacy))
    trained(model, "chain", steps=2)
    model.save(tmp_path / file, **FORMATS[file])

    again = keras.models.load_model(tmp_path / file)

    assert type(again.optimizer) is type(model.optimizer)
    assert everything(again) == everything(model)
    assert trained(again, "chain", steps=3) == trained(model, "chain", steps=3)


def test_an_archive_names_an_optimizer_that_keras_3_refuses(tmp_path):
    """Keras 3 has none that computes the same, and would train on otherwise."""
    compiled(keras, "chain", legacy.Adam(decay=0.1)).save(tmp_path / "m.keras")

    entry = read_archive(tmp_path / "m.keras").config["compile_config"]["optimizer"]
    assert (entry["module"], entry["class_name"]) == ("keras.optimizers.legacy", "Adam")


@pytest.mark.parametrize("file", ["ck", "m.weights.h5"])
@pytest.mark.parametrize("name", LEGACY)
def test_weights_of_a_legacy_optimizer_are_saved_with_its_state(name, file, tmp_path):
    model = compiled(keras, "chain", LEGACY[name](legacy))
    trained(model, "chain", steps=2)
    model.save_weights(tmp_path / file)
    again = compiled(keras, "chain", LEGACY[name](legacy))
    again.load_weights(tmp_path / file)

    assert trained(again, "chain", steps=3) == trained(model, "chain", steps=3)
    assert everything(again) == everything(model)


@pytest.mark.parametrize(
    ("kind", "file"), [("network", "saved"), ("network", "ck"), ("subclassed", "ck")]
)
def test_slots_of_weights_deep_in_a_model_come_back(kind, file, tmp_path):
    """Of cells of recurrent layers, of models in models, of layers in lists."""
    model = compiled(keras, kind, legacy.SGD(0.001, momentum=0.9))
    trained(model, kind, steps=2)
    if file == "saved":
        model.save(tmp_path / file)
        again = keras.models.load_model(tmp_path / file)
    else:
        model.save_weights(tmp_path / file)
        again = compiled(keras, kind, legacy.SGD(0.001, momentum=0.9))
        again.load_weights(tmp_path / file)

    assert trained(again, kind, steps=3) == trained(model, kind, steps=3)
    assert everything(again) == everything(model)


@pytest.mark.parametrize("taking", [keras.optimizers.Adam(), legacy.Adamax(), legacy.SGD()])
def test_state_of_another_class_is_left_with_a_warning(taking, tmp_path, caplog):
    """Adam's slots are called as Adamax's are; in an HDF5 file the class says which they are."""
    model = compiled(keras, "chain", legacy.Adam(0.01))
    trained(model, "chain", steps=2)
    model.save_weights(tmp_path / "m.weights.h5")
    again = compiled(keras, "chain", taking)
    again.load_weights(tmp_path / "m.weights.h5")

    assert "expected" in caplog.text
    assert int(again.optimizer.iterations.value) == 0


@pytest.mark.parametrize(
    ("written", "read"),
    [(legacy.Adam(), legacy.RMSprop()), (keras.optimizers.Adam(), legacy.Adam())],
)
def test_a_checkpoint_of_another_class_is_left_with_a_warning(written, read, tmp_path, caplog):
    model = compiled(keras, "chain", written)
    trained(model, "chain", steps=2)
    model.save_weights(tmp_path / "ck")
    again = compiled(keras, "chain", read)
    status = again.load_weights(tmp_path / "ck")
    trained(again, "chain", steps=1)

    assert "of an optimizer of another class" in caplog.text
    assert int(again.optimizer.iterations.value) == 1
    with pytest.raises(AssertionError, match="have no value"):
        status.assert_consumed()


@pytest.mark.parametrize("name", ["Nadam", "Adagrad", "RMSprop"])
def test_state_of_a_formula_that_has_changed_is_refused(name, tmp_path):
    """The optimizer of the same name, since TensorFlow 2.11, would train on otherwise."""
    model = compiled(keras, "chain", getattr(legacy, name)())
    trained(model, "chain", steps=1)
    model.save_weights(tmp_path / "ck")
    today = compiled(keras, "chain", getattr(keras.optimizers, name)())

    with pytest.raises(OptimizerMismatch, match=rf"compile with optimizers\.legacy\.{name}"):
        today.load_weights(tmp_path / "ck")


def test_a_checkpoint_of_other_options_is_refused(tmp_path):
    model = compiled(keras, "chain", legacy.Adam(amsgrad=True))
    trained(model, "chain", steps=1)
    model.save_weights(tmp_path / "ck")

    with pytest.raises(OptimizerMismatch, match=r"'vhat'.*other options"):
        compiled(keras, "chain", legacy.Adam()).load_weights(tmp_path / "ck")


def test_slots_of_a_layer_frozen_since_come_back_from_a_saved_model(tmp_path):
    model = compiled(keras, "chain", legacy.SGD(0.001, momentum=0.9))
    trained(model, "chain", steps=2)
    model.layers[0].trainable = False
    model.save(tmp_path / "saved")

    assert everything(keras.models.load_model(tmp_path / "saved")) == everything(model)


def test_an_optimizer_of_today_refuses_the_list_of_a_legacy_one(tmp_path):
    model = compiled(keras, "chain", legacy.Adam())
    trained(model, "chain", steps=1)
    model.save(tmp_path / "m.h5")
    own = {"Adam": keras.optimizers.Adam}
    with h5py.File(tmp_path / "m.h5", "a") as root:
        settings = json.loads(root.attrs["training_config"])
        del settings["optimizer_config"]["config"]["decay"]
        root.attrs["training_config"] = json.dumps(settings)

    with pytest.raises(OptimizerMismatch, match=r"legacy optimizer from before TensorFlow 2\.11"):
        keras.models.load_model(tmp_path / "m.h5", custom_objects=own)


@pytest.mark.parametrize("name", ["Lamb", "Muon"])
def test_an_optimizer_of_keras_that_is_not_offered_is_said_to_be_one(name, tmp_path):
    compiled(keras, "chain").save(tmp_path / "m.h5")
    entry = {"class_name": name, "config": {"learning_rate": 0.1, "decay": 0.0}}
    rewritten(tmp_path / "m.h5", {**settings_of("Adam"), "optimizer_config": entry})

    with pytest.raises(
        UnknownNameError, match=rf"has no optimizers\S*\.{name}; it offers Adadelta"
    ):
        keras.models.load_model(tmp_path / "m.h5")
