"""Checkpoints that the reference writes and reads: what comes back, and when."""

from contextlib import suppress

import numpy as np
import pytest

import reference_impl as keras
from reference_impl.formats.bundle_read import open_bundle
from reference_impl.formats.bundle_write import data_file, index_file, write_bundle
from reference_impl.formats.checkpoint_state import latest_checkpoint
from reference_impl.formats.errors import (
    MissingPart,
    NotReadHere,
    UnreadableFile,
    UnwritableName,
    WrongChecksum,
    WrongPart,
)
from reference_impl.formats.object_graph import GRAPH_KEY, Node, tensors_of
from reference_impl.models.errors import UnbuiltModel
from reference_impl.models.restore import WeightsMismatch
from reference_impl.models.restore_training import OptimizerMismatch
from reference_impl.saving import FormatNotOffered, TargetExists
from reference_impl.state import NamedArray
from tests.reference_impl.checkpoint_models import MODELS, OPTIMIZERS, compiled, trained

REFUSALS = (UnreadableFile, MissingPart, WrongPart, WrongChecksum, NotReadHere)


def saved(tmp_path, kind="chain", optimizer="adam", *, steps=2):
    """Return a trained model and the prefix of its checkpoint."""
    model = compiled(keras, kind, optimizer)
    trained(model, kind, steps=steps)
    model.save_weights(tmp_path / "ck")
    return model, tmp_path / "ck"


def everything(model):
    """Return all state of a model, as bytes."""
    variables = list(model.weights)
    if model.optimizer is not None:
        variables += [*model.optimizer.variables, model.optimizer.learning_rate]
        variables += list(model.optimizer.extra_state.values())
    variables += [state for layer in model.flatten_layers() for state in layer.extra_state.values()]
    variables += [variable for metric in model.metrics for variable in metric.variables]
    return [variable.value.tobytes() for variable in variables]


@pytest.mark.parametrize(
    ("kind", "optimizer"),
    [(kind, "adam") for kind in MODELS] + [("chain", name) for name in OPTIMIZERS],
)
def test_training_goes_on_to_the_last_bit(tmp_path, kind, optimizer):
    model, prefix = saved(tmp_path, kind, optimizer)
    resumed = compiled(keras, kind, optimizer)
    status = resumed.load_weights(prefix)

    assert trained(resumed, kind, steps=3) == trained(model, kind, steps=3)
    status.assert_consumed()
    assert everything(resumed) == everything(model)


def test_a_model_that_has_trained_comes_back_whole_at_once(tmp_path):
    """Weights, optimizer, generators, recurrent state and metrics."""

    def model():
        given = keras.Input(batch_shape=(8, 5, 4))
        x = keras.layers.GRU(3, stateful=True, dropout=0.5)(given)
        x = keras.layers.Dropout(0.3)(x)
        built = keras.Model(given, keras.layers.Dense(2)(x))
        built.compile(keras.optimizers.Nadam(0.01), "mse", metrics=["mae"])
        x = np.random.default_rng(0).normal(size=(8, 5, 4)).astype("float32")
        built.train_on_batch(x, np.ones((8, 2)))
        return built

    first, second = model(), model()
    first.save_weights(tmp_path / "ck")
    before = everything(second)
    second.load_weights(tmp_path / "ck").assert_consumed()

    assert before != everything(second) == everything(first)


def test_an_unbuilt_subclassed_model_is_restored_when_its_weights_are_made(tmp_path):
    model, prefix = saved(tmp_path, "subclassed")
    late = compiled(keras, "subclassed")
    status = late.load_weights(prefix)

    with pytest.raises(AssertionError, match="values were not taken"):
        status.assert_consumed()
    x = MODELS["subclassed"][1]
    assert np.array_equal(late.predict(x), model.predict(x))
    assert trained(late, "subclassed", steps=2) == trained(model, "subclassed", steps=2)
    status.assert_consumed()


def test_a_stack_whose_input_is_unknown_is_restored_at_its_first_call(tmp_path):
    def stack(**first):
        return keras.Sequential([keras.layers.Dense(3, **first), keras.layers.Dense(2)])

    model, late = stack(input_shape=(4,)), stack()
    model.save_weights(tmp_path / "ck")
    late.load_weights(tmp_path / "ck")
    x = MODELS["chain"][1]

    assert np.array_equal(late.predict(x), model.predict(x))


def test_an_optimizer_that_compile_brings_later_is_restored(tmp_path):
    model, prefix = saved(tmp_path)
    late = MODELS["chain"][0](keras)
    late.load_weights(prefix)
    late.compile(OPTIMIZERS["adam"](keras.optimizers), "mse")

    assert int(late.optimizer.iterations.value) == 2
    assert trained(late, "chain", steps=2) == trained(model, "chain", steps=2)


