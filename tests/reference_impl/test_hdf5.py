"""The layout in the file: FORMATS, sections 1 and 2.1."""

import h5py
import numpy as np
import pytest
from h5py import h5a, h5t

from saveproof import reference_impl as keras
from saveproof.reference_impl.saving.errors import UnwritableName, WrongPart
from saveproof.reference_impl.saving.hdf5.parts import opened
from saveproof.reference_impl.saving.hdf5.reader import read_model, read_weights
from saveproof.reference_impl.saving.hdf5.weights_tree import MOST_LINKS
from saveproof.reference_impl.saving.hdf5.writer import TOP_LEVEL, write_model, write_weights
from saveproof.reference_impl.saving.hdf5.writer_parts import HEADER_LIMIT
from saveproof.reference_impl.state import LayerWeights, ModelState, NamedArray, WeightsState


def weights(*names, layer="dense"):
    arrays = tuple(NamedArray(name, np.arange(3, dtype="float32")) for name in names)
    return WeightsState((LayerWeights(layer, arrays), LayerWeights("empty", ())))


def test_a_whole_model_has_the_attributes_and_groups_of_keras(tmp_path):
    state = ModelState(
        architecture={"class_name": "Sequential", "config": {"name": "größe"}},
        weights=weights("dense/kernel:0"),
        training={"loss": "mse"},
        optimizer=(NamedArray("iteration:0", np.int64(3)[()].reshape(())),),
    )
    write_model(state, tmp_path / "m.h5")

    with h5py.File(tmp_path / "m.h5") as file:
        found: list[str] = []
        file.visit(found.append)
        assert found == [
            "model_weights",
            "model_weights/dense",
            "model_weights/dense/dense",
            "model_weights/dense/dense/kernel:0",
            "model_weights/empty",
            "model_weights/top_level_model_weights",
            "optimizer_weights",
            "optimizer_weights/iteration:0",
        ]
        assert sorted(file.attrs) == [
            "backend",
            "keras_version",
            "model_config",
            "training_config",
        ]
        assert list(file["model_weights"].attrs["layer_names"]) == ["dense", "empty"]
        assert file["model_weights/empty"].attrs["weight_names"].dtype == np.float64
        assert file["optimizer_weights/iteration:0"].shape == ()
        assert file["model_weights/dense/dense/kernel:0"].chunks is None


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("backend", h5t.CSET_UTF8),
        ("keras_version", h5t.CSET_UTF8),
        ("model_config", h5t.CSET_ASCII),
    ],
)
def test_texts_are_of_variable_length_and_declared_as_keras_declares_them(tmp_path, name, encoding):
    write_model(ModelState({"config": "é"}, weights()), tmp_path / "m.h5")

    with h5py.File(tmp_path / "m.h5") as file:
        kind = h5a.open(file.id, name.encode()).get_type()
        assert kind.is_variable_str()
        assert kind.get_cset() == encoding


def weights_in(source):
    with opened(source) as root:
        return read_weights(root)


def test_a_state_comes_back(tmp_path):
    state = weights("dense/kernel:0", "dense/bias:0")
    write_weights(state, tmp_path / "w.h5")
    found = weights_in(tmp_path / "w.h5")

    assert [layer.layer for layer in found.layers] == ["dense", "empty"]
    assert [array.name for array in found.layers[0].weights] == ["dense/kernel:0", "dense/bias:0"]


def test_names_beyond_64_kilobytes_are_split_over_attributes(tmp_path):
    names = [f"{'x' * 200}{number:04d}/kernel:0" for number in range(700)]
    write_weights(weights(*names), tmp_path / "w.h5")

    with h5py.File(tmp_path / "w.h5") as file:
        attributes = file["dense"].attrs
        assert sorted(attributes) == ["weight_names0", "weight_names1", "weight_names2"]
        assert attributes["weight_names0"].dtype == np.dtype("S213")
    assert [array.name for array in weights_in(tmp_path / "w.h5").layers[0].weights] == names


def test_a_name_longer_than_an_attribute_is_refused(tmp_path):
    with pytest.raises(UnwritableName, match=str(HEADER_LIMIT)):
        write_weights(weights("x" * (HEADER_LIMIT + 1)), tmp_path / "w.h5")
    assert list(tmp_path.iterdir()) == []


def test_a_long_configuration_is_one_attribute(tmp_path):
    entry = {"config": "x" * 250_000}
    write_model(ModelState(entry, weights()), tmp_path / "m.h5")

    assert read_model(tmp_path / "m.h5").architecture == entry


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32", "bool"])
def test_every_dtype_comes_back(tmp_path, dtype):
    value = np.array([[0, 1], [1, 0]]).astype(dtype)
    state = WeightsState((LayerWeights("l", (NamedArray("l/w:0", value),)),))
    write_weights(state, tmp_path / "w.h5")
    found = weights_in(tmp_path / "w.h5").layers[0].weights[0].value

    assert found.dtype == value.dtype
    np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize("layer", ["a/b", "größe", "名", "with space"])
def test_odd_layer_names_come_back(tmp_path, layer):
    write_weights(weights(f"{layer}/kernel:0", layer=layer), tmp_path / "w.h5")

    assert weights_in(tmp_path / "w.h5").layers[0].layer == layer


def test_name_that_the_layout_keeps_for_itself_is_refused(tmp_path):
    """tf_keras can neither write nor read a layer of that name."""
    with pytest.raises(UnwritableName, match="rename the layer"):
        write_weights(weights("kernel:0", layer=TOP_LEVEL), tmp_path / "w.h5")

    assert not list(tmp_path.iterdir())


def test_a_group_may_have_several_links_to_it(tmp_path):
    source = tmp_path / "w.weights.h5"
    model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,), name="dense")])
    model.save_weights(source)
    with h5py.File(source, "a") as file:
        for number in range(MOST_LINKS - 2):
            file[f"again_{number}"] = file["layers/dense"]
    model.load_weights(source)
    with h5py.File(source, "a") as file:
        for number in range(2):
            file[f"further_{number}"] = file["layers/dense"]

    with pytest.raises(WrongPart, match="links to one group"):
        model.load_weights(source)
