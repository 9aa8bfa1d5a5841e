"""Checkpoints that are not written, and those that are not read: nothing is changed by them."""

from contextlib import suppress

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.engine.errors import UnbuiltModel
from saveproof.reference_impl.saving.checkpoint.bundle_reader import open_bundle
from saveproof.reference_impl.saving.checkpoint.bundle_writer import (
    data_file,
    index_file,
    write_bundle,
)
from saveproof.reference_impl.saving.checkpoint.checkpoint_state import latest_checkpoint
from saveproof.reference_impl.saving.checkpoint.object_graph import GRAPH_KEY, Node, tensors_of
from saveproof.reference_impl.saving.errors import (
    MissingPart,
    NotReadHere,
    UnreadableFile,
    UnwritableName,
    WrongChecksum,
    WrongPart,
)
from saveproof.reference_impl.saving.format import FormatNotOffered
from saveproof.reference_impl.saving.model_files import TargetExists
from saveproof.reference_impl.saving.model_state.restore import WeightsMismatch
from saveproof.reference_impl.saving.model_state.restore_training import OptimizerMismatch
from saveproof.reference_impl.state import NamedArray
from tests.reference_impl.checkpoint_models import MODELS, compiled, everything, saved, trained

REFUSALS = (UnreadableFile, MissingPart, WrongPart, WrongChecksum, NotReadHere)


def assert_unchanged(model, prefix, error, words):
    before = everything(model)
    with pytest.raises(error, match=words):
        model.load_weights(prefix)
    assert everything(model) == before
    assert all(layer.restoring is None for layer in model.flatten_layers())


def test_another_shape_is_refused_and_nothing_changed(tmp_path):
    _, prefix = saved(keras, tmp_path)
    other = keras.Sequential([keras.layers.Dense(4, input_shape=(4,))])

    assert_unchanged(other, prefix, WeightsMismatch, "nothing was changed")


def test_another_dtype_is_refused(tmp_path):
    _, prefix = saved(keras, tmp_path)
    other = keras.Sequential([keras.layers.Dense(5, input_shape=(4,), dtype="float64")])

    assert_unchanged(other, prefix, WeightsMismatch, "float64.*float32")


def test_a_checkpoint_of_which_nothing_fits_is_refused(tmp_path):
    _, prefix = saved(keras, tmp_path, "subclassed")

    assert_unchanged(MODELS["chain"][0](keras), prefix, WeightsMismatch, "any of its variables")


def test_slots_of_other_variables_are_refused(tmp_path):
    """Same class, same shapes, but another layer was frozen when the optimizer was built."""

    def model(frozen):
        dense = [keras.layers.Dense(4, input_shape=(4,), use_bias=False) for _ in range(2)]
        built = keras.Sequential(dense)
        dense[frozen].trainable = False
        built.compile("adam", "mse")
        built.train_on_batch(MODELS["chain"][1], np.ones((8, 4)))
        return built

    model(0).save_weights(tmp_path / "ck")

    assert_unchanged(model(1), tmp_path / "ck", OptimizerMismatch, "set the same layers trainable")


def test_slots_of_other_options_are_refused(tmp_path):
    _, prefix = saved(keras, tmp_path, optimizer="amsgrad")
    other = compiled(keras, "chain", "adam")
    trained(other, "chain", steps=1)

    assert_unchanged(other, prefix, OptimizerMismatch, "saved with other options")


def test_an_optimizer_of_another_class_is_left_with_a_warning(tmp_path, caplog):
    model, prefix = saved(keras, tmp_path, optimizer="adam")
    other = compiled(keras, "chain", "momentum")
    trained(other, "chain", steps=1)
    status = other.load_weights(prefix)

    assert "of another class, ['_momentums', '_velocities']; it is not restored" in caplog.text
    assert int(other.optimizer.iterations.value) == 1
    assert np.array_equal(other.get_weights()[0], model.get_weights()[0])
    with pytest.raises(AssertionError):
        status.assert_consumed()


def test_a_model_without_weights_is_refused(tmp_path):
    with pytest.raises(UnbuiltModel):
        compiled(keras, "subclassed").save_weights(tmp_path / "ck")

    assert list(tmp_path.iterdir()) == []