def test_an_optimizer_compiled_after_one_was_restored_is_fresh(tmp_path):
    _, prefix = saved(tmp_path)
    model = compiled(keras, "chain")
    model.load_weights(prefix)
    model.compile(OPTIMIZERS["adam"](keras.optimizers), "mse")

    assert int(model.optimizer.iterations.value) == 0


def test_a_value_that_does_not_fit_is_refused_when_its_variable_is_made(tmp_path):
    keras.Sequential([keras.layers.Dense(3, input_shape=(4,))]).save_weights(tmp_path / "ck")
    late = keras.Sequential([keras.layers.Dense(2)])
    late.load_weights(tmp_path / "ck")

    with pytest.raises(WeightsMismatch, match=r"kernel.*\(4, 2\).*\(4, 3\)"):
        late.predict(MODELS["chain"][1])


def test_a_layer_without_weights_may_be_put_between(tmp_path):
    model, prefix = saved(tmp_path)
    wider = keras.Sequential([*[keras.layers.Dropout(0.5)], *MODELS["chain"][0](keras).layers])
    wider.build((None, 4))
    wider.load_weights(prefix).assert_existing_objects_matched()

    assert all(map(np.array_equal, wider.get_weights(), model.get_weights()))


def test_weights_that_the_checkpoint_lacks_are_named(tmp_path, caplog):
    keras.Sequential([keras.layers.Dense(3, input_shape=(4,))]).save_weights(tmp_path / "ck")
    longer = keras.Sequential(
        [keras.layers.Dense(3, input_shape=(4,)), keras.layers.Dense(2, name="more")]
    )
    status = longer.load_weights(tmp_path / "ck").expect_partial()

    assert "2 weights have no value" in caplog.text
    with pytest.raises(AssertionError, match=r"2 variables .*more/kernel:0"):
        status.assert_existing_objects_matched()


def assert_unchanged(model, prefix, error, words):
    before = everything(model)
    with pytest.raises(error, match=words):
        model.load_weights(prefix)
    assert everything(model) == before
    assert all(layer.restoring is None for layer in model.flatten_layers())


def test_another_shape_is_refused_and_nothing_changed(tmp_path):
    _, prefix = saved(tmp_path)
    other = keras.Sequential([keras.layers.Dense(4, input_shape=(4,))])

    assert_unchanged(other, prefix, WeightsMismatch, "nothing was changed")


def test_another_dtype_is_refused(tmp_path):
    _, prefix = saved(tmp_path)
    other = keras.Sequential([keras.layers.Dense(5, input_shape=(4,), dtype="float64")])

    assert_unchanged(other, prefix, WeightsMismatch, "float64.*float32")


def test_a_checkpoint_of_which_nothing_fits_is_refused(tmp_path):
    _, prefix = saved(tmp_path, "subclassed")

    assert_unchanged(MODELS["chain"][0](keras), prefix, WeightsMismatch, "none of its variables")


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
    _, prefix = saved(tmp_path, optimizer="amsgrad")
    other = compiled(keras, "chain", "adam")
    trained(other, "chain", steps=1)

    assert_unchanged(other, prefix, OptimizerMismatch, "saved with other options")


def test_an_optimizer_of_another_class_is_left_with_a_warning(tmp_path, caplog):
    model, prefix = saved(tmp_path, optimizer="adam")
    other = compiled(keras, "chain", "momentum")
    trained(other, "chain", steps=1)
    status = other.load_weights(prefix)

    assert "of another class, ['_momentums', '_velocities']: it is left" in caplog.text
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
    with pytest.raises(FormatNotOffered, match=r"leave '\.h5' out"):
        model.save_weights(tmp_path / "w.h5", save_format="tf")
    model.save_weights(tmp_path / "w.ckpt", save_format="tf")

    assert open_bundle(tmp_path / "w.ckpt").shards == 1


def test_an_existing_checkpoint_is_kept_if_so_asked(tmp_path):
    model, prefix = saved(tmp_path)

    with pytest.raises(TargetExists):
        model.save_weights(prefix, overwrite=False)


def test_by_name_is_refused(tmp_path):
    model, prefix = saved(tmp_path)

    with pytest.raises(FormatNotOffered, match="by_name is for HDF5"):
        model.load_weights(prefix, by_name=True)


def test_a_missing_checkpoint_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="ck"):
        MODELS["chain"][0](keras).load_weights(tmp_path / "ck")


def test_the_latest_checkpoint_of_a_folder_is_told(tmp_path):
    model, _ = saved(tmp_path)
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
    model, prefix = saved(tmp_path, "subclassed", "ema")
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
