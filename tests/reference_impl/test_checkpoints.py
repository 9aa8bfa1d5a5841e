"""Checkpoints that the reference writes and reads: what comes back, and when."""

import numpy as np
import pytest

from saveproof import reference_impl as keras
from saveproof.reference_impl.saving.checkpoint.bundle_writer import write_bundle
from saveproof.reference_impl.saving.checkpoint.object_graph import Node, tensors_of
from saveproof.reference_impl.saving.checkpoint.trackable import tree_of
from saveproof.reference_impl.saving.model_state.restore import WeightsMismatch
from tests.reference_impl.checkpoint_models import (
    MODELS,
    OPTIMIZERS,
    compiled,
    everything,
    saved,
    trained,
)


@pytest.mark.parametrize(
    ("kind", "optimizer"),
    [(kind, "adam") for kind in MODELS] + [("chain", name) for name in OPTIMIZERS],
)
def test_training_goes_on_to_the_last_bit(tmp_path, kind, optimizer):
    model, prefix = saved(keras, tmp_path, kind, optimizer)
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
    model, prefix = saved(keras, tmp_path, "subclassed")
    late = compiled(keras, "subclassed")
    status = late.load_weights(prefix)

    with pytest.raises(AssertionError, match="values were not restored"):
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
    model, prefix = saved(keras, tmp_path)
    late = MODELS["chain"][0](keras)
    late.load_weights(prefix)
    late.compile(OPTIMIZERS["adam"](keras.optimizers), "mse")

    assert int(late.optimizer.iterations.value) == 2
    assert trained(late, "chain", steps=2) == trained(model, "chain", steps=2)


def test_an_optimizer_compiled_after_one_was_restored_is_fresh(tmp_path):
    _, prefix = saved(keras, tmp_path)
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
    model, prefix = saved(keras, tmp_path)
    wider = keras.Sequential([*[keras.layers.Dropout(0.5)], *MODELS["chain"][0](keras).layers])
    wider.build((None, 4))
    wider.load_weights(prefix).assert_existing_objects_matched()

    assert all(map(np.array_equal, wider.get_weights(), model.get_weights()))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_layer_without_weights_may_be_left_out(tmp_path, place):
    """`layer-0` of the file may be the model's second layer; the weights tell which is which."""

    def stack(*, dropout):
        layers = [keras.layers.Dense(3, name="a"), keras.layers.Dense(3, name="b")]
        layers[place:place] = [keras.layers.Dropout(0.5)] if dropout else []
        return keras.Sequential([keras.Input((3,)), *layers])

    longer, shorter = stack(dropout=True), stack(dropout=False)
    longer.save_weights(tmp_path / "ck")
    shorter.load_weights(tmp_path / "ck").assert_consumed()

    assert all(map(np.array_equal, shorter.get_weights(), longer.get_weights()))


def test_a_checkpoint_that_counts_the_input_as_a_layer_is_read(tmp_path):
    """TensorFlow 2.0 numbered the layers of a Sequential from its input layer on."""
    model = keras.Sequential(
        [keras.layers.Dense(3, input_shape=(3,)), keras.layers.Dropout(0.5), keras.layers.Dense(3)]
    )
    tree = tree_of(model)
    by_number = {f"layer-{n + 1}": tree.children.pop(f"layer-{n}") for n in range(3)}
    tree.children = {"layer-0": Node(), **tree.children, **by_number}
    write_bundle(tmp_path / "ck", tensors_of(tree))
    loaded = keras.models.clone_model(model)
    loaded.load_weights(tmp_path / "ck").assert_consumed()

    assert all(map(np.array_equal, loaded.get_weights(), model.get_weights()))


def test_weights_that_the_checkpoint_lacks_are_named(tmp_path, caplog):
    keras.Sequential([keras.layers.Dense(3, input_shape=(4,))]).save_weights(tmp_path / "ck")
    longer = keras.Sequential(
        [keras.layers.Dense(3, input_shape=(4,)), keras.layers.Dense(2, name="more")]
    )
    status = longer.load_weights(tmp_path / "ck").expect_partial()

    assert "2 weights have no value" in caplog.text
    with pytest.raises(AssertionError, match=r"2 variables .*more/kernel:0"):
        status.assert_existing_objects_matched()