def test_layers_under_what_is_no_name_are_refused(tmp_path):
    class Numbered(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = {1: keras.layers.Dense(2)}

        def call(self, inputs):
            return self.parts[1](inputs)

    model = Numbered()
    model.predict(MODELS["chain"][1])

    with pytest.raises(UnwritableName, match="found 1 of type int"):
        model.save_weights(tmp_path / "ck")


def test_a_name_of_hdf5_is_no_checkpoint(tmp_path):
    model = MODELS["chain"][0](keras)
    with pytest.raises(FormatNotOffered, match=r"omit '\.h5'"):
        model.save_weights(tmp_path / "w.h5", save_format="tf")
    model.save_weights(tmp_path / "w.ckpt", save_format="tf")

    assert open_bundle(tmp_path / "w.ckpt").shards == 1


def test_an_existing_checkpoint_is_kept_if_so_asked(tmp_path):
    model, prefix = saved(keras, tmp_path)

    with pytest.raises(TargetExists):
        model.save_weights(prefix, overwrite=False)


def test_by_name_is_refused(tmp_path):
    model, prefix = saved(keras, tmp_path)

    with pytest.raises(FormatNotOffered, match="by_name is only for HDF5"):
        model.load_weights(prefix, by_name=True)


def test_a_missing_checkpoint_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="ck"):
        MODELS["chain"][0](keras).load_weights(tmp_path / "ck")


def test_the_latest_checkpoint_of_a_folder_is_told(tmp_path):
    model, _ = saved(keras, tmp_path)
    model.save_weights(tmp_path / 'a "name"\n')

    assert (tmp_path / "checkpoint").read_text().startswith(r'model_checkpoint_path: "a \"name\"\n')
    assert latest_checkpoint(tmp_path) == tmp_path / 'a "name"\n'
    assert latest_checkpoint(tmp_path / "none") is None


def test_a_list_of_checkpoints_that_is_none_is_refused(tmp_path):
    (tmp_path / "checkpoint").write_text("model_checkpoint_path: ck")

    with pytest.raises(UnreadableFile, match="not a list of checkpoints"):
        latest_checkpoint(tmp_path)


def test_a_graph_that_names_a_missing_tensor_is_refused(tmp_path):
    root = Node({"a": Node(value=np.ones(1))})
    *_, graph = tensors_of(root)
    write_bundle(tmp_path / "ck", [graph])

    with pytest.raises(MissingPart, match=r"no tensor 'a/\.ATTRIBUTES/VARIABLE_VALUE'"):
        MODELS["chain"][0](keras).load_weights(tmp_path / "ck")


@pytest.mark.parametrize("graph", [np.ones(1), np.array([b"", b""], object)])
def test_what_is_no_graph_is_refused(tmp_path, graph):
    write_bundle(tmp_path / "ck", [NamedArray(GRAPH_KEY, graph)])

    with pytest.raises(WrongPart, match="expected one string"):
        MODELS["chain"][0](keras).load_weights(tmp_path / "ck")


def test_a_bundle_without_graph_is_refused(tmp_path):
    write_bundle(tmp_path / "ck", [NamedArray("a", np.ones(1))])

    with pytest.raises(MissingPart, match=GRAPH_KEY):
        MODELS["chain"][0](keras).load_weights(tmp_path / "ck")


def test_no_damage_at_random_is_loaded_as_something_else(tmp_path):
    """One bit of the index or of the data, 120 times; every bit of a small one in test_bundle."""
    model, prefix = saved(keras, tmp_path, "subclassed", "ema")
    expected = everything(model)
    random = np.random.default_rng(0)
    for file in (index_file(prefix), data_file(prefix, 0, 1)):
        whole = file.read_bytes()
        for _ in range(60):
            damaged = bytearray(whole)
            damaged[random.integers(len(whole))] ^= 1 << random.integers(8)
            file.write_bytes(damaged)
            with suppress(REFUSALS):
                model.load_weights(prefix)

            assert everything(model) == expected
        file.write_bytes(whole)
