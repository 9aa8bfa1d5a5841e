"""`.keras` archives: what comes back, the user's own classes, and what is refused."""

import json
import zipfile

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.engine.errors import UnbuiltModel
from saveproof.reference_impl.layers.serialization import UnknownLayer
from saveproof.reference_impl.saving.errors import (
    MissingPart,
    NotReadHere,
    UnreadableFile,
    WrongPart,
)

layers = keras.layers
X = np.random.default_rng(1).normal(size=(6, 4)).astype("float32")
Y = np.random.default_rng(2).normal(size=(6, 2)).astype("float32")
DIALECTS = ["keras", "tf_keras"]


def branching():
    given = keras.Input((4,), name="given")
    shared = layers.Dense(4, name="shared", activation="tanh")
    inside = keras.Input((4,), name="inside")
    inner = keras.Model(inside, layers.BatchNormalization(name="norm")(shared(inside)), name="in")
    x = layers.Dropout(0.3, name="drop")(layers.Add(name="sum")([shared(given), inner(given)]))
    outputs = [layers.Dense(2, name="one")(x), layers.Dense(2, name="one_2")(x)]
    model = keras.Model(given, outputs, name="branching")
    model.compile(
        keras.optimizers.SGD(0.1, use_ema=True),
        loss={"one": "mse", "one_2": keras.losses.Huber(0.4)},
        loss_weights={"one": 0.3, "one_2": 2.0},
        metrics={"one_2": ["accuracy", keras.metrics.MeanSquaredError(name="q")]},
        weighted_metrics=[["mae"], []],
    )
    for _ in range(3):
        model.train_on_batch(X, [Y, Y], reset_metrics=False)
    model.get_layer("one").trainable = False
    return model


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("extension", [".keras", ".h5"])
def test_training_goes_on_as_if_the_model_had_never_been_saved(tmp_path, extension, dialect):
    model = branching()
    source = tmp_path / f"m{extension}"
    model.save(source, dialect=dialect)
    loaded = keras.models.load_model(source)

    assert loaded.get_config() == model.get_config()
    assert loaded.metrics_names == model.metrics_names
    for _ in range(3):
        expected = model.train_on_batch(X, [Y, Y], reset_metrics=False)
        assert loaded.train_on_batch(X, [Y, Y], reset_metrics=False) == expected


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_a_layer_in_two_models_is_one_layer_still(tmp_path, name, dialect):
    branching().save(tmp_path / name, dialect=dialect)
    loaded = keras.models.load_model(tmp_path / name)

    assert loaded.get_layer("in").layers[1] is loaded.get_layer("shared")


@keras.utils.register_keras_serializable(package="Mine")
class Scaled(keras.Model):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = [layers.Dense(units), Doubling(factor=3.0)]
        self.last = layers.Dense(2)

    def call(self, inputs):
        for layer in self.hidden:
            inputs = layer(inputs)
        return self.last(inputs)

    def get_config(self):
        return {"name": self.name, "units": self.units}


class Doubling(layers.Layer):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape):
        self.gain = self.add_weight("gain", (input_shape[-1],), initializer="ones")

    def call(self, inputs):
        return inputs * self.gain * self.factor

    def get_config(self):
        return super().get_config() | {"factor": self.factor}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_registered_subclassed_model_comes_back_with_its_training(tmp_path, dialect):
    model = Scaled(3)
    model.compile("adam", "mse", metrics=["mae"])
    for _ in range(2):
        model.train_on_batch(X, Y)
    model.save(tmp_path / "m.keras", dialect=dialect)
    loaded = keras.models.load_model(tmp_path / "m.keras")

    assert (type(loaded), loaded.units) == (Scaled, 3)
    for _ in range(3):
        assert loaded.train_on_batch(X, Y) == model.train_on_batch(X, Y)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_class_that_is_not_registered_must_be_given(tmp_path, dialect):
    given = keras.Input((4,))
    model = keras.Model(given, Doubling(factor=1.5)(given))
    model.save(tmp_path / "m.keras", dialect=dialect)

    with pytest.raises(UnknownLayer, match="custom_objects"):
        keras.models.load_model(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras", custom_objects={"Doubling": Doubling})
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_a_subclassed_model_without_configuration_is_refused(tmp_path):
    class Plain(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, inputs):
            return self.dense(inputs)

    with pytest.raises(UnbuiltModel):
        Plain().save(tmp_path / "m.keras")
    model = Plain()
    model(X)
    with pytest.raises(NotImplementedError, match="defined by its code"):
        model.save(tmp_path / "m.keras")
    assert list(tmp_path.iterdir()) == []


def members_of(source):
    with zipfile.ZipFile(source) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def repacked(source, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(source, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_an_archive_has_the_members_of_keras(tmp_path):
    branching().save(tmp_path / "m.keras")
    found = members_of(tmp_path / "m.keras")

    assert list(found) == ["metadata.json", "config.json", "model.weights.h5"]
    config = json.loads(found["config.json"])
    assert config["class_name"] == config["registered_name"] == "Functional"
    assert set(json.loads(found["metadata.json"])) == {"keras_version", "date_saved"}


def test_a_compressed_archive_with_assets_is_read(tmp_path):
    model = branching()
    model.save(tmp_path / "m.keras")
    members = members_of(tmp_path / "m.keras") | {"assets/words.txt": b"one two"}
    repacked(tmp_path / "m.keras", members, zipfile.ZIP_DEFLATED)

    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.predict(X)[0], model.predict(X)[0])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"config.json": None}, MissingPart, "no member 'config.json'"),
        ({"model.weights.h5": None}, MissingPart, "no member 'model.weights.h5'"),
        ({"model.weights.h5": None, "model.weights.npz": b""}, NotReadHere, "npz"),
        ({"config.json": b"{"}, WrongPart, "config.json: not JSON"),
        ({"metadata.json": b"[]"}, WrongPart, "metadata.json: expected a JSON object"),
        ({"model.weights.h5": b"no weights"}, UnreadableFile, "not an HDF5 file"),
    ],
)
def test_an_archive_that_lacks_a_part_is_refused(tmp_path, change, error, message):
    branching().save(tmp_path / "m.keras")
    members = members_of(tmp_path / "m.keras") | change
    repacked(tmp_path / "m.keras", {k: v for k, v in members.items() if v is not None})

    with pytest.raises(error, match=message):
        keras.models.load_model(tmp_path / "m.keras")


def test_the_weights_of_an_archive_are_loaded_into_a_model(tmp_path):
    model, other = branching(), branching()
    model.save(tmp_path / "m.keras")
    other.load_weights(tmp_path / "m.keras")

    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_save_that_fails_leaves_the_old_archive(tmp_path, monkeypatch):
    model = branching()
    model.save(tmp_path / "m.keras")
    before = (tmp_path / "m.keras").read_bytes()
    monkeypatch.setattr("zlib.crc32", lambda _: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        model.save(tmp_path / "m.keras")
    assert (tmp_path / "m.keras").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["m.keras"]


def test_a_configuration_that_another_program_changed_counts(tmp_path):
    model = branching()
    model.save(tmp_path / "m.keras")
    members = members_of(tmp_path / "m.keras")
    members["config.json"] = members["config.json"].replace(b'"branching"', b'"renamed"')
    repacked(tmp_path / "m.keras", members)

    assert keras.models.load_model(tmp_path / "m.keras").name == "renamed"
